import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentBench, AgentChild, eventually, type KillOrder } from '@polyvirt/agent-kit/testing';
import { isEnded, type Command, type NativeId } from '@polyvirt/contracts';
import { objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import { isUnfinished } from './client/tasks.ts';
import type { AgentProcessOptions } from './testing/agent-process.ts';
import { NOTES } from './snapshots/snapshot-notes.ts';
import { driverOptions } from './testing/prism-bench.ts';
import { PrismSimulator } from './testing/prism-simulator.ts';

const program = fileURLToPath(new URL('./testing/agent-process.ts', import.meta.url));
/** Sooner or later every operation gets by with fewer writes. */
const mostWrites = 60;
const endWithinMs = 30_000;

interface Scenario {
  readonly title: string;
  /** Makes what the command needs, and answers it. Nothing is killed meanwhile. */
  prepare(name: string): Promise<Command>;
  /** What Prism has to have in the end. */
  check(command: Command, name: string): Promise<void>;
}

let simulator: PrismSimulator;
let bench: AgentBench;
let folder: string;
let child: AgentChild | undefined;
let names = 0;

beforeAll(async () => {
  simulator = await PrismSimulator.start({ args: ['--seed-vms', '2'], knobs: { 'latency.queued': [0, 0] } });
  bench = await AgentBench.open();
  await bench.redeliverAfter(1_000);
  folder = mkdtempSync(join(tmpdir(), 'polyvirt-nutanix-'));
}, 30_000);

afterEach(async () => {
  await child?.end('SIGTERM');
  child = undefined;
});

afterAll(async () => {
  await bench.close();
  await simulator.stop();
  rmSync(folder, { recursive: true, force: true });
});

const start = async () => {
  const options: AgentProcessOptions = {
    config: bench.config({ drainSeconds: 1, logLevel: 'error' }),
    driver: { ...driverOptions(simulator), watchMs: 60_000, surveyMs: 60_000 },
  };
  child = await AgentChild.run(program, options).ready();
  return child;
};

const nameOf = (entity: JsonObject) => textAt(objectAt(entity, 'status'), 'name') ?? '';
const uuidOf = (entity: JsonObject) => textAt(objectAt(entity, 'metadata'), 'uuid') ?? '';
const made = async (name: string) => (await simulator.list('vms')).filter((vm) => nameOf(vm) === name);
const powerOf = (vm: JsonObject | undefined) => objectAt(objectAt(vm, 'status'), 'resources')['power_state'];
const pointsOf = async (vm: NativeId) =>
  (await simulator.list('vm_recovery_points')).filter((point) => {
    const resources = objectAt(objectAt(point, 'status'), 'resources');
    return objectAt(resources, 'parent_vm_reference')['uuid'] === vm;
  });
const notes = async () =>
  objectsAt(await simulator.v3('POST', `/categories/${NOTES}/list`, { length: 500 }).catch(() => ({})), 'entities');
const tasksOf = async (operation: string) =>
  (await simulator.list('tasks')).filter((task) => task['operation_type'] === operation).length;

const hasEnded = ({ operationId }: Command) => bench.operationEvents(operationId).some(({ status }) => isEnded(status));

/** True when the agent died of it. */
async function runOnce(scenario: Scenario, order: KillOrder): Promise<boolean> {
  const name = `vm-${(names += 1)}`;
  const alive = child ?? (await start());
  const command = await scenario.prepare(name);
  await alive.order(order);
  let died = false;
  const exit = alive.exited.then(() => {
    died = true;
  });
  await bench.send(command);
  while (!died && !hasEnded(command)) await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, 10))]);
  // The last write comes after the end has been told, and the acknowledgement after it.
  if (!died) await Promise.race([exit, bench.queueEmpty()]);
  if (died) {
    await start();
    await eventually(() => expect(hasEnded(command)).toBe(true), endWithinMs);
    await eventually(async () => expect(await bench.journalled(command)).toMatchObject({ told: true }));
  }
  const types = bench.events
    .filter(({ event }) => event.subject === command.operationId)
    .map(({ event }) => event.type)
    .filter((type) => type !== 'operation.progressed');
  expect(types).toEqual(['operation.started', 'operation.succeeded']);
  await scenario.check(command, name);
  expect((await simulator.list('tasks')).filter(isUnfinished)).toEqual([]);
  return died;
}

