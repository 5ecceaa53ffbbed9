import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus, consumeEvents, makeEvent, publishEvent, type Bus } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import {
  CloudEvent,
  hostDraining,
  streams,
  type CreatedSubscriber,
  type Page,
  type Subscriber,
} from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { problemIn } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';
import { SubscriberEntity } from './subscriber.entity.ts';

const example = fileURLToPath(new URL('../../../../examples/read-events.mjs', import.meta.url));

describe('subscribers', () => {
  let house: TestHouse;
  let agents: Bus[];
  const left: string[] = [];
  beforeAll(async () => {
    house = await TestHouse.start({ hosts: ['kvm-a', 'kvm-b'] });
    agents = [await house.connect('agent-kvm-a'), await house.connect('agent-kvm-b')];
  });
  afterAll(async () => {
    for (const id of left) await house.call('DELETE', `/subscribers/${id}`);
    await house.stop();
  });

  const make = async (name: string, hosts?: string[]): Promise<CreatedSubscriber> => {
    const answer = await house.call<CreatedSubscriber>('POST', '/subscribers', { name, ...(hosts && { hosts }) });
    expect(answer.status).toBe(201);
    left.push(answer.body.id);
    return answer.body;
  };
  const open = ({ credentials, name }: CreatedSubscriber) => connectBus({ url: house.nats.url, credentials, name });
  const happen = async (id: string) => {
    for (const [bus, host] of [
      [agents[0]!, 'kvm-a'],
      [agents[1]!, 'kvm-b'],
    ] as const) {
      const source = `/hosts/${host}/agent`;
      const data = { host, incarnation: id };
      await publishEvent(bus, host, makeEvent(hostDraining, { id, source, subject: host, data }));
    }
  };
  /** The hosts whose events of that id it is given. */
  const hostsSeen = async (bus: Bus, subscriber: CreatedSubscriber, id: string, count: number) => {
    const seen: string[] = [];
    for (const consumer of subscriber.consumers) {
      const end = new AbortController();
      const expected = count / subscriber.consumers.length;
      let found = 0;
      for await (const { content, ack } of consumeEvents(bus, { consumer, signal: end.signal })) {
        await ack();
        if (content.event.id !== id) continue;
        seen.push(content.host);
        if ((found += 1) === expected) break;
      }
      end.abort();
    }
    return seen.sort();
  };

  it('are given every event, or those of their hosts, by a credential that is shown once', async () => {
    const all = await make('all');
    const some = await make('some', ['kvm-b']);
    expect(all).not.toHaveProperty('hosts');
    expect(some).toMatchObject({ hosts: ['kvm-b'], stream: streams.events.name, createdBy: 'admin' });
    const [first, second] = await Promise.all([open(all), open(some)]);
    await happen('one');
    expect(await hostsSeen(first, all, 'one', 2)).toEqual(['kvm-a', 'kvm-b']);
    expect(await hostsSeen(second, some, 'one', 1)).toEqual(['kvm-b']);
    await Promise.all([first.close(), second.close()]);
    const { body } = await house.call<Page<Subscriber>>('GET', '/subscribers');
    expect(body.items.map(({ name }) => name)).toEqual(expect.arrayContaining(['all', 'some']));
    expect(JSON.stringify(body)).not.toContain('BEGIN');
    expect((await house.call<Subscriber>('GET', `/subscribers/${some.id}`)).body).toMatchObject({ name: 'some' });
  });

  it('lose the connection when they are revoked, and nobody else does', async () => {
    const [doomed, other] = [await make('doomed'), await make('other')];
    const [lost, kept] = await Promise.all([open(doomed), open(other)]);
    expect((await house.call('DELETE', `/subscribers/${doomed.id}`)).status).toBe(204);
    await eventually(() => expect(lost.isConnected).toBe(false));
    await expect(open(doomed)).rejects.toThrow(/authorization violation/i);
    expect(kept.isConnected).toBe(true);
    await happen('two');
    expect(await hostsSeen(kept, other, 'two', 2)).toEqual(['kvm-a', 'kvm-b']);
    await Promise.all([lost.close(), kept.close()]);
    expect(problemIn(await house.call('GET', `/subscribers/${doomed.id}`)).code).toBe('subscriber-not-found');
    expect(problemIn(await house.call('DELETE', `/subscribers/${doomed.id}`)).code).toBe('subscriber-not-found');
  });

  it('are programs like the example, with an ordinary client of NATS, and go on where they were', async () => {
    const answer = join(await mkdtemp(join(tmpdir(), 'polyvirt-subscriber-')), 'answer.json');
    await writeFile(answer, JSON.stringify(await make('example', ['kvm-a'])), { mode: 0o600 });
    /** The ids of its lines until that one has come. */
    const read = async (last: string): Promise<string[]> => {
      const program = spawn(process.execPath, [example, house.nats.url, answer], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exit = once(program, 'exit');
      const ids: string[] = [];
      for await (const line of createInterface(program.stdout)) {
        const event = CloudEvent.parse(JSON.parse(line));
        expect(event.subject).toBe('kvm-a');
        ids.push(event.id);
        if (event.id === last) program.kill('SIGTERM');
      }
      expect(await exit).toEqual([0, null]);
      return ids;
    };
    await happen('first');
    expect(await read('first')).toContain('first');
    await happen('second');
    await happen('third');
    expect(await read('third')).toEqual(['second', 'third']);
    await rm(dirname(answer), { recursive: true });
  });

  it('are what the table says when a gateway starts, whatever one before was killed in', async () => {
    const database = house.gateway.app.get(Database);
    const rows = database.repository(SubscriberEntity);
    const revoked = await make('half revoked');
    const unmade = { id: '0193d5a0-0000-4000-8000-00000000000a', name: 'half made' };
    await database.transaction(async (manager) => {
      await manager.update(SubscriberEntity, { id: revoked.id }, { revokedAt: Date.now() });
      const row = { ...unmade, hosts: null, createdAt: Date.now(), createdBy: 'admin', revokedAt: null };
      await manager.insert(SubscriberEntity, row);
    });
    left.push(unmade.id);
    await house.withGateway(async () => {
      await eventually(async () => {
        expect(await rows.findOneBy({ id: revoked.id })).toBeNull();
        await expect(open(revoked)).rejects.toThrow(/authorization violation/i);
        const admin = await house.connect('admin');
        const names = (await admin.manager.consumers.list(streams.events.name).next()).map(({ name }) => name);
        expect(names).toContain(`subscriber_${unmade.id}`);
        expect(names).not.toContain(`subscriber_${revoked.id}`);
      });
    });
  });

  it.each([
    [{ name: '' }, '/name'],
    [{ name: 'x', hosts: [] }, '/hosts'],
    [{ name: 'x', hosts: ['Not A Slug'] }, '/hosts/0'],
    [{ name: 'x', hosts: ['a', 'a'] }, '/hosts'],
  ])('are refused as %j', async (body, pointer) => {
    expect(problemIn(await house.call('POST', '/subscribers', body))).toMatchObject({
      code: 'invalid-input',
      errors: [{ pointer }],
    });
  });

  it('have names of their own, and are for administrators', async () => {
    await make('twin');
    expect(problemIn(await house.call('POST', '/subscribers', { name: 'twin' })).code).toBe('name-taken');
    for (const role of ['viewer', 'operator'] as const) {
      const token = await house.gateway.as(role);
      expect((await house.gateway.call('GET', '/api/v1/subscribers', { token })).status).toBe(403);
    }
  });
});
