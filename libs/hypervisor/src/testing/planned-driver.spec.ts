import { afterEach, describe, expect, it } from '@jest/globals';
import { CreateVm, ProblemError, type Forecast } from '@polyvirt/contracts';
import type { HypervisorDriver, OperationContext } from '../driver.ts';
import { benchOn } from '../fake/fake-bench.ts';
import { FakeHost } from '../fake/fake-host.ts';
import { FakeDriver } from '../fake/fake.driver.ts';
import type { Plans } from '../plan.ts';
import { PlannedDriver } from './planned-driver.ts';
import { TestOperation } from './test-operation.ts';

const hosts: FakeHost[] = [];
afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

/** A fake driver of which the plans or the acts are replaced by such as do not belong together. */
async function on(change: (driver: FakeDriver) => { plans?: Plans; acts?: Partial<HypervisorDriver> }) {
  const host = new FakeHost();
  hosts.push(host);
  const driver = new FakeDriver({ host });
  const { plans = {}, acts = {} } = change(driver);
  const own: Partial<HypervisorDriver> = { ...acts, plans: { ...driver.plans, ...plans } };
  const altered = new Proxy(driver as HypervisorDriver, {
    get: (target, key) => {
      if (key in own) return own[key as keyof HypervisorDriver];
      const member: unknown = Reflect.get(target, key, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  const signal = () => new AbortController().signal;
  const { capabilities } = await driver.probe(signal());
  const planned = new PlannedDriver(altered, benchOn(host), () => capabilities, signal).driver;
  const run = <Result>(act: (context: OperationContext) => Promise<Result>) => new TestOperation().run(act);
  const body = CreateVm.parse({ name: 'one', disks: [{ sizeGiB: 1, image: 'tiny-linux' }], start: true });
  const { nativeId } = await run((context) => driver.create(body, context));
  return { host, driver: planned, nativeId, body, run };
}

const forecast = (value: Forecast) => async () => value;

describe('a driver that is planned', () => {
  it('passes when plan and act belong together', async () => {
    const { driver, nativeId, run } = await on(() => ({}));
    expect(await run((context) => driver.reconfigure!.apply(nativeId, { cpus: 3 }, context))).toEqual({
      effect: 'changed',
    });
    await expect(run((context) => driver.delete(nativeId, { disks: 'delete' }, context))).rejects.toThrow(ProblemError);
    expect(await run((context) => driver.stop(nativeId, { force: true, timeoutSeconds: 1 }, context))).toBe('changed');
  });

  it.each<[string, Parameters<typeof on>[0], (made: Awaited<ReturnType<typeof on>>) => Promise<unknown>]>([
    [
      'refuses what the act does',
      () => ({ plans: { 'vm.reconfigure': () => Promise.reject(new ProblemError('wrong-state', 'No.')) } }),
      ({ driver, nativeId, run }) => run((context) => driver.reconfigure!.apply(nativeId, { cpus: 3 }, context)),
    ],
    [
      'allows what the act refuses',
      () => ({ plans: { 'vm.create': forecast({}) } }),
      ({ driver, body, run }) => run((context) => driver.create(body, context)),
    ],
    [
      'refuses for another reason',
      () => ({ plans: { 'vm.create': () => Promise.reject(new ProblemError('image-not-found', 'No.')) } }),
      ({ driver, body, run }) => run((context) => driver.create(body, context)),
    ],
    [
      'says now where it waits',
      () => ({ plans: { 'vm.reconfigure': forecast({ changes: [{ pointer: '/cpus', when: 'now' }] }) } }),
      ({ driver, nativeId, run }) => run((context) => driver.reconfigure!.apply(nativeId, { cpus: 3 }, context)),
    ],
    [
      'says that it waits where it does not',
      () => ({ plans: { 'vm.reconfigure': forecast({ changes: [{ pointer: '/name', when: 'next-power-off' }] }) } }),
      ({ driver, nativeId, run }) => run((context) => driver.reconfigure!.apply(nativeId, { name: 'two' }, context)),
    ],
    [
      'says another value',
      () => ({ plans: { 'vm.reconfigure': forecast({ changes: [{ pointer: '/name', to: 'three' }] }) } }),
      ({ driver, nativeId, run }) => run((context) => driver.reconfigure!.apply(nativeId, { name: 'two' }, context)),
    ],
    [
      'says that something changes where nothing does',
      () => ({ plans: { 'vm.reconfigure': forecast({ changes: [{ pointer: '/nics/-', to: {} }] }) } }),
      ({ driver, nativeId, run }) => run((context) => driver.reconfigure!.apply(nativeId, {}, context)),
    ],
    [
      'names steps that are none',
      () => ({ plans: { 'vm.reconfigure': forecast({ steps: [{ name: 'pray' }] }) } }),
      ({ driver, nativeId, run }) => run((context) => driver.reconfigure!.apply(nativeId, { cpus: 3 }, context)),
    ],
    [
      'promises peace where the power is cut',
      () => ({ plans: { 'vm.reset': forecast({ disruption: 'none' }) } }),
      ({ driver, nativeId, run }) => run((context) => driver.reset(nativeId, context)),
    ],
    [
      'says nothing of a restart',
      ({ host, reconfigure }) => ({
        acts: {
          reconfigure: {
            apply: (nativeId, ...rest) => {
              host.reset(nativeId);
              return reconfigure!.apply(nativeId, ...rest);
            },
          },
        },
      }),
      ({ driver, nativeId, run }) => run((context) => driver.reconfigure!.apply(nativeId, { name: 'two' }, context)),
    ],
  ])('fails when its plan %s', async (_, change, act) => {
    await expect(act(await on(change))).rejects.not.toBeInstanceOf(ProblemError);
  });
});