const create = async (name: string, input: object = {}): Promise<NativeId> => {
  const operation = await bench.carryOut(bench.create(name, input));
  return operation.vmId!.split('~')[1]!;
};

const scenarios: readonly Scenario[] = [
  {
    title: 'a create',
    prepare: async (name) =>
      bench.create(name, {
        start: true,
        disks: [{ image: 'tiny-linux', copy: 'cow' }],
        nics: [{ network: 'vlan10', address: 'auto' }],
        cloudInit: { userData: '#cloud-config' },
      }),
    check: async (_command, name) => {
      const [vm, ...others] = await made(name);
      expect(others).toEqual([]);
      expect(powerOf(vm)).toBe('ON');
      const types = bench.vmEvents(uuidOf(vm!)).map(({ type }) => type);
      expect(types).toEqual(['vm.created', 'vm.started']);
    },
  },
  {
    title: 'a clone',
    prepare: async (name) =>
      bench.command('vm.clone', await create(`${name}-source`), { name, linked: false, start: false }),
    check: async (_command, name) => {
      const vms = await made(name);
      expect(vms).toHaveLength(1);
      expect(bench.vmEvents(uuidOf(vms[0]!)).map(({ type }) => type)).toEqual(['vm.created']);
    },
  },
  {
    title: 'a snapshot',
    prepare: async (name) => bench.command('vm.snapshot-create', await create(name), { name: 'a', memory: false }),
    check: async ({ nativeId }) => {
      const points = await pointsOf(nativeId!);
      expect(points.map(nameOf)).toEqual(['a']);
      const values = (await notes()).map((note) => textAt(note, 'value'));
      expect(values).toEqual(expect.arrayContaining([uuidOf(points[0]!), nativeId]));
      expect(bench.vmEvents(nativeId!).map(({ type }) => type)).toEqual(['vm.created', 'vm.snapshot-created']);
    },
  },
  {
    title: 'a deletion',
    prepare: async (name) => {
      const nativeId = await create(name);
      await bench.carryOut(bench.command('vm.snapshot-create', nativeId, { name: 'a', memory: false }));
      return bench.command('vm.delete', nativeId, { disks: 'delete' });
    },
    check: async ({ nativeId }, name) => {
      expect(await made(name)).toEqual([]);
      expect(await pointsOf(nativeId!)).toEqual([]);
      expect((await notes()).map((note) => textAt(note, 'value'))).not.toContain(nativeId);
      expect(bench.vmEvents(nativeId!).at(-1)?.type).toBe('vm.deleted');
      expect(await bench.record(nativeId!)).toBeUndefined();
    },
  },
];

describe('an agent of Prism that is killed', () => {
  for (const scenario of scenarios)
    for (const moment of ['before', 'after'] as const)
      it(`${moment} any write of ${scenario.title}`, async () => {
        let write = 1;
        for (let died = true; died; write += 1) {
          expect(write).toBeLessThan(mostWrites);
          try {
            died = await runOnce(scenario, { write, moment });
          } catch (error) {
            throw new Error(`killed ${moment} write ${write}`, { cause: error });
          }
        }
        // It was really killed, and more than once.
        expect(write).toBeGreaterThan(4);
        await bench.queueEmpty();
      }, 180_000);

  it('while Prism works on a create whose answer it never heard makes one VM', async () => {
    await simulator.knobs({ 'latency.scale': 1, 'latency.create': [1_500, 1_500] });
    const post = { method: 'POST', path: '/api/nutanix/v3/vms' };
    await simulator.fault({ ...post, count: 1, effect: { kind: 'drop' } });
    await simulator.fault({ ...post, effect: { kind: 'hang' } });
    const before = await tasksOf('create_vm_intentful');
    const command = bench.create('unheard');
    try {
      const alive = child ?? (await start());
      await bench.send(command);
      await eventually(async () => expect(await tasksOf('create_vm_intentful')).toBe(before + 1));
      await alive.end('SIGKILL');
      await simulator.control('DELETE', '/faults');
      await start();
      await eventually(() => expect(hasEnded(command)).toBe(true), endWithinMs);
      expect(await made('unheard')).toHaveLength(1);
      expect(await tasksOf('create_vm_intentful')).toBe(before + 1);
    } finally {
      await simulator.reset();
    }
  }, 60_000);
});
