import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import {
  AgentBench,
  AgentChild,
  eventually,
  MortalAgent,
  UploadServer,
  type KillScenario,
} from '@polyvirt/agent-kit/testing';
import type { NativeId } from '@polyvirt/contracts';
import { isoOf, sha256Of } from '@polyvirt/hypervisor/testing';
import { objectAt, objectsAt, textAt, type JsonObject } from './client/json.ts';
import type { AgentProcessOptions } from './testing/agent-process.ts';
import { NOTES } from './snapshots/snapshot-notes.ts';
import { driverOptions } from './testing/prism-bench.ts';
import { PrismSimulator } from './testing/prism-simulator.ts';

const program = fileURLToPath(new URL('./testing/agent-process.ts', import.meta.url));
/** One of the images that the simulator has. */
const iso = 'nutanix-virtio-1.2.4.iso';

let simulator: PrismSimulator;
let bench: AgentBench;
let agent: MortalAgent;
const image = isoOf(300_000);
let uploads: UploadServer;

beforeAll(async () => {
  uploads = await UploadServer.start(image);
  simulator = await PrismSimulator.start({ args: ['--seed-vms', '2'] });
  bench = await AgentBench.open();
  await bench.redeliverAfter(1_000);
}, 120_000);

beforeEach(() => {
  const options: AgentProcessOptions = {
    config: bench.config({ drainSeconds: 1, logLevel: 'error', gatewayUrl: uploads.url }),
    driver: { ...driverOptions(simulator), watchMs: 60_000, surveyMs: 60_000 },
  };
  agent = new MortalAgent(bench, () => AgentChild.run(program, options));
});

afterEach(() => agent.stop());

afterAll(async () => {
  await bench.close();
  await uploads.stop();
  await simulator.stop();
});

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

const create = async (name: string, input: object = {}): Promise<NativeId> => {
  const operation = await bench.carryOut(bench.create(name, input));
  return operation.vmId!.split('~')[1]!;
};

const newImage = (name: string) =>
  bench.command('image.create', undefined, { name, upload: uploads.upload, sha256: sha256Of(image), ticket: 'shown' });
const imagesOf = async (name: string) => (await simulator.list('images')).filter((one) => nameOf(one) === name);

const createScenario: KillScenario = {
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
};

const scenarios: readonly KillScenario[] = [
  createScenario,
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
  {
    title: 'a disk that comes',
    prepare: async (name) => bench.command('vm.disk-add', await create(name), { sizeGiB: 2 }),
    check: async ({ nativeId }) => {
      expect((await bench.record(nativeId!))?.disks.map(({ sizeGiB }) => sizeGiB)).toEqual([1, 2]);
      expect(bench.vmEvents(nativeId!).map(({ type }) => type)).toEqual(['vm.created', 'vm.reconfigured']);
    },
  },
  {
    title: 'an ejection',
    prepare: async (name) => bench.command('vm.cdrom-set', await create(name, { cdrom: iso }), { image: null }),
    check: async ({ nativeId }) => {
      expect((await bench.record(nativeId!))?.cdrom).toBeNull();
      expect(bench.vmEvents(nativeId!).map(({ type }) => type)).toEqual(['vm.created', 'vm.reconfigured']);
    },
  },
  {
    title: 'an image that comes',
    prepare: async (name) => newImage(name),
    check: async (_command, name) => {
      const images = (await imagesOf(name)).map((one) => objectAt(objectAt(one, 'status'), 'resources'));
      expect(images).toMatchObject([{ image_type: 'ISO_IMAGE', size_bytes: image.length }]);
    },
  },
  {
    title: 'an image that goes',
    prepare: async (name) => {
      await bench.carryOut(newImage(name));
      return bench.command('image.delete', undefined, { image: name });
    },
    check: async (_command, name) => expect(await imagesOf(name)).toEqual([]),
  },
];

describe('an agent of Prism that is killed', () => {
  const atEveryWrite = (moment: 'before' | 'after', scenario: KillScenario) =>
    it(`${moment} any write of ${scenario.title}`, async () => {
      const check: KillScenario['check'] = async (command, name) => {
        await scenario.check(command, name);
        expect(await simulator.openTasks()).toEqual([]);
      };
      await agent.killAtEveryWrite({ ...scenario, check }, moment);
    }, 600_000);

  // Before a write work is done that nobody noted. That what is noted and not begun is begun, one operation shows for all.
  for (const scenario of scenarios) atEveryWrite('before', scenario);
  atEveryWrite('after', createScenario);

  it('while Prism works on a create whose answer it never heard makes one VM', async () => {
    await simulator.holdClock();
    const post = { method: 'POST', path: '/api/nutanix/v3/vms' };
    await simulator.fault({ ...post, count: 1, effect: { kind: 'drop' } });
    await simulator.fault({ ...post, effect: { kind: 'hang' } });
    const creations = () => tasksOf('create_vm_intentful');
    let ended: Promise<void> | undefined;
    const before = await creations();
    const scenario: KillScenario = {
      title: 'a create that nobody answered',
      prepare: async (name) => bench.create(name),
      check: async (_command, name) => {
        expect(await made(name)).toHaveLength(1);
        expect(await creations()).toBe(before + 1);
      },
    };
    try {
      await agent.killOnce(
        scenario,
        () => eventually(async () => expect(await creations()).toBe(before + 1)),
        async () => {
          await simulator.control('DELETE', '/faults');
          // The next process has found the task when it has looked at it; until then it does not end.
          const look = { method: 'GET', path: '/api/nutanix/v3/tasks/*', operation: 'vm.create', count: 1 };
          const found = await simulator.fault({ ...look, effect: { kind: 'status', status: 503 } });
          ended = simulator.struck(found).then(() => simulator.runClock());
        },
      );
      await ended;
    } finally {
      await simulator.reset();
    }
  }, 300_000);
});
