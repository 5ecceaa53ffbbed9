import { expect } from '@jest/globals';
import type { Client, Operation } from '@polyvirt/api-client';
import { JournalTap } from './kill/journal-tap.ts';
import { killAt, type Point, type Task } from './kill/killer.ts';
import { Ledger } from './kill/ledger.ts';
import { createVm } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'kvm-a';
const targets = ['agent-kvm-a', 'gateway', 'organizer', 'nats-server'] as const;
const verbs = ['create', 'clone', 'linked clone', 'snapshot', 'delete'] as const;
type Verb = (typeof verbs)[number];

const story = storiesOn({ agents: [{ kind: 'kvm', id: host }] });
const blank = { host, memoryMiB: 32, disks: [{ sizeGiB: 1 }] };

let tap: JournalTap;
let ledger: Ledger;
let source: string;
let original: string;
let machines = 0;

/** One thing to ask for, and what is to be noted when it has been done. */
interface Work extends Task {
  note(operation: Operation): void;
}

/** What is asked for and what it needs; nothing is killed while that is made. */
async function workOf({ admin, prefix }: Stack, verb: Verb): Promise<Work> {
  const name = `${prefix}${verb.replace(' ', '-')}-${(machines += 1)}`;
  const named = ({ input }: { input: unknown }) => (input as { name?: string } | null)?.name === name;
  switch (verb) {
    case 'create':
      return {
        ask: () => admin.POST('/api/v1/vms', { body: { ...blank, name } }),
        isIt: named,
        note: ({ vmId }) => ledger.made(vmId!, name),
      };
    case 'clone':
    case 'linked clone': {
      const from = verb === 'clone' ? source : original;
      const params = { path: { vmId: from } };
      return {
        ask: () => admin.POST('/api/v1/vms/{vmId}/clone', { params, body: { name, linked: verb === 'linked clone' } }),
        isIt: named,
        note: ({ result }) => ledger.made(result!.vmId!, name, from),
      };
    }
    case 'snapshot': {
      const params = { path: { vmId: source } };
      return {
        ask: () => admin.POST('/api/v1/vms/{vmId}/snapshots', { params, body: { name } }),
        isIt: named,
        note: ({ result }) => ledger.snapshotted(source, result!.snapshot!),
      };
    }
    case 'delete': {
      const vm = await make(admin, name);
      const params = { path: { vmId: vm.id } };
      return {
        ask: () => admin.DELETE('/api/v1/vms/{vmId}', { params }),
        isIt: ({ verb: asked, nativeId }) => asked === 'vm.delete' && nativeId === vm.nativeId,
        note: () => ledger.deleted(vm.id),
      };
    }
  }
}

async function make(admin: Client, name: string) {
  const vm = await createVm(admin, { ...blank, name });
  ledger.made(vm.id, name);
  return vm;
}

/** The same again and again, killed one step later each time until there are no more steps; then at its end. */
async function atEveryStep(stack: Stack, target: string, verb: Verb): Promise<number> {
  let kills = 0;
  const kill = async (point: Point): Promise<boolean> => {
    const task = await workOf(stack, verb);
    const { operation, isReached } = await killAt(stack, tap, { target, point, task });
    expect([point, operation.status, operation.error]).toEqual([point, 'succeeded', undefined]);
    task.note(operation);
    await ledger.requireOneEnd(operation);
    if (isReached) kills += 1;
    return isReached;
  };
  let step = 0;
  while (await kill(step)) step += 1;
  for (const point of ['ended', 'told'] as const) expect(await kill(point)).toBe(true);
  return kills;
}

story('has machines to work with', async (stack) => {
  tap = new JournalTap(stack.bus, host);
  ledger = new Ledger(stack);
  source = (await make(stack.admin, `${stack.prefix}source`)).id;
  original = (await make(stack.admin, `${stack.prefix}original`)).id;
});

for (const target of targets) {
  for (const verb of verbs) {
    story(
      `does what was asked once when ${target} is killed at every step of a ${verb}`,
      async (stack) => {
        const began = performance.now();
        const kills = await atEveryStep(stack, target, verb);
        await ledger.requireTruth();
        const seconds = ((performance.now() - began) / 1_000).toFixed(1);
        process.stderr.write(`  ${target} killed at ${kills} points of a ${verb} in ${seconds} s\n`);
      },
      240_000,
    );
  }
}

story('has lost and doubled nothing', async () => {
  await ledger.requireTruth();
  await ledger.close();
});
