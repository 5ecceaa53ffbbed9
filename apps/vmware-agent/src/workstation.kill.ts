import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentBench, AgentChild, eventually, type KillOrder } from '@polyvirt/agent-kit/testing';
import { isEnded, type Command, type NativeId } from '@polyvirt/contracts';
import { MAKING_MARK } from './inventory/discovery.ts';
import { nativeIdOf } from './inventory/identity.ts';
import { SnapshotTree } from './snapshots/snapshot-tree.ts';
import type { AgentProcessOptions } from './testing/agent-process.ts';
import { SimulatedWorkstation, type Knobs } from './testing/simulated-workstation.ts';
import { Dictionary } from './vmx/dictionary.ts';

const program = fileURLToPath(new URL('./testing/agent-process.ts', import.meta.url));
/** Sooner or later every operation gets by with fewer writes. */
const mostWrites = 60;
const endWithinMs = 40_000;

interface Scenario {
  readonly title: string;
  /** Makes what the command needs, and answers it. Nothing is killed meanwhile. */
  prepare(name: string): Promise<Command>;
  /** What the host has to look like in the end. */
  check(command: Command, name: string): Promise<void> | void;
}

let host: SimulatedWorkstation;
let bench: AgentBench;
let child: AgentChild | undefined;
let model: string;
let names = 0;

beforeAll(async () => {
  host = new SimulatedWorkstation();
  model = await host.foreignVm(host.folder, 'model', {}, true);
  bench = await AgentBench.open();
  await bench.redeliverAfter(1_000);
}, 30_000);

afterEach(async () => {
  await child?.end('SIGTERM');
  child = undefined;
  host.set({});
});

afterAll(async () => {
  await bench.close();
  await host.close();
});

const start = async () => {
  const options: AgentProcessOptions = {
    config: bench.config({ drainSeconds: 1, logLevel: 'error' }),
    driver: host.options(),
  };
  child = await AgentChild.run(program, options).ready();
  return child;
};

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

const hasEnded = ({ operationId }: Command) => bench.operationEvents(operationId).some(({ status }) => isEnded(status));

/** A VM that was there before, known to the agent. */
const existing = async (name: string): Promise<NativeId> => {
  const nativeId = nativeIdOf(host.copyVm(model, name), 'linux');
  await eventually(async () => expect(await bench.record(nativeId)).toBeDefined(), endWithinMs);
  return nativeId;
};
const pathOf = (nativeId: NativeId) => vmxFiles().find((vmx) => nativeIdOf(vmx, 'linux') === nativeId)!;

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
    await ended(command);
  }
  await verify(scenario, command, name);
  return died;
}

async function ended(command: Command): Promise<void> {
  await eventually(() => expect(hasEnded(command)).toBe(true), endWithinMs);
  await eventually(async () => expect(await bench.journalled(command)).toMatchObject({ told: true }));
}

async function verify(scenario: Pick<Scenario, 'check'>, command: Command, name: string): Promise<void> {
  const types = bench.events
    .filter(({ event }) => event.subject === command.operationId)
    .map(({ event }) => event.type)
    .filter((type) => type !== 'operation.progressed');
  const { error } = bench.operationEvents(command.operationId).at(-1)!;
  expect([types, error]).toEqual([['operation.started', 'operation.succeeded'], undefined]);
  await scenario.check(command, name);
  expect(halfMade()).toEqual([]);
  await forget();
}

/** Removes all VMs, and waits until the agent has told so: its writes would count as those of the next operation. */
async function forget(): Promise<void> {
  const known = vmxFiles().map((vmx) => nativeIdOf(vmx, 'linux'));
  // An operation that got by with fewer writes leaves an order behind that the next write would obey.
  if (child?.isAlive) await Promise.race([child.order({ write: 0, moment: 'before' }), child.exited]);
  if (!child?.isAlive) await start();
  await host.endProcesses();
  host.clear();
  for (const nativeId of known)
    await eventually(async () => expect(await bench.record(nativeId)).toBeUndefined(), endWithinMs);
}

const createScenario: Scenario = {
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
const cloneScenario: Scenario = {
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
const scenarios: readonly Scenario[] = [
  createScenario,
  cloneScenario,
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
];

describe('an agent of Workstation that is killed', () => {
  for (const scenario of scenarios)
    // Before a write work is done that nobody noted; just after it is just before the next.
    it(`before any write of ${scenario.title}`, async () => {
      let write = 1;
      for (let died = true; died; write += 1) {
        expect(write).toBeLessThan(mostWrites);
        try {
          died = await runOnce(scenario, { write, moment: 'before' });
        } catch (error) {
          throw new Error(`killed before write ${write}`, { cause: error });
        }
      }
      // It was really killed, and more than once.
      expect(write).toBeGreaterThan(4);
      await bench.queueEmpty();
    }, 600_000);

  /** Kills the agent while a call is under way that goes on without it. */
  const whileCalling = (title: string, fault: Knobs, call: string, scenario: Scenario) =>
    it(
      title,
      async () => {
        const name = `vm-${(names += 1)}`;
        const alive = child ?? (await start());
        const command = await scenario.prepare(name);
        host.set({ faults: [{ times: 1, delayMs: 2_500, kind: 'slow', ...fault }] });
        await bench.send(command);
        await eventually(async () => {
          const calls = (await host.processes()).filter((one) => one.command.includes(call));
          expect(calls).not.toEqual([]);
        }, endWithinMs);
        await alive.end('SIGKILL');
        await start();
        await ended(command);
        await verify(scenario, command, name);
      },
      120_000,
    );

  whileCalling(
    'while vmrun clones goes on with one clone',
    { command: 'clone', at: 'halfway' },
    'clone',
    cloneScenario,
  );
  whileCalling(
    'while the answer to a start is out goes on with one VM',
    { command: 'start', at: 'after' },
    'start',
    createScenario,
  );
  whileCalling(
    'while a disk is made goes on with one VM',
    { command: 'vmware-vdiskmanager -c', at: 'halfway' },
    '-c',
    createScenario,
  );
});
