import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProblem, type Operation } from '@polyvirt/api-client';
import { readEvents } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { JournalWatch } from './journal-watch.ts';
import { createVm, readVm } from './requests.ts';
import { Stack, type ServiceName } from './stack/stack.ts';

const host = 'kvm-a';
const targets: readonly ServiceName[] = [`agent-${host}`, 'gateway', 'organizer', 'nats-server'];
const caseWithinMs = 240_000;
/** More journal writes than any of these operations makes: a case ends when a write does not come. */
const mostWrites = 30;

interface Told {
  readonly type: string;
  readonly subject: string;
  readonly data: {
    readonly operationId?: string;
    readonly snapshot?: { readonly id: string };
    readonly operation?: { readonly id: string; readonly status: string };
  };
}

let stack: Stack;
let journal: JournalWatch;
let source: string;
const made = new Set<string>();
const deleted = new Set<string>();
const taken: string[] = [];
const operations = new Map<string, Operation>();

beforeAll(async () => {
  stack = await Stack.start({ agents: [{ kind: 'kvm', id: host }] });
  journal = await JournalWatch.open(stack.bus, host);
  source = await makeVm('source');
}, 180_000);

afterAll(async () => {
  await journal?.close();
  await stack?.stop();
}, 120_000);

const vmBody = (name: string) => ({ host, name: `${stack.prefix}${name}`, memoryMiB: 32, disks: [{ sizeGiB: 1 }] });

async function makeVm(name: string): Promise<string> {
  const { id } = await createVm(stack.admin, vmBody(name));
  made.add(id);
  return id;
}

/** Asks until there is an answer. The key makes it the same request, however often it has to be sent. */
async function ask(send: (header: Key) => Promise<{ data: Operation }>): Promise<Operation> {
  const header = { 'Idempotency-Key': randomUUID() };
  let operation: Operation | undefined;
  await eventually(async () => {
    operation = (await send(header)).data;
  }, 60_000);
  return operation!;
}

/** Waits until the operation has ended, while services come and go. */
async function ended(id: string): Promise<Operation> {
  let operation: Operation | undefined;
  await eventually(async () => {
    operation = (await stack.admin.GET('/api/v1/operations/{operationId}', { params: { path: { operationId: id } } }))
      .data;
    if (!['succeeded', 'failed', 'cancelled'].includes(operation.status)) throw new Error(`still ${operation.status}`);
  }, 60_000);
  return operation!;
}

type Key = { 'Idempotency-Key': string };

interface Case {
  /** Name of what will be made, or id of what will be deleted: the same however often the request is sent. */
  prepare(): Promise<string>;
  send(subject: string, header: Key): Promise<{ data: Operation }>;
  note(operation: Operation, subject: string): void;
}

const fresh = (letter: string) => Promise.resolve(`${letter}-${randomUUID().slice(0, 8)}`);

const cases: Readonly<Record<string, Case>> = {
  create: {
    prepare: () => fresh('c'),
    send: (name, header) => stack.admin.POST('/api/v1/vms', { body: vmBody(name), params: { header } }),
    note: ({ vmId }) => made.add(vmId!),
  },
  clone: {
    prepare: () => fresh('k'),
    send: (name, header) =>
      stack.admin.POST('/api/v1/vms/{vmId}/clone', {
        body: { name: `${stack.prefix}${name}` },
        params: { path: { vmId: source }, header },
      }),
    note: ({ result }) => made.add(result!.vmId!),
  },
  snapshot: {
    prepare: () => fresh('s'),
    send: (name, header) =>
      stack.admin.POST('/api/v1/vms/{vmId}/snapshots', { body: { name }, params: { path: { vmId: source }, header } }),
    note: ({ result }) => taken.push(result!.snapshot!),
  },
  delete: {
    prepare: async () => makeVm(await fresh('d')),
    send: async (vmId) => {
      try {
        return await stack.admin.DELETE('/api/v1/vms/{vmId}', { params: { path: { vmId } } });
      } catch (error) {
        // A deletion whose acknowledgement was lost is under way, or over by now.
        if (error instanceof ApiProblem && ['vm-not-found', 'vm-busy'].includes(error.code))
          return { data: await deletionOf(vmId) };
        throw error;
      }
    },
    note: (_, vmId) => deleted.add(vmId),
  },
};

