import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import { nativeIdOf } from './inventory/identity.ts';
import { SimulatedWorkstation, type Knobs } from './testing/simulated-workstation.ts';
import type { WorkstationDriver } from './workstation.driver.ts';

describe('a graceful stop', () => {
  let host: SimulatedWorkstation;
  let driver: WorkstationDriver;

  beforeAll(async () => {
    host = new SimulatedWorkstation();
    driver = await host.open();
  });
  afterEach(() => host.endProcesses());
  afterAll(() => host.close());

  const started = async (name: string, knobs: Knobs) => {
    const vmx = await host.foreignVm(host.vmFolder, name);
    host.set(knobs);
    await host.vmrun('start', vmx, 'nogui');
    return { nativeId: nativeIdOf(vmx, 'linux'), vmx };
  };
  const stop = (nativeId: string, timeoutSeconds: number) =>
    new TestOperation().run((context) => driver.stop(nativeId, { force: false, timeoutSeconds }, context));

  it('waits for the list of vmrun, which lags behind', async () => {
    const { nativeId } = await started('lagging', { listLagMs: 1_500 });
    expect(await stop(nativeId, 20)).toBe('changed');
    expect(await driver.get(nativeId)).toMatchObject({ state: 'stopped' });
  }, 30_000);

  it('counts as done in time when only the list goes on', async () => {
    const { nativeId } = await started('last-moment', { listLagMs: 4_500 });
    expect(await stop(nativeId, 4)).toBe('changed');
  }, 30_000);

  it('names the cause when the guest does not hear it', async () => {
    const { nativeId, vmx } = await started('deaf', { tools: 'absent' });
    const problem = await expectProblem('timed-out', stop(nativeId, 5));
    expect(problem.message).toMatch(/Workstation says: .*VMware Tools are not running.*stop it with force/);
    expect(await host.vmrun('list')).toContain(vmx);
  }, 30_000);
});
