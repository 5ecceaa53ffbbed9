import { buckets, streams, subjects, type HostId } from '@polyvirt/contracts';
import { bucketStream, bucketSubject } from './bucket-names.ts';
import type { Bus } from './connection.ts';
import { readOrdered, type OrderedItem, type OrderedStart } from './ordered.ts';

type Bytes = Map<HostId, number>;

const hourMs = 3_600_000;
/** Events count for a day; how long they are kept is another matter. */
const countedHours = 24;
/** What a message takes beside its contents and its subject, about: its headers, its checksum and its place in the index. */
const messageOverhead = 128;
/** A bucket is read again when it has grown or shrunk by this part of what a host may have. */
const worthReading = 1 / 16;

interface ReadBucket {
  /** Of the whole bucket, when it was read. */
  readonly total: number;
  readonly byHost: Bytes;
}

/**
 * What hosts have on the bus, in bytes: their events of the last 24 hours, and their records. Only the sizes are read, of events
 * each once; and nothing at all as long as everything together is less than one host may have.
 */
export class StoredBytes {
  readonly #bus: Bus;
  /** By the hour in which they were stored, in ms since the epoch. */
  readonly #events = new Map<number, Bytes>();
  readonly #buckets = new Map<string, ReadBucket>();
  #readTo = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Hosts that have more than `most`, and how much. Throws what another attempt may mend, as when the bus is lost. */
  async above(most: number, signal: AbortSignal): Promise<Bytes> {
    const names = Object.values(buckets).map(({ name }) => name);
    const [events, ...sizes] = await Promise.all(
      [streams.events.name, ...names.map(bucketStream)].map((stream) => this.#stateOf(stream)),
    );
    const total = [events!, ...sizes].reduce((sum, { bytes }) => sum + bytes, 0);
    if (total <= most) return new Map();
    if (events!.last_seq !== this.#readTo) await this.#readEvents(events!.last_seq, signal);
    for (const [n, name] of names.entries()) await this.#readBucket(name, sizes[n]!.bytes, most, signal);
    const sum: Bytes = new Map();
    for (const part of [...this.#events.values(), ...[...this.#buckets.values()].map(({ byHost }) => byHost)])
      for (const [host, bytes] of part) add(sum, host, bytes);
    return new Map([...sum].filter(([, bytes]) => bytes > most));
  }

  async #stateOf(stream: string) {
    return (await this.#bus.whileConnected(this.#bus.manager.streams.info(stream))).state;
  }

  async #readEvents(last: number, signal: AbortSignal): Promise<void> {
    const since = Date.now() - countedHours * hourMs;
    for (const hour of this.#events.keys()) if (hour < since - hourMs) this.#events.delete(hour);
    // Lower than before: the stream was lost and begun anew.
    if (last < this.#readTo) {
      this.#events.clear();
      this.#readTo = 0;
    }
    const start = this.#readTo === 0 ? { time: new Date(since).toISOString() } : { sequence: this.#readTo + 1 };
    await this.#read(streams.events.name, subjects.events, start, signal, ({ subject, seq, time, bytes }) => {
      const hour = Math.floor(time / hourMs) * hourMs;
      const counted = this.#events.get(hour) ?? new Map<HostId, number>();
      this.#events.set(hour, counted);
      // polyvirt.v1.event.<host>.<type>
      add(counted, subject.split('.')[3] ?? '', bytes);
      this.#readTo = seq;
    });
    // The last ones may be older than a day, or have been deleted.
    this.#readTo = Math.max(last, this.#readTo);
  }

  async #readBucket(name: string, total: number, most: number, signal: AbortSignal): Promise<void> {
    const known = this.#buckets.get(name);
    if (Math.abs(total - (known?.total ?? 0)) < most * worthReading) return;
    const byHost: Bytes = new Map();
    const prefix = bucketSubject(name, '').length;
    await this.#read(bucketStream(name), bucketSubject(name, '>'), { sequence: 1 }, signal, ({ subject, bytes }) =>
      add(byHost, subject.slice(prefix).split('.')[0] ?? '', bytes),
    );
    this.#buckets.set(name, { total, byHost });
  }

  /** Everything that is there now. */
  async #read(
    stream: string,
    filter: string,
    start: OrderedStart,
    signal: AbortSignal,
    take: (message: { subject: string; seq: number; time: number; bytes: number }) => void,
  ): Promise<void> {
    for await (const item of readOrdered(this.#bus, { stream, filter, start, headersOnly: true, signal })) {
      if (item === 'caught-up') return;
      take({ subject: item.subject, seq: item.seq, time: item.time.getTime(), bytes: sizeOf(item) });
    }
    signal.throwIfAborted();
    throw new Error(`reading the sizes of ${stream} was interrupted`);
  }
}

function sizeOf({ subject, headers, data }: Exclude<OrderedItem, string>): number {
  const contents = Number(headers?.get('Nats-Msg-Size') ?? data.length);
  return contents + subject.length + messageOverhead;
}

function add(bytes: Bytes, host: HostId, more: number): void {
  bytes.set(host, (bytes.get(host) ?? 0) + more);
}