/** Runs one operation and kills a service when its journal is written for the given time. False when it is not written so often. */
async function killAt(target: ServiceName, verb: string, write: number): Promise<boolean> {
  const { prepare, send, note } = cases[verb]!;
  const subject = await prepare();
  let restarted: Promise<void> | undefined;
  const giveUp = journal.onWrite(write, () => {
    restarted = stack.restart(target);
    // It is awaited below; what goes wrong before must not end the process.
    restarted.catch(() => undefined);
  });
  const operation = await ask((header) => send(subject, header));
  const end = await ended(operation.id);
  const came = giveUp();
  await restarted;
  expect(end).toMatchObject({ id: operation.id, status: 'succeeded' });
  operations.set(end.id, end);
  note(end, subject);
  return came;
}

async function deletionOf(vmId: string): Promise<Operation> {
  const { data } = await stack.admin.GET('/api/v1/operations', { params: { query: { vm: vmId, verb: 'vm.delete' } } });
  const [operation] = data.items;
  if (!operation) throw new Error(`no deletion of ${vmId}`);
  return operation;
}

async function everythingTold(): Promise<Told[]> {
  const told: Told[] = [];
  const end = new AbortController();
  const { state } = await stack.bus.manager.streams.info('POLYVIRT_EVENTS');
  for await (const { event, sequence } of readEvents(stack.bus, { fromSequence: 1, signal: end.signal })) {
    told.push(event as unknown as Told);
    if (sequence >= state.last_seq) end.abort();
  }
  return told;
}

describe.each(targets)('%s, killed at every journalled step', (target) => {
  it.each(Object.keys(cases))(
    'of %s, loses and doubles nothing',
    async (verb) => {
      let write = 1;
      try {
        while (write <= mostWrites && (await killAt(target, verb, write))) write += 1;
      } catch (error) {
        throw await stack.explain(new Error(`killed at write ${write}`, { cause: error }));
      }
      console.log(`${target}: ${verb} ended well after a kill at each of ${write - 1} journal writes`);
      expect(write).toBeGreaterThan(4);
      expect(write).toBeLessThan(mostWrites);
    },
    caseWithinMs,
  );
});

describe('after all of that', () => {
  it('every operation has ended exactly once, as its row says', async () => {
    const ends = (await everythingTold()).filter(({ type }) => /^operation\.(succeeded|failed|cancelled)$/.test(type));
    for (const { id, status } of operations.values()) {
      const own = ends.filter(({ subject }) => subject === id);
      expect(own.map(({ data }) => data.operation?.status)).toEqual([status]);
    }
  });

  it('no event is missing and none is told twice', async () => {
    const told = await everythingTold();
    const count = (type: string, vmId: string) =>
      told.filter((event) => event.type === type && event.subject === vmId).length;
    for (const vmId of made)
      expect([vmId, count('vm.created', vmId), count('vm.deleted', vmId)]).toEqual([
        vmId,
        1,
        deleted.has(vmId) ? 1 : 0,
      ]);
    const ofSnapshots = told.filter(({ type }) => type === 'vm.snapshot-created').map(({ data }) => data.snapshot!.id);
    expect([...ofSnapshots].sort()).toEqual([...taken].sort());
  });

  it('no machine and no disk is lost or left', async () => {
    const alive = [...made].filter((vmId) => !deleted.has(vmId));
    const shown = await Promise.all(alive.map((vmId) => readVm(stack.admin, vmId)));
    expect(await stack.kvm.machines()).toEqual(shown.map(({ name }) => name).sort());
    expect(await stack.kvm.volumes()).toEqual(alive.map((vmId) => `${vmId.split('~')[1]}-vda.qcow2`).sort());
    const { data } = await stack.admin.GET('/api/v1/vms/{vmId}/snapshots', { params: { path: { vmId: source } } });
    expect(data.items.map(({ id }) => id).sort()).toEqual([...taken].sort());
  });

  it('the archive of every machine is complete', async () => {
    await eventually(async () => {
      const { data } = await stack.admin.GET('/api/v1/archives', { params: { query: { limit: 500 } } });
      // The agent adopts every machine of this libvirt, those of other stacks too.
      const archives = data.items.filter(({ vmId }) => made.has(vmId));
      expect(archives).toHaveLength(made.size);
      for (const { vmId, folder, deletedAt, history } of archives) {
        expect(deletedAt !== undefined).toBe(deleted.has(vmId));
        expect(history.filter(({ event }) => event === 'vm.created')).toHaveLength(1);
        expect(history.filter(({ event }) => event === 'vm.deleted')).toHaveLength(deleted.has(vmId) ? 1 : 0);
        const metadata = JSON.parse(await readFile(join(stack.archives, folder, 'metadata.json'), 'utf8')) as object;
        expect(JSON.stringify(metadata)).toContain(vmId);
      }
    }, 30_000);
  }, 60_000);
});
