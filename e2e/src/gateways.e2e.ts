import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, expect } from '@jest/globals';
import type { Client, Operation, SessionTokens } from '@polyvirt/api-client';
import { publishRollup } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { startMariaDb, type MariaDbServer } from '@polyvirt/tools';
import type { EventLog } from './event-log.ts';
import {
  createVm,
  deleteVm,
  editVm,
  operationWhen,
  patienceMs,
  populate,
  power,
  readVm,
  vmWhen,
  waiting,
} from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'fake-a';
let server: MariaDbServer | undefined;
const story = storiesOn(async () => {
  server = await startMariaDb();
  return { agents: [{ kind: 'fake', id: host }], gateways: 2, database: server.url('polyvirt') };
});
afterAll(() => server?.stop());

const isEnded = ({ endedAt }: Operation) => endedAt !== undefined;
const unauthenticated = { code: 'unauthenticated' };
const password = 'correct horse battery';

/** The administrator at both gateways. */
function both(stack: Stack): [Client, Client] {
  const other = stack.client({ username: 'admin', password: stack.adminPassword }, 2);
  return [stack.admin, other];
}

/** What two streams have delivered, up to and with an event that ends it. */
async function requireSameUntil(logs: readonly EventLog[], type: string, subject: string): Promise<void> {
  const [one, other] = await Promise.all(
    logs.map(async (log) => {
      const { cursor } = await log.first((event) => event.type === type && event.subject === subject);
      return log.heard.slice(0, log.cursors.indexOf(cursor) + 1);
    }),
  );
  expect(other).toEqual(one);
  expect(new Set(one!.map(({ cursor }) => cursor)).size).toBe(one!.length);
}

story('shows at each what was asked at the other, and tells both the same', async (stack) => {
  const clients = both(stack);
  const [one, two] = clients;
  const logs = await Promise.all(clients.map((client) => stack.listen({}, client)));
  const { id } = await createVm(one, { host, name: 'seen by both', labels: { made: 'at one' } });
  // The record and what we say of it arrive by different ways.
  await eventually(async () => {
    expect(await readVm(two, id)).toMatchObject({ name: 'seen by both', labels: { made: 'at one' } });
  });
  await editVm(two, id, { notes: 'edited at two' });
  await vmWhen(one, id, ({ notes }) => notes === 'edited at two');
  for (const [asking, looking, log] of [
    [one, two, logs[1]!],
    [two, one, logs[0]!],
  ] as const) {
    const { data: start } = await asking.POST('/api/v1/vms/{vmId}/start', { params: { path: { vmId: id } } });
    await log.first(({ type, subject }) => subject === start.id && type === 'operation.succeeded');
    // What a stream has told, its gateway shows.
    const { data: shown } = await looking.GET('/api/v1/operations/{operationId}', {
      params: { path: { operationId: start.id } },
    });
    expect(shown).toMatchObject({ status: 'succeeded', changed: true });
    expect(await readVm(looking, id)).toMatchObject({ state: 'running' });
    await power(looking, id, 'stop', { force: true });
    await vmWhen(asking, id, ({ state, operation }) => state === 'stopped' && operation === undefined);
  }
  await deleteVm(two, id);
  await requireSameUntil(logs, 'vm.deleted', id);
});

