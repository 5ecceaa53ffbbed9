import { once } from 'node:events';
import type { CloudEvent, Metrics, Problem, VmId } from '@polyvirt/contracts';
import type { DefaultEventsMap, Socket } from 'socket.io';
import type { Principal } from '../auth/caller.decorator.ts';
import { seesFolders } from '../disclosure/host-folders.ts';
import type { CloseReason, EventSource, Pace } from '../events/event-stream.ts';
import type { StreamEvent } from '../events/stream-event.ts';
import type { Topic } from './topics.ts';

export interface ServerMessages {
  event: (message: { cursor: string; event: CloudEvent }) => void;
  metrics: (message: { readings: Metrics[] }) => void;
  closed: (message: { reason: CloseReason; cursor: string }) => void;
}
export type Reply = { cursor: string } | { error: Problem };
export interface ClientMessages {
  subscribe: (message: unknown, reply?: (answer: Reply) => void) => void;
  unsubscribe: (message: unknown, reply?: (answer: Reply) => void) => void;
  authenticate: (message: unknown, reply?: (answer: Reply) => void) => void;
}
/** Who has come, and with what. */
export interface Admission {
  principal: Principal;
  /** Absent for a machine of a network that may read without. */
  token?: string;
}
export type LiveSocket = Socket<ClientMessages, ServerMessages, DefaultEventsMap, Admission>;

/** Packets that may wait for a client before the next event is held back. */
const mostWaiting = 64;
const batch = 128;

/**
 * One live connection. Events are read from the shared window at the pace of the client, in order, each at least once; of
 * readings only the latest waits.
 */
export class LiveClient {
  private readonly topics = new Map<string, Topic>();
  private readonly leaving = new AbortController();
  private readonly readings = new Map<VmId, Metrics>();
  private watched = new Set<VmId>();
  private arrived: (() => void) | undefined;
  private blockedAtMs: number | undefined;
  private farewellAtMs: number | undefined;

  constructor(
    readonly socket: LiveSocket,
    private readonly source: EventSource,
    private position: number,
    private readonly pace: Pace,
    trouble: (error: unknown) => void,
  ) {
    socket.on('disconnect', () => this.leave());
    void this.run().catch((error: unknown) => {
      if (this.gone) return;
      trouble(error);
      this.close('unavailable');
    });
  }

  get userId(): string {
    return this.socket.data.principal.userId;
  }

  get token(): string | undefined {
    return this.socket.data.token;
  }

  get principal(): Principal {
    return this.socket.data.principal;
  }

  /** Is from now on who this token is of. */
  become(principal: Principal, token: string): void {
    this.socket.data = { principal, token };
  }

  get topicCount(): number {
    return this.topics.size;
  }

  get topicList(): Iterable<Topic> {
    return this.topics.values();
  }

  get cursor(): string {
    return String(this.position);
  }

  /** Hears these as well; behind `since`, if that is given, what was already sent comes again. */
  subscribe(topics: ReadonlyMap<string, Topic>, since: number | undefined): void {
    for (const [name, topic] of topics) this.topics.set(name, topic);
    if (since !== undefined) this.position = Math.min(this.position, since);
    this.topicsChanged();
    this.notice();
  }

  unsubscribe(names: readonly string[]): void {
    for (const name of names) this.topics.delete(name);
    this.topicsChanged();
  }

  /** To be called when the window has new events. */
  notice(): void {
    this.arrived?.();
  }

  /** Keeps what it listens to until `flushReadings`. */
  take(reading: Metrics): void {
    if (this.watched.has(reading.vmId)) this.readings.set(reading.vmId, reading);
  }

  /** Sends the latest readings, unless the client is busy with what came before: the next ones are as good. */
  flushReadings(): void {
    if (this.readings.size === 0 || this.waiting > 0 || this.gone) return;
    const readings = [...this.readings.values()];
    this.readings.clear();
    this.socket.emit('metrics', { readings });
  }

  /** To be called every second or so: cuts the client off if it has stopped reading. */
  checkPace(): void {
    const now = performance.now();
    if (this.farewellAtMs !== undefined && now - this.farewellAtMs > this.pace.farewellMs) this.socket.conn.close(true);
    else if (this.blockedAtMs !== undefined && now - this.blockedAtMs > this.pace.stallMs) this.close('slow-consumer');
  }

  /** Says why, and ends the connection once that has been sent. */
  close(reason: CloseReason): void {
    if (this.gone) return;
    this.leaving.abort();
    this.farewellAtMs = performance.now();
    this.socket.emit('closed', { reason, cursor: this.cursor });
    // The transport closes behind what waits to be sent.
    this.socket.disconnect(true);
  }

  private get gone(): boolean {
    return this.leaving.signal.aborted;
  }

  private get waiting(): number {
    return (this.socket.conn as unknown as { writeBuffer: readonly unknown[] }).writeBuffer.length;
  }

  private leave(): void {
    this.leaving.abort();
    this.arrived?.();
  }

  private topicsChanged(): void {
    this.watched = new Set([...this.topics.values()].flatMap(({ metricsOf }) => metricsOf ?? []));
    for (const id of this.readings.keys()) if (!this.watched.has(id)) this.readings.delete(id);
  }

  private async run(): Promise<void> {
    while (!this.gone) {
      const events = this.source.window.after(this.position, batch);
      if (!events) await this.catchUp();
      else if (events.length === 0) await new Promise<void>((resolve) => (this.arrived = resolve));
      else for (const event of events) if (!(await this.pass(event))) break;
    }
  }

  /** Reads the stream itself until the window has the rest. */
  private async catchUp(): Promise<void> {
    for await (const event of this.source.replay(this.position, this.leaving.signal)) {
      if (event.sequence > this.position + 1 && (await this.source.oldest()) > this.position + 1) {
        this.close('cursor-expired');
        return;
      }
      if (!(await this.pass(event)) || this.position >= this.source.window.floor) return;
    }
  }

  /** False if the event was not the next one any more: the client has gone, or has gone back. */
  private async pass(event: StreamEvent): Promise<boolean> {
    const from = this.position;
    if (this.waiting >= mostWaiting) await this.drained();
    if (this.gone || this.position !== from) return false;
    this.position = event.sequence;
    if ([...this.topics.values()].some(({ brings }) => brings(event)))
      this.socket.emit('event', { cursor: this.cursor, event: this.shown(event) });
    return true;
  }

  private shown(event: StreamEvent): CloudEvent {
    return (seesFolders(this.principal) ? event : event.veiled).event;
  }

  private async drained(): Promise<void> {
    this.blockedAtMs ??= performance.now();
    const { signal } = this.leaving;
    while (!signal.aborted && this.waiting >= mostWaiting)
      await once(this.socket.conn, 'drain', { signal }).catch(() => undefined);
    this.blockedAtMs = undefined;
  }
}
