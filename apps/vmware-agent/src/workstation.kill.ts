import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
import { volumeIdOf } from '@polyvirt/hypervisor';
import { isoOf, sha256Of } from '@polyvirt/hypervisor/testing';
import { readVmdk } from './disks/vmdk.ts';
import { MAKING_MARK } from './inventory/discovery.ts';
import { nativeIdOf } from './inventory/identity.ts';
import { readPending } from './inventory/pending-changes.ts';
import { SnapshotTree } from './snapshots/snapshot-tree.ts';
import type { AgentProcessOptions } from './testing/agent-process.ts';
import { SimulatedWorkstation } from './testing/simulated-workstation.ts';
import { driveOf } from './vmx/devices.ts';
import { Dictionary } from './vmx/dictionary.ts';
import { disksOf, nicsOf } from './vmx/hardware-reader.ts';

const program = fileURLToPath(new URL('./testing/agent-process.ts', import.meta.url));
const endWithinMs = 40_000;

let host: SimulatedWorkstation;
let bench: AgentBench;
let agent: MortalAgent;
let model: string;
const image = isoOf(300_000);
let uploads: UploadServer;

beforeAll(async () => {
  uploads = await UploadServer.start(image);
  host = new SimulatedWorkstation();
  model = await host.foreignVm(host.folder, 'model', {}, true);
  bench = await AgentBench.open();
  await bench.redeliverAfter(1_000);
});

beforeEach(() => {
  const options: AgentProcessOptions = {
    config: bench.config({ drainSeconds: 1, logLevel: 'error', gatewayUrl: uploads.url }),
    driver: host.options(),
  };
  agent = new MortalAgent(bench, () => AgentChild.run(program, options));
});

afterEach(async () => {
  await agent.stop();
  // What a test that failed has left is no other test's business.
  await host.endProcesses();
  host.clear();
  host.clock.release();
  host.set({});
});

afterAll(async () => {
  await bench.close();
  await uploads.stop();
  await host.close();
});

const vmxFiles = () =>
  host
    .files()
    .filter((path) => path.endsWith('.vmx'))
    .map((path) => join(host.vmFolder, path));
const configurationOf = (vmx: string) => Dictionary.parse(readFileSync(vmx));
const made = (name: string) => vmxFiles().filter((vmx) => configurationOf(vmx).get('displayName') === name);
const snapshotsOf = (vmx: string) => {
  const file = readdirSync(dirname(vmx)).find((name) => name.endsWith('.vmsd'));
  return file === undefined ? [] : new SnapshotTree(Dictionary.parse(readFileSync(join(dirname(vmx), file)))).all;
};
const disksIn = (vmx: string) => readdirSync(dirname(vmx)).filter((name) => name.endsWith('.vmdk'));
const diskNamesOf = (vmx: string) => disksOf(configurationOf(vmx)).map(({ fileName }) => basename(fileName));
/** A snapshot moves the disk of a VM onto another file, which is told, too. */
const typesOf = (nativeId: NativeId) =>
  bench.vmEvents(nativeId).flatMap(({ type }) => (type === 'vm.reconfigured' ? [] : type));
/** Folders without a VM, and VMs that are still being made. */
const halfMade = () => {
  const folders = readdirSync(host.vmFolder);
  return folders.filter((folder) => {
    const names = readdirSync(join(host.vmFolder, folder));
    return names.includes(MAKING_MARK) || !names.some((name) => name.endsWith('.vmx'));
  });
};
const isListed = async (vmx: string) => (await host.vmrun('list')).includes(vmx);

const newImage = (name: string) =>
  bench.command('image.create', undefined, { name, upload: uploads.upload, sha256: sha256Of(image), ticket: 'shown' });
const imageFiles = () => readdirSync(host.imageFolder);

/** A VM that was there before, known to the agent. */
const existing = async (name: string): Promise<NativeId> => {
  const nativeId = nativeIdOf(host.copyVm(model, name), 'linux');
  await eventually(async () => expect(await bench.record(nativeId)).toBeDefined(), endWithinMs);
  return nativeId;
};
const pathOf = (nativeId: NativeId) => vmxFiles().find((vmx) => nativeIdOf(vmx, 'linux') === nativeId)!;

/** An operation that got by with fewer writes leaves an order behind that the next write would obey. */
async function withdrawOrder(): Promise<void> {
  const child = await agent.alive();
  await Promise.race([child.order({ write: 0, moment: 'before' }), child.exited]);
  await agent.alive();
}

