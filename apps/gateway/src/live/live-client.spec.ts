import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CloudEvent, Metrics } from '@polyvirt/contracts';
import { EventWindow } from '../events/event-window.ts';
import { streamEventOf } from '../events/stream-event.ts';
import { LiveClient, type LiveSocket } from './live-client.ts';
import { topicOf } from './topics.ts';

/** A socket whose peer reads when it is told to. */
class FakeSocket extends EventEmitter {
  readonly sent: [name: string, message: { cursor?: string }][] = [];
  readonly data = { principal: { userId: 'ada', permissions: new Set(['host:files']) }, token: 'token' };
  readonly conn = Object.assign(new EventEmitter(), { writeBuffer: [] as unknown[], close: () => (this.cut = true) });
  reads = true;
  cut = false;

  override emit(name: string, message: { cursor?: string } = {}): boolean {
    if (name === 'disconnect') return super.emit(name);
    this.sent.push([name, message]);
    if (!this.reads) this.conn.writeBuffer.push(message);
    return true;
  }

  read(): void {
    this.conn.writeBuffer = [];
    this.conn.emit('drain');
  }

  disconnect(): void {
    this.emit('disconnect');
  }

  cursors(): number[] {
    return this.sent.filter(([name]) => name === 'event').map(([, { cursor }]) => Number(cursor));
  }
}

const event = (sequence: number) =>
  streamEventOf(sequence, 'kvm-a', { type: 'vm.updated', subject: 'kvm-a~1', data: {} } as CloudEvent);
const upTo = (count: number, from = 1) => Array.from({ length: count - from + 1 }, (_, n) => from + n);
/** Lets the client do whatever it can do now. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a live client', () => {
  let socket: FakeSocket;
  let window: EventWindow;
  let replayed: number[];
  let oldest: number;
  let client: LiveClient;
  beforeEach(() => {
    socket = new FakeSocket();
    window = new EventWindow(0, 100);
    replayed = [];
    oldest = 1;
    client = new LiveClient(
      socket as unknown as LiveSocket,
      {
        window,
        async *replay(after) {
          for (let at = Math.max(after + 1, oldest); at <= window.last; at++) {
            replayed.push(at);
            yield event(at);
          }
        },
        oldest: async () => oldest,
      },
      0,
      { stallMs: -1, farewellMs: -1 },
      (error) => {
        throw error;
      },
    );
    client.subscribe(new Map([['vms', topicOf('vms')!]]), undefined);
  });

  async function happen(sequences: number[]): Promise<void> {
    for (const sequence of sequences) window.add(event(sequence));
    client.notice();
    await settle();
  }

  it('holds events back while the peer does not read, and sends the rest in order when it does', async () => {
    socket.reads = false;
    await happen(upTo(90));
    const before = socket.cursors().length;
    expect(before).toBeLessThan(90);
    await happen(upTo(95, 91));
    expect(socket.cursors()).toHaveLength(before);
    socket.reads = true;
    socket.read();
    await settle();
    expect(socket.cursors()).toEqual(upTo(95));
  });

  it('is told that it is too slow, with the place to resume from, and is then cut off', async () => {
    socket.reads = false;
    await happen(upTo(90));
    client.checkPace();
    const last = String(socket.cursors().at(-1));
    expect(socket.sent.at(-1)).toEqual(['closed', { reason: 'slow-consumer', cursor: last }]);
    client.checkPace();
    expect(socket.cut).toBe(true);
  });

  it('reads what the window has dropped from the stream itself', async () => {
    socket.reads = false;
    await happen(upTo(70));
    await happen(upTo(300, 71));
    socket.reads = true;
    socket.read();
    await settle();
    expect(socket.cursors()).toEqual(upTo(300));
    expect(replayed.length).toBeGreaterThan(0);
  });

  it('is told when what it wants to resume from is gone from the stream too', async () => {
    socket.reads = false;
    await happen(upTo(70));
    await happen(upTo(300, 71));
    oldest = 150;
    socket.reads = true;
    socket.read();
    await settle();
    expect(socket.sent.at(-1)).toMatchObject(['closed', { reason: 'cursor-expired' }]);
  });

  it('goes back to an earlier place when a subscription names one', async () => {
    await happen(upTo(5));
    client.subscribe(new Map(), 3);
    await settle();
    expect(socket.cursors()).toEqual([1, 2, 3, 4, 5, 4, 5]);
  });

  it('keeps the latest reading of each VM, for as long as the peer is busy', () => {
    const reading = (cpuPercent: number, vmId = 'kvm-a~1') => ({ vmId, cpuPercent }) as Metrics;
    client.subscribe(new Map([['metrics:kvm-a~1', topicOf('metrics:kvm-a~1')!]]), undefined);
    socket.conn.writeBuffer = ['busy'];
    for (const cpuPercent of [1, 2, 3]) {
      client.take(reading(cpuPercent));
      client.take(reading(99, 'kvm-a~2'));
      client.flushReadings();
    }
    expect(socket.sent).toEqual([]);
    socket.conn.writeBuffer = [];
    client.flushReadings();
    client.flushReadings();
    expect(socket.sent).toEqual([['metrics', { readings: [reading(3)] }]]);
  });
});
