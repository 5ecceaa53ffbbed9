import { expect } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { createVm, deleteVm, patienceMs, power } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });

/** Everything there is behind a cursor, as somebody reads it who comes late. */
async function replay(stack: Stack, since: string, last: string): Promise<string[]> {
  const log = await stack.listen({ since });
  await eventually(() => expect(log.cursors).toContain(last));
  await log.close();
  return log.cursors.slice(0, log.cursors.indexOf(last) + 1);
}

story('tells what happens in order, and goes on behind the last event that was seen', async (stack) => {
  const { admin } = stack;
  const log = await stack.listen({ types: ['vm.*'] });
  const { id } = await createVm(admin, { host, name: 'one', start: true });
  await power(admin, id, 'stop', { force: true });
  await deleteVm(admin, id);
  await log.ofVm(id, 'vm.deleted');
  expect(log.typesOf(id)).toEqual(['vm.created', 'vm.started', 'vm.stopped', 'vm.deleted']);
  const heard = log.heard.filter(({ event }) => event.subject === id);
  expect(heard.map(({ event }) => event.data.requestedBy)).toEqual(['admin', 'admin', 'admin', 'admin']);

  const since = log.cursors[1]!;
  const late = await stack.listen({ since, types: ['vm.*'] });
  await late.ofVm(id, 'vm.deleted');
  expect(late.cursors).toEqual(log.cursors.slice(2));
});

story('loses and repeats nothing while gateway and broker are killed', async (stack) => {
  const { admin } = stack;
  const log = await stack.listen();
  const since = log.connections[0]!;
  const { id } = await createVm(admin, { host, name: 'two' });
  // A client that was never away compares with one that reads everything afterwards.
  for (const service of ['gateway', 'nats-server', 'gateway'] as const) {
    await power(admin, id, 'start');
    await stack.kill(service);
    await stack.launch(service);
    await stack.ready();
    await power(admin, id, 'stop', { force: true });
  }
  await deleteVm(admin, id);
  const { cursor: last } = await log.ofVm(id, 'vm.deleted');
  const heard = log.cursors.slice(0, log.cursors.indexOf(last) + 1);
  expect(heard).toEqual(await replay(stack, since, last));
  expect(new Set(heard).size).toBe(heard.length);
  // How often it noticed depends on how long it paused between two attempts.
  expect(log.connections.length).toBeGreaterThan(1);
  expect(log.typesOf(id).filter((type) => type.startsWith('vm.'))).toEqual([
    'vm.created',
    ...['vm.started', 'vm.stopped', 'vm.started', 'vm.stopped', 'vm.started', 'vm.stopped'],
    'vm.deleted',
  ]);
});

story('says where reading can begin when a cursor is too old', async (stack) => {
  const { admin, bus } = stack;
  await createVm(admin, { host, name: 'three' });
  const { state } = await bus.manager.streams.info('POLYVIRT_EVENTS');
  await bus.manager.streams.purge('POLYVIRT_EVENTS', { seq: state.last_seq });
  await expect(stack.listen({ since: '1' })).rejects.toMatchObject({
    code: 'cursor-expired',
    problem: { oldestCursor: String(state.last_seq - 1) },
  });
});

story('ends a stream whose reader was logged out', async (stack) => {
  const reader = stack.client({ username: 'admin', password: stack.adminPassword });
  const lost: unknown[] = [];
  await stack.listen({ onLost: (reason) => lost.push(reason) }, reader);
  await reader.logOut();
  await eventually(() => expect(lost.length).toBeGreaterThan(0), patienceMs);
});