/** Removes all VMs, and waits until the agent has told so: its writes would count as those of the next operation. */
async function forget(): Promise<void> {
  const known = vmxFiles().map((vmx) => nativeIdOf(vmx, 'linux'));
  await withdrawOrder();
  await host.endProcesses();
  host.clear();
  for (const nativeId of known)
    await eventually(async () => expect(await bench.record(nativeId)).toBeUndefined(), endWithinMs);
}

const createScenario: KillScenario = {
  title: 'a create',
  prepare: async (name) =>
    bench.create(name, {
      start: true,
      nics: [{ network: 'vmnet8', address: 'auto' }],
      cloudInit: { userData: '#cloud-config' },
    }),
  check: async (_command, name) => {
    const [vmx, ...others] = made(name);
    expect(others).toEqual([]);
    expect(await isListed(vmx!)).toBe(true);
    expect(disksIn(vmx!)).toHaveLength(1);
    expect(typesOf(nativeIdOf(vmx!, 'linux'))).toEqual(['vm.created', 'vm.started']);
  },
};
const cloneScenario: KillScenario = {
  title: 'a linked clone',
  prepare: async (name) =>
    bench.command('vm.clone', await existing(`${name}-source`), { name, linked: true, start: false }),
  check: ({ nativeId }, name) => {
    const vmxs = made(name);
    expect(vmxs).toHaveLength(1);
    expect(disksIn(vmxs[0]!)).toHaveLength(1);
    expect(snapshotsOf(pathOf(nativeId!))).toHaveLength(1);
    expect(disksIn(pathOf(nativeId!))).toHaveLength(2);
    expect(typesOf(nativeIdOf(vmxs[0]!, 'linux'))).toEqual(['vm.created']);
    expect(bench.vmEvents(nativeIdOf(vmxs[0]!, 'linux'))[0]!.data.vm.name).toBe(name);
  },
};
const scenarios: readonly KillScenario[] = [
  createScenario,
  cloneScenario,
  {
    title: 'an image that comes',
    prepare: async (name) => newImage(name),
    check: (_command, name) => {
      expect(imageFiles().filter((file) => file.startsWith(name) || file.startsWith('.'))).toEqual([`${name}.iso`]);
    },
  },
  {
    title: 'an image that goes',
    prepare: async (name) => {
      await bench.carryOut(newImage(name));
      return bench.command('image.delete', undefined, { image: name });
    },
    check: (_command, name) => expect(imageFiles()).not.toContain(`${name}.iso`),
  },
  {
    title: 'a snapshot',
    prepare: async (name) => bench.command('vm.snapshot-create', await existing(name), { name: 'a', memory: false }),
    check: ({ nativeId }) => {
      expect(snapshotsOf(pathOf(nativeId!)).map(({ name }) => name)).toEqual(['a']);
      expect(disksIn(pathOf(nativeId!))).toHaveLength(2);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.snapshot-created']);
    },
  },
  {
    title: 'a deletion',
    prepare: async (name) => bench.command('vm.delete', await existing(name), { disks: 'delete' }),
    check: async ({ nativeId, operationId }) => {
      expect(readdirSync(host.vmFolder)).toEqual([]);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.deleted']);
      expect(await bench.record(nativeId!)).toBeUndefined();
      expect(bench.operationEvents(operationId).at(-1)?.changed).toBe(true);
    },
  },
  {
    title: 'an interface that comes',
    prepare: async (name) => {
      const nic = { network: 'vmnet8', address: 'auto' };
      return bench.command('vm.nic-add', await existing(name), nic);
    },
    check: ({ nativeId }) => {
      expect(nicsOf(configurationOf(pathOf(nativeId!)))).toMatchObject([{ network: 'vmnet8' }]);
    },
  },
  {
    title: 'a disk that comes',
    prepare: async (name) => bench.command('vm.disk-add', await existing(name), { sizeGiB: 1 }),
    check: ({ nativeId }) => {
      const vmx = pathOf(nativeId!);
      expect(disksIn(vmx)).toHaveLength(2);
      expect(diskNamesOf(vmx).sort()).toEqual(disksIn(vmx).sort());
    },
  },
  {
    title: 'a disk that comes with the power-off',
    prepare: async (name) => {
      const nativeId = await existing(name);
      await bench.carryOut(bench.command('vm.start', nativeId));
      return bench.command('vm.disk-add', nativeId, { sizeGiB: 1 });
    },
    check: async ({ nativeId }) => {
      const vmx = pathOf(nativeId!);
      expect((await readPending(vmx)).addDisks).toHaveLength(1);
      await withdrawOrder();
      await bench.carryOut(bench.command('vm.stop', nativeId, { force: true, timeoutSeconds: 5 }));
      expect(disksIn(vmx)).toHaveLength(2);
      expect(diskNamesOf(vmx).sort()).toEqual(disksIn(vmx).sort());
    },
  },
  {
    title: 'a disk that grows',
    prepare: async (name) => {
      const nativeId = await existing(name);
      const { device } = disksOf(configurationOf(pathOf(nativeId)))[0]!;
      return bench.command('vm.disk-grow', nativeId, { device, sizeGiB: 1 });
    },
    check: async ({ nativeId }) => {
      const vmx = pathOf(nativeId!);
      expect((await readVmdk(join(dirname(vmx), diskNamesOf(vmx)[0]!))).bytes).toBe(2 ** 30);
    },
  },
  {
    title: 'a disk that goes',
    prepare: async (name) => {
      const nativeId = await existing(name);
      const { device } = disksOf(configurationOf(pathOf(nativeId)))[0]!;
      return bench.command('vm.disk-detach', nativeId, { device, keep: false });
    },
    check: ({ nativeId }) => {
      const vmx = pathOf(nativeId!);
      expect([disksIn(vmx), diskNamesOf(vmx)]).toEqual([[], []]);
    },
  },
  {
    title: 'a volume that is deleted',
    prepare: async (name) => {
      const nativeId = await existing(name);
      const vmx = pathOf(nativeId);
      const { device, fileName } = disksOf(configurationOf(vmx))[0]!;
      await bench.carryOut(bench.command('vm.disk-detach', nativeId, { device, keep: true }));
      const volume = volumeIdOf(realpathSync(join(dirname(vmx), fileName)));
      return bench.command('volume.delete', undefined, { volume });
    },
    check: ({ operationId }, name) => {
      expect(made(name).map(disksIn)).toEqual([[]]);
      expect(bench.operationEvents(operationId).at(-1)?.changed).toBe(true);
    },
  },
  {
    title: 'an insertion',
    prepare: async (name) => {
      writeFileSync(join(host.imageFolder, 'tools.iso'), '');
      return bench.command('vm.cdrom-set', await existing(name), { image: 'tools' });
    },
    check: async ({ nativeId }) => {
      expect((await bench.record(nativeId!))?.cdrom).toBe('tools');
      expect(driveOf(configurationOf(pathOf(nativeId!)))).toBeDefined();
    },
  },
];

