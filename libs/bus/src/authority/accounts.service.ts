import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeUser, fmtCreds, type User } from '@nats-io/jwt';
import { Logger } from '@nestjs/common';
import { commandConsumer, keys, streams, subjects, subscriberConsumers } from '@polyvirt/contracts';
import { connectBus, ensureSubscriber, ensureTopology, type Bus, type BusService } from '../index.ts';
import { BusAccount, eventually } from '../testing/index.ts';
import { guestTag } from './authority.ts';
import { deriveKey, newKey } from './keys.ts';

const hosts = ['a', 'b', 'c'] as const;
type HostName = (typeof hosts)[number];
const reader = { id: 'r', hosts: ['a'] };
const services: BusService[] = [
  { service: 'gateway' },
  { service: 'organizer' },
  { service: 'agent', host: 'a' },
  { service: 'agent', host: 'b' },
  { service: 'subscriber', ...reader },
];
const actors = ['gateway', 'organizer', 'agent-a', 'agent-b', 'subscriber-r'] as const;
type Actor = (typeof actors)[number];

const rounds = 2_000;
const seed = 20_261_130;

/** mulberry32 */
function dice(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Kind = 'agent' | 'gateway' | 'organizer';

/** Subjects that somebody may publish on, as CORE hears them; this table is not the one that the accounts are made of. */
const publications: readonly [of: (host: HostName) => string, by: readonly Kind[]][] = [
  [(host) => subjects.event(host, 'vm.created'), ['agent', 'gateway']],
  [(host) => subjects.event(host, 'operation.succeeded'), ['agent', 'gateway']],
  [(host) => subjects.event(host, 'host.draining'), ['agent', 'gateway']],
  [(host) => subjects.event(host, 'host.online'), ['gateway']],
  [(host) => subjects.event(host, 'host.cut-off'), ['gateway']],
  [(host) => subjects.event(host, 'archive.updated'), ['organizer', 'gateway']],
  [(host) => subjects.event(host, 'made.up'), ['gateway']],
  [(host) => subjects.metrics(host), ['agent']],
  [(host) => subjects.rollup(host), ['agent']],
  [(host) => subjects.heartbeat(host), ['agent']],
  [(host) => subjects.consoleDown(host, 's'), ['agent']],
  [(host) => subjects.answer(host, 'x'), ['agent']],
  [(host) => subjects.membership(host, 'renew'), ['agent']],
  [(host) => subjects.membership(host, 'leave'), ['agent']],
  [(host) => subjects.consoleUp(host, 's'), ['gateway']],
  [(host) => subjects.query(host, 'vm-get'), ['gateway']],
  [(host) => subjects.command(host, 'vm.start'), ['gateway']],
  [(host) => `$KV.polyvirt_inventory.${keys.vm(host, 'v')}`, ['agent']],
  [(host) => `$KV.polyvirt_hosts.${keys.host(host)}`, ['agent']],
  [(host) => `$KV.polyvirt_journal.${keys.journal(host, 'o')}`, ['agent', 'gateway']],
  [(host) => `$KV.polyvirt_index.${keys.index(host, 'p')}`, ['agent', 'gateway']],
  [() => '$KV.polyvirt_index._.indexed', ['gateway']],
  [() => '$KV.polyvirt_inventory.x', []],
  [(host) => `_INBOX.agent-${host}.x`, []],
  [() => '_INBOX.gateway.x', []],
  [() => 'anything', []],
];

const allStreams = [
  ...Object.values(streams).map(({ name }) => name),
  ...['inventory', 'hosts', 'journal', 'index'].map((name) => `KV_polyvirt_${name}`),
];
const calls: readonly ((stream: string, host: HostName) => string)[] = [
  () => 'INFO',
  () => 'STREAM.NAMES',
  () => 'STREAM.LIST',
  (stream) => `STREAM.INFO.${stream}`,
  (stream) => `STREAM.MSG.GET.${stream}`,
  (stream) => `CONSUMER.LIST.${stream}`,
  (stream) => `CONSUMER.NAMES.${stream}`,
  (stream) => `CONSUMER.CREATE.${stream}`,
  (stream) => `DIRECT.GET.${stream}`,
  (stream, host) => `DIRECT.GET.${stream}.$KV.${stream.slice('KV_'.length)}.${host}`,
  (stream, host) => `DIRECT.GET.${stream}.$KV.${stream.slice('KV_'.length)}.${host}.v`,
  (stream, host) => `CONSUMER.INFO.${stream}.${commandConsumer(host)}`,
  (stream, host) => `CONSUMER.MSG.NEXT.${stream}.${commandConsumer(host)}`,
  (stream) => `CONSUMER.INFO.${stream}.organizer`,
  (stream, host) => `CONSUMER.INFO.${stream}.subscriber_r_${host}`,
  (stream, host) => `CONSUMER.MSG.NEXT.${stream}.subscriber_r_${host}`,
];
const systemCalls = [
  'SERVER.PING',
  'ACCOUNT.PING.CONNZ',
  'ACCOUNT.PING.STATZ',
  'CLAIMS.LIST',
  'CLAIMS.PACK',
  'USER.INFO',
];

/** What may be asked of JetStream, by whom. */
function mayAsk(actor: Actor, subject: string): boolean {
  const hears = (consumer: string, stream: string) => [
    `CONSUMER.INFO.${stream}.${consumer}`,
    `CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  ];
  if (actor === 'organizer')
    return hears('organizer', streams.events.name).some((call) => subject === `$JS.API.${call}`);
  if (actor === 'subscriber-r')
    return hears('subscriber_r_a', streams.events.name).some((call) => subject === `JS.core.API.${call}`);
  const host = actor.slice('agent-'.length);
  return (
    hears(commandConsumer(host), streams.commands.name).some((call) => subject === `JS.core.API.${call}`) ||
    new RegExp(
      `^JS\\.core\\.API\\.DIRECT\\.GET\\.KV_(polyvirt_(?:inventory|journal|index))\\.\\$KV\\.\\1\\.${host}\\.v$`,
    ).test(subject) ||
    subject === `JS.core.API.DIRECT.GET.KV_polyvirt_hosts.$KV.polyvirt_hosts.${host}`
  );
}

const kindOf = (actor: Actor): Kind | undefined =>
  actor.startsWith('agent') ? 'agent' : actor === 'subscriber-r' ? undefined : (actor as Kind);

describe('with every credential, on every family of subjects', () => {
  let account: BusAccount;
  let admin: Bus;
  let buses: Record<Actor, Bus>;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    account = await BusAccount.open(services);
    admin = await account.connect('admin');
    await ensureTopology(admin, { hosts: ['a', 'b'] });
    await ensureSubscriber(admin, reader);
    expect(subscriberConsumers(reader).map(({ name }) => name)).toEqual(['subscriber_r_a']);
    const opened = await Promise.all(actors.map(async (actor) => [actor, await account.connect(actor)] as const));
    buses = Object.fromEntries(opened) as Record<Actor, Bus>;
  });
  afterAll(async () => {
    await Promise.all([admin, ...Object.values(buses)].map((bus) => bus.close()));
    await account[Symbol.asyncDispose]();
    Logger.overrideLogger(['error']);
  });
  const flushed = () => Promise.all([...Object.values(buses), admin].map((bus) => bus.connection.flush()));

  it('nothing gets through that is not in the tables, in two thousand tries', async () => {
    const roll = dice(seed);
    const pick = <Item>(items: readonly Item[]): Item => items[roll(items.length)]!;
    const heard = new Set<string>();
    const answered: string[] = [];
    const overheard: string[] = [];
    /** By round. */
    const asked = new Map<number, string>();
    admin.connection.subscribe('>', { callback: (_error, message) => void heard.add(message.string()) });
    for (const actor of actors)
      buses[actor].connection.subscribe(`_INBOX.${actor}.try.*`, {
        callback: (_error, message) => {
          const refused = /not enabled for account/.test(message.string()) || message.headers?.code === 503;
          if (!refused) answered.push(`${actor} ${asked.get(Number(/\d+$/.exec(message.subject)?.[0]))}`);
        },
      });
    await flushed();

    const allowed = new Set<string>();
    for (let round = 0; round < rounds; round += 1) {
      const actor = pick(actors);
      const { connection } = buses[actor];
      const host = pick(hosts);
      const what = roll(3);
      if (what === 0) {
        const [of, by] = pick(publications);
        const told = `${round} ${actor} ${of(host)}`;
        const kind = kindOf(actor);
        const isOwn = kind !== 'agent' || actor === `agent-${host}`;
        if (kind && by.includes(kind) && isOwn) allowed.add(told);
        connection.publish(of(host), told);
      } else if (what === 1 && actor !== 'gateway') {
        const call = pick(calls)(pick(allStreams), host);
        const subject = roll(8) === 0 ? `$SYS.REQ.${pick(systemCalls)}` : `${pick(['$JS.API', 'JS.core.API'])}.${call}`;
        connection.publish(subject, call.includes('NEXT') ? '{"batch":1,"no_wait":true}' : '', {
          reply: `_INBOX.${actor}.try.${round}`,
        });
        asked.set(round, subject);
      } else if (what === 2 && actor !== 'gateway') {
        const subject = pick([
          ...publications.map(([of]) => of(host)),
          ...['>', '$SYS.>', '$JS.>', '$KV.>', '_INBOX.>', subjects.events, subjects.commands, subjects.metrics('*')],
        ]);
        connection.subscribe(subject, {
          callback: (error, message) => {
            if (!error && message.string().startsWith('loot')) overheard.push(`${actor} ${message.string()}`);
          },
        });
      }
    }
    await flushed();
    await eventually(() => expect([...allowed].filter((told) => !heard.has(told))).toEqual([]));
    const tried = [...heard].filter((told) => /^\d+ /.test(told));
    expect(tried.filter((told) => !allowed.has(told))).toEqual([]);

    for (const host of hosts) for (const [of] of publications) admin.connection.publish(of(host), `loot ${of(host)}`);
    await flushed();
    // Console input and questions of its own host are what an agent is sent.
    const meant = (line: string) => /^agent-(\w) loot polyvirt\.v1\.(?:console|query)\.\1\./.test(line);
    expect(overheard.filter((line) => !meant(line))).toEqual([]);
    expect(answered.filter((line) => !mayAsk(line.split(' ')[0] as Actor, line.split(' ')[1]!))).toEqual([]);
    expect(answered.length).toBeGreaterThan(0);
    expect(allowed.size).toBeGreaterThan(50);
  });

  describe('an account alone, without permissions for its user,', () => {
    let fenceless: Bus[];
    const guests = ['host/a', 'subscriber/r'] as const;
    beforeAll(async () => {
      fenceless = await Promise.all(
        guests.map(async (name) => {
          const key = deriveKey(account.signingSeed, 'account', `${account.realm}/${name}`);
          const user = newKey('user');
          // Signed by the account itself and not in a role: the server allows it everything.
          const token = await encodeUser('fenceless', user, key, { tags: [guestTag] } as Partial<User>);
          const credentials = new TextDecoder().decode(fmtCreds(token, user));
          return connectBus({ url: account.url, credentials, name: 'fenceless' });
        }),
      );
    });
    afterAll(() => Promise.all(fenceless.map((bus) => bus.close())));

    it('says nothing to CORE that is not its own, and hears nothing else', async () => {
      const heard = new Set<string>();
      admin.connection.subscribe('>', { callback: (_error, message) => void heard.add(message.string()) });
      const overheard: string[] = [];
      for (const [n, bus] of fenceless.entries())
        bus.connection.subscribe('>', {
          callback: (_error, message) => {
            const text = message.string();
            if (text.startsWith('loot')) overheard.push(`${guests[n]} ${text}`);
          },
        });
      await Promise.all([...fenceless, admin].map((bus) => bus.connection.flush()));
      const allowed: string[] = [];
      for (const [n, { connection }] of fenceless.entries())
        for (const host of hosts)
          for (const [of, by] of publications) {
            const told = `fenceless ${guests[n]} ${of(host)}`;
            connection.publish(of(host), told);
            if (guests[n] === `host/${host}` && by.includes('agent')) allowed.push(told);
          }
      for (const host of hosts) for (const [of] of publications) admin.connection.publish(of(host), `loot ${of(host)}`);
      await Promise.all([...fenceless, admin].map((bus) => bus.connection.flush()));
      await eventually(() => expect(allowed.filter((told) => !heard.has(told))).toEqual([]));
      expect([...heard].filter((told) => told.startsWith('fenceless') && !allowed.includes(told))).toEqual([]);
      await eventually(() => expect(overheard.length).toBeGreaterThan(0));
      expect(overheard.filter((line) => !/^host\/a loot polyvirt\.v1\.(?:console|query)\.a\./.test(line))).toEqual([]);
    });

    it('is told nothing of streams, of other hosts or of the server by whatever it asks', async () => {
      const { authority } = account;
      const names = [authority.hostAccount('b'), authority.coreAccount, 'agent-b', 'agent_b', 'POLYVIRT', 'polyvirt_'];
      for (const [n, { connection }] of fenceless.entries()) {
        const questions = new Set(systemCalls.map((call) => `$SYS.REQ.${call}`));
        for (const prefix of ['$JS.API', 'JS.core.API'])
          for (const stream of allStreams)
            for (const host of hosts) for (const call of calls) questions.add(`${prefix}.${call(stream, host)}`);
        const actor = n === 0 ? 'agent-a' : 'subscriber-r';
        const may = [...questions].filter((subject) => mayAsk(actor, subject));
        const others = [...questions].filter((subject) => !may.includes(subject));
        const telling = new Set<string>();
        // Its own ones last: when they are answered, so are the others, if they are at all.
        const asked = [...others, ...may];
        connection.subscribe('_INBOX.fenceless.*', {
          callback: (_error, message) => {
            const answer = message.string();
            const subject = asked[Number(/\d+$/.exec(message.subject)?.[0])];
            if (subject !== undefined && names.some((name) => answer.includes(name))) telling.add(subject);
          },
        });
        for (const [number, subject] of asked.entries()) {
          const payload = subject.includes('STREAM.INFO') ? '{"subjects_filter":">"}' : '';
          connection.publish(subject, payload, { reply: `_INBOX.fenceless.${number}` });
        }
        const own = may.filter((subject) => subject.includes('CONSUMER.INFO'));
        expect(own).toHaveLength(1);
        await eventually(() => expect([...telling]).toEqual(expect.arrayContaining(own)));
        expect([...telling].filter((subject) => others.includes(subject))).toEqual([]);
      }
    });
  });
});