story(
  'gives one operation for one idempotency key, one holder to a machine, and one machine to a name',
  async (stack) => {
    const clients = both(stack);
    const four = [...clients, ...clients];
    const key = { 'Idempotency-Key': randomUUID() };
    const made = await Promise.all(
      four.map((client) => client.POST('/api/v1/vms', { body: { host, name: 'keyed' }, params: { header: key } })),
    );
    expect(new Set(made.map(({ data }) => data.id)).size).toBe(1);
    expect(made.filter(({ response }) => response.headers.get('idempotency-replayed') === 'true')).toHaveLength(3);
    const { vmId } = await operationWhen(clients[1], made[0]!.data.id, isEnded);
    for (const client of clients) await vmWhen(client, vmId!, ({ operation }) => operation === undefined);

    await stack.fail(host, { at: 'start', hang: true, times: 1 });
    const starts = await Promise.allSettled(
      four.map((client) => client.POST('/api/v1/vms/{vmId}/start', { params: { path: { vmId: vmId! } } })),
    );
    const [started, ...more] = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value.data] : []));
    expect(more).toEqual([]);
    for (const start of starts)
      if (start.status === 'rejected')
        expect(start.reason).toMatchObject({ code: 'vm-busy', problem: { operationId: started!.id } });
    // Whichever has it, either can end it.
    await operationWhen(clients[1], started!.id, ({ status }) => status === 'running');
    const { data: cancelled } = await clients[1].POST('/api/v1/operations/{operationId}/cancel', {
      params: { path: { operationId: started!.id }, header: waiting },
    });
    expect(cancelled.status).toBe('cancelled');

    const twins = await Promise.allSettled(
      four.map((client, n) =>
        client.POST('/api/v1/vms', { body: { host, name: n % 2 ? 'TWIN' : 'twin' }, params: { header: waiting } }),
      ),
    );
    expect(twins.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
    for (const twin of twins) if (twin.status === 'rejected') expect(twin.reason).toMatchObject({ code: 'name-taken' });
  },
);

story('knows at each who logged in at the other, and refuses whom the other refused', async (stack) => {
  const [one, two] = both(stack);
  const { data: user } = await one.POST('/api/v1/users', { body: { username: 'ada', password, role: 'operator' } });
  let session: SessionTokens | undefined;
  const here = stack.client({ onSession: (tokens) => (session = tokens) });
  await here.logIn({ username: 'ada', password });
  const there = stack.client({ session: { ...session!, refreshToken: 'none' } }, 2);
  expect((await there.GET('/api/v1/auth/me')).data.user.username).toBe('ada');
  const { data: token } = await there.POST('/api/v1/tokens', {
    body: { name: 'ci', scopes: ['vm:read'], expiresAt: new Date(Date.now() + 3_600_000).toISOString() },
  });
  const robots = [1, 2].map((gateway) => stack.client({ token: token.secret }, gateway));
  for (const robot of robots) await robot.GET('/api/v1/vms');

  const refused = (client: Client) =>
    eventually(() => expect(client.GET('/api/v1/vms')).rejects.toMatchObject(unauthenticated), patienceMs);
  const lost: unknown[] = [];
  await stack.listen({ onLost: (reason) => lost.push(reason) }, there);
  await here.logOut();
  await refused(there);
  await eventually(() => expect(lost.length).toBeGreaterThan(0), patienceMs);
  await two.PATCH('/api/v1/users/{id}', { params: { path: { id: user.id } }, body: { disabled: true } });
  await refused(robots[1]!);
  await refused(robots[0]!);
  await one.PATCH('/api/v1/users/{id}', { params: { path: { id: user.id } }, body: { disabled: false } });
  for (const robot of robots) await eventually(async () => void (await robot.GET('/api/v1/vms')));
  await one.DELETE('/api/v1/tokens/{id}', { params: { path: { id: token.id } } });
  await refused(robots[0]!);
  await refused(robots[1]!);
});

story('opens at one the console whose ticket the other gave, and only once', async (stack) => {
  const [one] = both(stack);
  const { id: vmId } = await createVm(one, { host, name: 'on screen', start: true });
  const { data: ticket } = await one.POST('/api/v1/vms/{vmId}/console', { params: { path: { vmId } } });
  const open = (gateway: number) => {
    const socket = new WebSocket(new URL(ticket.url, stack.url(gateway).replace('http', 'ws')));
    socket.binaryType = 'arraybuffer';
    return socket;
  };
  const socket = open(2);
  const [{ data }] = (await once(socket, 'message')) as [{ data: ArrayBuffer }];
  expect(Buffer.from(data).toString('latin1')).toBe('RFB 003.008\n');
  socket.close();
  const [failure] = (await once(open(1), 'error')) as [Event];
  expect(failure.type).toBe('error');
});

