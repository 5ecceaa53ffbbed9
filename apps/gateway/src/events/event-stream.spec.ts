import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { CloudEvent } from '@polyvirt/contracts';
import { eventMatcher, EventsQuery } from './event-filter.ts';
import { defaultPace, EventStream, type EventSource } from './event-stream.ts';
import { EventWindow } from './event-window.ts';
import { streamEventOf, type StreamEvent } from './stream-event.ts';

const eventOf = (sequence: number, type = 'vm.started', vm = 'kvm-a~1', padding = ''): StreamEvent => {
  const event: CloudEvent = {
    specversion: '1.0',
    id: `e${sequence}`,
    source: '/hosts/kvm-a/agent',
    type,
    subject: vm,
    time: '2026-11-21T10:00:00Z',
    datacontenttype: 'application/json',
    data: type.startsWith('operation.') ? { operation: { vmId: vm } } : { vm: { id: vm }, padding },
  };
  return streamEventOf(sequence, vm.split('~')[0]!, event);
};

/** The stream on the bus, and a gateway's window over the end of it. */
class Log implements EventSource {
  readonly kept: StreamEvent[] = [];
  window: EventWindow;
  replays = 0;
  readonly clients: EventStream[] = [];

  constructor(
    private readonly size = 8,
    position = 0,
  ) {
    this.window = new EventWindow(position, size);
  }

  async *replay(after: number): AsyncIterable<StreamEvent> {
    this.replays++;
    for (const event of this.kept.filter(({ sequence }) => sequence > after)) {
      await turn();
      yield event;
    }
  }

  oldest(): Promise<number> {
    return Promise.resolve(this.kept[0]?.sequence ?? 1);
  }

  add(...events: StreamEvent[]): void {
    for (const event of events) {
      this.kept.push(event);
      this.window.add(event);
    }
    for (const client of this.clients) client.notice();
  }

  /** A gateway that starts anew knows nothing but the place it has reached. */
  restart(): void {
    this.window = new EventWindow(this.kept.at(-1)?.sequence ?? 0, this.size);
  }

  connect(after: number, matches: (event: StreamEvent) => boolean = () => true, clock?: () => number): EventStream {
    const client = new EventStream(this, after, matches, defaultPace, clock);
    this.clients.push(client);
    return client;
  }
}

/** Reads until as many events as asked have come, and leaves; answers their ids. */
async function read(client: EventStream, count: number): Promise<number[]> {
  const ids: number[] = [];
  for await (const chunk of client) {
    for (const [, id] of String(chunk).matchAll(/^id: (\d+)$/gm)) ids.push(Number(id));
    if (ids.length >= count) break;
  }
  return ids.slice(0, count);
}