/** The scenario, with nothing half made in the end and room for the next. */
const whole = (scenario: KillScenario): KillScenario => ({
  ...scenario,
  check: async (command, name) => {
    await scenario.check(command, name);
    expect(halfMade()).toEqual([]);
    await forget();
  },
});

describe('an agent of Workstation that is killed', () => {
  for (const scenario of scenarios)
    // Before a write work is done that nobody noted; just after it is just before the next.
    it(`before any write of ${scenario.title}`, () => agent.killAtEveryWrite(whole(scenario), 'before'), 600_000);

  /** Kills the agent while a call is under way that goes on without it. */
  const whileCalling = (title: string, fault: { command: string; at: string }, scenario: KillScenario) => {
    const prepare = async (name: string) => {
      const command = await scenario.prepare(name);
      host.clock.hold();
      host.set({ faults: [{ times: 1, delayMs: 1_000, kind: 'slow', ...fault }] });
      return command;
    };
    // The call outlives its agent, and ends when the next one has begun to wait for it.
    const push = async () => host.clock.advance(1_000);
    const isCalling = async () => {
      const { pid } = await host.clock.untilStruck(fault.command);
      expect((await host.processes()).map((one) => one.pid)).toContain(pid);
    };
    it(title, () => agent.killOnce(whole({ ...scenario, prepare, push }), isCalling), 120_000);
  };

  whileCalling('while vmrun clones goes on with one clone', { command: 'clone', at: 'halfway' }, cloneScenario);
  whileCalling(
    'while the answer to a start is out goes on with one VM',
    { command: 'start', at: 'after' },
    createScenario,
  );
  whileCalling(
    'while a disk is made goes on with one VM',
    { command: 'vmware-vdiskmanager -c', at: 'halfway' },
    createScenario,
  );
});