story('ends at one the console of somebody whom the other lets in no more', async (stack) => {
  const [one, two] = both(stack);
  const { id: vmId } = await createVm(one, { host, name: 'looked at', start: true });
  await vmWhen(two, vmId, ({ state }) => state === 'running');
  const account = { username: 'onlooker', password };
  const { data: user } = await one.POST('/api/v1/users', { body: { ...account, role: 'operator' } });
  const { data: ticket } = await stack
    .client(account, 2)
    .POST('/api/v1/vms/{vmId}/console', { params: { path: { vmId } } });
  const socket = new WebSocket(new URL(ticket.url, stack.url(2).replace('http', 'ws')));
  await once(socket, 'message');
  const closed = once(socket, 'close');
  await one.PATCH('/api/v1/users/{id}', { params: { path: { id: user.id } }, body: { disabled: true } });
  const [{ code, reason }] = (await closed) as [CloseEvent];
  expect([code, reason]).toEqual([1008, 'Access has ended. The session has ended; log in again.']);
});

story('keeps each minute of a machine once, whichever gateway takes it', async (stack) => {
  const clients = both(stack);
  const { id: vmId } = await createVm(clients[0], { host, name: 'charted' });
  await vmWhen(clients[1], vmId, () => true);
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 2 * 3_600_000;
  const minutes = Array.from({ length: 30 }, (_, n) => new Date(hour + n * 60_000).toISOString());
  await Promise.all(
    minutes.map((minute, n) => {
      const vms = [{ vmId, samples: 12, cpuPercent: { average: n, maximum: n } }];
      return publishRollup(stack.bus, { host, minute, vms });
    }),
  );
  const query = { from: minutes[0]!, to: new Date(hour + 3_600_000).toISOString(), step: 60 };
  for (const client of clients)
    await eventually(async () => {
      const { data } = await client.GET('/api/v1/vms/{vmId}/metrics/history', { params: { path: { vmId }, query } });
      expect(data.points.map(({ cpuPercent }) => cpuPercent!.average)).toEqual(minutes.map((_, n) => n));
    });
});

story('loses nothing when one is killed while the other serves', async (stack) => {
  const [one, two] = both(stack);
  const log = await stack.listen({}, two);
  const since = log.connections[0]!;
  const ids = await populate(stack, host, 8, 'many');
  const { id: vmId } = await createVm(one, { host, name: 'under way' });
  const held = ['many-00003', 'many-00004'].map((on) => ({ at: 'stop', on, hold: true }));
  await stack.fail(host, { at: 'start', hold: true }, ...held);
  const { data: start } = await one.POST('/api/v1/vms/{vmId}/start', { params: { path: { vmId } } });
  const { data: batch } = await one.POST('/api/v1/vms/batch', {
    body: { ids, action: 'stop', params: { force: true }, maxParallel: 2 },
  });
  await operationWhen(two, start.id, ({ status }) => status === 'running');
  await stack.kill('gateway');
  await stack.fail(host);

  expect(await operationWhen(two, start.id, isEnded)).toMatchObject({ status: 'succeeded', changed: true });
  expect(await readVm(two, vmId)).toMatchObject({ state: 'running' });
  const { id: meanwhile } = await createVm(two, { host, name: 'meanwhile', labels: { made: 'at two' } });
  const whole = await operationWhen(two, batch.id, isEnded);
  expect(whole).toMatchObject({ status: 'succeeded', result: { succeeded: 8, failed: 0, skipped: 0 } });

  await stack.launch('gateway');
  await stack.ready();
  expect(await readVm(one, meanwhile)).toMatchObject({ name: 'meanwhile', labels: { made: 'at two' } });
  expect(await operationWhen(one, batch.id, () => true)).toEqual(whole);
  const replay = await stack.listen({ since }, one);
  await deleteVm(one, meanwhile);
  await requireSameUntil([log, replay], 'vm.deleted', meanwhile);
  const fake = stack.fakeHost(host);
  const offs = fake.acts.filter(({ act, target }) => act === 'power-off' && target.startsWith('many-'));
  fake.close();
  expect(offs).toHaveLength(4);
  const pages = await Promise.all(
    [one, two].map(
      async (client) => (await client.GET('/api/v1/operations', { params: { query: { limit: 500 } } })).data,
    ),
  );
  expect(pages[0]).toEqual(pages[1]);
});