const sequence = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe('EventStream', () => {
  it('gives what comes after it was opened, in order', async () => {
    const log = new Log();
    const reading = read(log.connect(0), 3);
    log.add(eventOf(1), eventOf(2));
    await turn();
    log.add(eventOf(3));
    expect(await reading).toEqual([1, 2, 3]);
    expect(log.replays).toBe(0);
  });

  it('resumes from the window, and from the stream behind it, without loss or repeats', async () => {
    const log = new Log(8);
    log.add(...sequence(1, 30).map((n) => eventOf(n)));
    expect(await read(log.connect(25), 5)).toEqual(sequence(26, 30));
    expect(log.replays).toBe(0);
    expect(await read(log.connect(3), 27)).toEqual(sequence(4, 30));
    expect(log.replays).toBe(1);
  });

  it('goes over from the stream to the window while events keep coming', async () => {
    const log = new Log(8);
    log.add(...sequence(1, 40).map((n) => eventOf(n)));
    const reading = read(log.connect(0), 140);
    for (let n = 41; n <= 140; n++) {
      log.add(eventOf(n));
      if (n % 3 === 0) await turn();
    }
    expect(await reading).toEqual(sequence(1, 140));
  });

  it('resumes across a restart of the gateway', async () => {
    const log = new Log();
    log.add(...sequence(1, 5).map((n) => eventOf(n)));
    const seen = await read(log.connect(0), 3);
    log.restart();
    log.add(eventOf(6));
    expect([...seen, ...(await read(log.connect(seen.at(-1)!), 3))]).toEqual(sequence(1, 6));
  });

  it('filters by type, family of types, host and VM', async () => {
    const log = new Log(64);
    log.add(
      eventOf(1, 'vm.started', 'kvm-a~1'),
      eventOf(2, 'vm.stopped', 'kvm-a~1'),
      eventOf(3, 'operation.started', 'kvm-a~1'),
      eventOf(4, 'operation.started', 'kvm-b~2'),
      eventOf(5, 'vm.started', 'kvm-b~2'),
    );
    const ids = (query: Record<string, string>, count: number) =>
      read(log.connect(0, eventMatcher(EventsQuery.parse(query))), count);
    expect(await ids({ types: 'vm.started' }, 2)).toEqual([1, 5]);
    expect(await ids({ types: 'operation.*,vm.stopped' }, 3)).toEqual([2, 3, 4]);
    expect(await ids({ hosts: 'kvm-b' }, 2)).toEqual([4, 5]);
    expect(await ids({ vm: 'kvm-a~1', types: 'operation.*' }, 1)).toEqual([3]);
  });

  it.each([
    { types: 'vm.exploded' },
    { types: '' },
    { hosts: 'Not A Host' },
    { vm: 'x' },
    { since: '-1' },
    { since: '1e3' },
    { sinse: '1' },
  ])('refuses the query %j', (query) => {
    expect(EventsQuery.safeParse(query).success).toBe(false);
  });

  it('cuts a client that stops reading, says why, and never holds more for it than its buffer', () => {
    let now = 0;
    const log = new Log(10_000);
    const client = log.connect(
      0,
      () => true,
      () => now,
    );
    const padding = 'x'.repeat(10_000);
    log.add(...sequence(1, 500).map((n) => eventOf(n, 'vm.updated', 'kvm-a~1', padding)));
    return turn().then(() => {
      expect(client.readableLength).toBeLessThan(300_000);
      now += defaultPace.stallMs;
      client.checkPace();
      expect(client.readableEnded).toBe(false);
      now += 1;
      client.checkPace();
      const text = String(client.read());
      expect(text).toMatch(/\n\nevent: closed\ndata: \{"reason":"slow-consumer","cursor":"(\d+)"\}\n\n$/);
      const last = [...text.matchAll(/^id: (\d+)$/gm)].at(-1)![1];
      expect(text.endsWith(`"cursor":"${last}"}\n\n`)).toBe(true);
    });
  });

  it('lets go of a cut client that does not even read its farewell', async () => {
    let now = 0;
    const client = new Log().connect(
      0,
      () => true,
      () => now,
    );
    client.close('shutting-down');
    now += 5_001;
    client.checkPace();
    await turn();
    expect(client.destroyed).toBe(true);
  });

  it('waits for a slow client that goes on reading', async () => {
    const log = new Log(10_000);
    const padding = 'x'.repeat(10_000);
    const client = log.connect(0);
    log.add(...sequence(1, 200).map((n) => eventOf(n, 'vm.updated', 'kvm-a~1', padding)));
    const ids: number[] = [];
    for await (const chunk of client) {
      await turn();
      client.checkPace();
      for (const [, id] of String(chunk).matchAll(/^id: (\d+)$/gm)) ids.push(Number(id));
      if (ids.length >= 200) break;
    }
    expect(ids).toEqual(sequence(1, 200));
  });

  it('says so when the events it was to go on with have expired meanwhile', async () => {
    const log = new Log(2);
    log.add(...sequence(1, 20).map((n) => eventOf(n)));
    log.kept.splice(0, 10);
    let text = '';
    for await (const chunk of log.connect(3)) text += String(chunk);
    expect(text).toContain('"reason":"cursor-expired","cursor":"3"');
    expect(text).not.toContain('id: ');
  });

  it('ends with a clear event when the stream cannot be read', async () => {
    const log = new Log(2);
    log.add(...sequence(1, 9).map((n) => eventOf(n)));
    log.replay = () => {
      throw new Error('no bus');
    };
    let text = '';
    const client = log.connect(1);
    const troubles: unknown[] = [];
    client.on('trouble', (error) => troubles.push(error));
    for await (const chunk of client) text += String(chunk);
    expect(text).toContain('"reason":"unavailable","cursor":"1"');
    expect(troubles).toHaveLength(1);
  });
});

describe('EventWindow', () => {
  it('is bounded by number and by size', () => {
    const window = new EventWindow(0, 100, 50_000);
    for (let n = 1; n <= 5_000; n++) window.add(eventOf(n));
    expect(window.last).toBe(5_000);
    expect(window.after(window.floor, 1_000)!).toHaveLength(100);
    expect(window.after(window.floor - 1, 1)).toBeUndefined();
    window.add(eventOf(5_001, 'vm.updated', 'kvm-a~1', 'x'.repeat(60_000)));
    expect(window.floor).toBe(5_000);
    expect(window.after(5_000, 10)!.map((event) => event.sequence)).toEqual([5_001]);
  });
});
