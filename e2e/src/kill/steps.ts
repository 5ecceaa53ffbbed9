import { afterAll, expect } from '@jest/globals';
import { requireSuccess, type Client, type Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { createVm, deleteVm, patienceMs, power, readVm, waiting } from '../requests.ts';
import type { Stack } from '../stack/stack.ts';
import { storiesOn } from '../stack/story.ts';
import { UploadedFile } from '../uploads.ts';
import { JournalTap } from './journal-tap.ts';
import { killAt, type Point, type Task } from './killer.ts';
import { Ledger } from './ledger.ts';

const host = 'kvm-a';
const verbs = ['create', 'clone', 'linked clone', 'snapshot', 'delete'] as const;
/** What is the agent's alone: to the other services it is a change like any other. */
const deviceVerbs = ['disk', 'ejection', 'upload'] as const;
type Verb = (typeof verbs | typeof deviceVerbs)[number];

/** The services that are killed, each in a file of its own, which run side by side. */
type Target = 'agent-kvm-a' | 'nats-server' | 'gateway' | 'organizer';

const blank = { host, memoryMiB: 32, disks: [{ sizeGiB: 1 }] };
/** With everything that a create has a step for; too small for its guest, whose boot would take the time of the services. */
const full = (network: string, address: string) => ({
  host,
  memoryMiB: 32,
  disks: [{ image: 'tiny-linux', copy: 'cow' as const }],
  nics: [{ network, address }],
  cloudInit: { userData: '#cloud-config\n' },
});

/** The raw content of a disk. */
const image = Buffer.alloc(2 ** 20, 'a disk of these words ');

let tap: JournalTap;
let ledger: Ledger;
/** Each machine that gets it is gone before the next is made. */
let address: string;
let source: string;
let original: string;
let running: string;
let machines = 0;
/** One thing to ask for, and what is to be noted and tidied up when it has been done. */
interface Work extends Task {
  settle(operation: Operation): Promise<void>;
}

/** What is asked for and what it needs; nothing is killed while that is made. */
async function workOf(stack: Stack, verb: Verb): Promise<Work> {
  const { admin, prefix } = stack;
  const name = `${prefix}${verb.replace(' ', '-')}-${(machines += 1)}`;
  const named = ({ input }: { input: unknown }) => (input as { name?: string } | null)?.name === name;
  switch (verb) {
    case 'create':
      return {
        ask: () => admin.POST('/api/v1/vms', { body: { ...full(stack.kvm.network, address), name, start: true } }),
        isIt: named,
        settle: async ({ vmId }) => {
          ledger.made(vmId!, name, { isOn: true });
          expect((await readVm(admin, vmId!)).state).toBe('running');
          expect(await stack.kvm.isReserved(address)).toBe(true);
          await stop(admin, vmId!);
          await deleteVm(admin, vmId!);
          ledger.deleted(vmId!);
          expect(await stack.kvm.isReserved(address)).toBe(false);
        },
      };
    case 'clone':
    case 'linked clone': {
      const linked = verb === 'linked clone';
      const from = linked ? original : source;
      const params = { path: { vmId: from } };
      return {
        ask: () => admin.POST('/api/v1/vms/{vmId}/clone', { params, body: { name, linked, start: !linked } }),
        isIt: named,
        settle: async ({ result }) => {
          ledger.made(result!.vmId!, name, { source: from, isOn: !linked });
          if (!linked) await stop(admin, result!.vmId!);
        },
      };
    }
    case 'snapshot': {
      const params = { path: { vmId: running } };
      return {
        ask: () => admin.POST('/api/v1/vms/{vmId}/snapshots', { params, body: { name, memory: true } }),
        isIt: named,
        settle: async ({ result }) => ledger.snapshotted(running, result!.snapshot!),
      };
    }
    case 'disk':
    case 'ejection': {
      const vm = await make(admin, name, { ...blank, cdrom: 'tools', start: true });
      const params = { path: { vmId: vm.id } };
      const isIt: Task['isIt'] = ({ verb: asked, nativeId }) =>
        ['vm.disk-add', 'vm.cdrom-set'].includes(asked) && nativeId === vm.nativeId;
      return {
        ask: () =>
          verb === 'disk'
            ? admin.POST('/api/v1/vms/{vmId}/disks', { params, body: { sizeGiB: 2 } })
            : admin.PUT('/api/v1/vms/{vmId}/cdrom', { params, body: { image: null } }),
        isIt,
        settle: async () => {
          const { disks, cdrom, pendingChanges } = await readVm(admin, vm.id);
          expect({ sizes: disks.map(({ sizeGiB }) => sizeGiB), cdrom, pendingChanges }).toEqual(
            verb === 'disk' ? { sizes: [1, 2], cdrom: 'tools' } : { sizes: [1], cdrom: null },
          );
          expect((await stack.kvm.disksAstray()).unused).toEqual([]);
          await stop(admin, vm.id);
          expect((await readVm(admin, vm.id)).disks).toEqual(disks);
          await deleteVm(admin, vm.id);
          ledger.deleted(vm.id);
        },
      };
    }
    case 'upload': {
      const file = await UploadedFile.send(admin, image);
      const path = { hostId: host };
      return {
        ask: () =>
          admin.POST('/api/v1/hosts/{hostId}/images', {
            body: { name, upload: file.id, sha256: file.sha256 },
            params: { path },
          }),
        isIt: named,
        settle: async () => {
          const { data } = await admin.GET('/api/v1/hosts/{hostId}/images', { params: { path } });
          expect(data.items.filter((one) => one.name === name)).toMatchObject([{ kind: 'disk', format: 'raw' }]);
          const params = { path: { ...path, image: name }, header: waiting };
          requireSuccess((await admin.DELETE('/api/v1/hosts/{hostId}/images/{image}', { params })).data);
        },
      };
    }
    case 'delete': {
      const vm = await make(admin, name, full(stack.kvm.network, address));
      const params = { path: { vmId: vm.id } };
      return {
        ask: () => admin.DELETE('/api/v1/vms/{vmId}', { params }),
        isIt: ({ verb: asked, nativeId }) => asked === 'vm.delete' && nativeId === vm.nativeId,
        settle: async () => {
          ledger.deleted(vm.id);
          expect(await stack.kvm.isReserved(address)).toBe(false);
        },
      };
    }
  }
}

async function make(admin: Client, name: string, body: Omit<Parameters<typeof createVm>[1], 'name'> = blank) {
  const vm = await createVm(admin, { ...body, name });
  ledger.made(vm.id, name, { isOn: body.start === true });
  return vm;
}

async function stop(admin: Client, vmId: string): Promise<void> {
  await power(admin, vmId, 'stop', { force: true });
  ledger.happened(vmId, 'vm.stopped');
}

/**
 * The same again and again, killed one step later each time until there are no more steps; then at its end. Answers at how
 * many points it was.
 */
async function atEveryStep(stack: Stack, target: string, verb: Verb): Promise<number> {
  let kills = 0;
  const kill = async (point: Point): Promise<boolean> => {
    const task = await workOf(stack, verb);
    const { operation, isReached } = await killAt(stack, tap, { target, point, task });
    expect([point, operation.status, operation.error]).toEqual([point, 'succeeded', undefined]);
    await ledger.requireOneEnd(operation);
    await task.settle(operation);
    if (isReached) kills += 1;
    return isReached;
  };
  let step = 0;
  while (await kill(step)) step += 1;
  for (const point of ['ended', 'told'] as const) expect(await kill(point)).toBe(true);
  return kills;
}

async function makeMachines(stack: Stack): Promise<void> {
  tap = new JournalTap(stack.bus, host);
  ledger = new Ledger(stack);
  address = stack.kvm.fixedAddress();
  source = (await make(stack.admin, `${stack.prefix}source`)).id;
  original = (await make(stack.admin, `${stack.prefix}original`)).id;
  running = (await make(stack.admin, `${stack.prefix}running`)).id;
  await power(stack.admin, running, 'start');
  ledger.happened(running, 'vm.started');
}

/** After a failure nobody knows what there is: what comes next begins with nothing of it. */
async function beginAnew(stack: Stack, services: readonly string[]): Promise<void> {
  await stack.revive(services);
  await ledger.close();
  await stack.kvm.removeMachines();
  await eventually(async () => {
    const { data } = await stack.admin.GET('/api/v1/vms', { params: { query: { q: stack.prefix } } });
    if (data.items.length > 0) throw new Error(`${data.items.length} machines are still shown`);
  }, patienceMs);
  await makeMachines(stack);
}

/** Tells how everything goes well although a service is killed again and again. */
export function tellOfKills(target: Target): void {
  // Before the stack stops, to which it listens.
  afterAll(() => ledger?.close());
  const story = storiesOn({ agents: [{ kind: 'kvm', id: host }] }, makeMachines);

  for (const verb of target === 'agent-kvm-a' ? [...verbs, ...deviceVerbs] : verbs) {
    story(
      `does what was asked once when ${target} is killed at every step of a ${verb}`,
      async (stack) => {
        const began = performance.now();
        const services = stack.running;
        let kills: number;
        try {
          kills = await atEveryStep(stack, target, verb);
          await ledger.requireTruth();
        } catch (error) {
          const told = await stack.explain(error);
          await beginAnew(stack, services);
          throw told;
        }
        const seconds = ((performance.now() - began) / 1_000).toFixed(1);
        process.stderr.write(`  ${target} killed at ${kills} points of a ${verb} in ${seconds} s\n`);
      },
      600_000,
    );
  }

  story('has lost and doubled nothing', async () => {
    await ledger.requireTruth();
  });
}
