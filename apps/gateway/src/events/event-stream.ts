import { Readable } from 'node:stream';
import type { EventWindow } from './event-window.ts';
import type { StreamEvent } from './stream-event.ts';

/** Where a client's stream takes its events from. */
export interface EventSource {
  readonly window: EventWindow;
  /** Events behind a sequence, from the stream itself, for a client that the window has left behind. */
  replay(after: number, signal: AbortSignal): AsyncIterable<StreamEvent>;
  /** Sequence of the oldest event that is kept. */
  oldest(): Promise<number>;
}

/** Why the gateway ended a stream; the client may resume with its last id, after `cursor-expired` from an older one. */
export type CloseReason = 'slow-consumer' | 'token-expired' | 'shutting-down' | 'cursor-expired' | 'unavailable';

/** What may wait in memory for one client, in bytes. */
const highWaterMark = 256 * 1_024;
export interface Pace {
  /** A client that takes nothing for so long, while there is something for it, is cut. */
  readonly stallMs: number;
  /** Then it may still read what was written, and why. */
  readonly farewellMs: number;
}
export const defaultPace: Pace = { stallMs: 20_000, farewellMs: 5_000 };
const batch = 128;

/**
 * Server-sent events for one client. It reads from the shared window at the pace of the client and holds no queue of
 * its own but the socket's, so a slow client costs a bounded amount of memory and delays nobody.
 */
export class EventStream extends Readable {
  private readonly leaving = new AbortController();
  private drained: (() => void) | undefined;
  private arrived: (() => void) | undefined;
  private blockedAtMs: number | undefined;
  private farewellAtMs: number | undefined;

  constructor(
    private readonly source: EventSource,
    private position: number,
    private readonly matches: (event: StreamEvent) => boolean,
    private readonly pace = defaultPace,
    private readonly clock: () => number = () => performance.now(),
    private readonly frameOf: (event: StreamEvent) => string = ({ frame }) => frame,
  ) {
    super({ highWaterMark });
    // Makes the headers leave, so that the client knows it is connected before anything happens.
    this.push(`: connected behind ${position}\n\n`);
    void this.run();
  }

  /** To be called when the window has new events. */
  notice(): void {
    this.arrived?.();
  }

  ping(): void {
    if (!this.closing && this.blockedAtMs === undefined) this.push(': ping\n\n');
  }

  /** To be called every second or so: cuts the client when it has stopped reading. */
  checkPace(): void {
    const now = this.clock();
    if (this.farewellAtMs !== undefined && now - this.farewellAtMs > this.pace.farewellMs) this.destroy();
    else if (this.blockedAtMs !== undefined && now - this.blockedAtMs > this.pace.stallMs) this.close('slow-consumer');
  }

  /** Ends the stream with an event that says why. */
  close(reason: CloseReason): void {
    if (this.closing) return;
    this.farewellAtMs = this.clock();
    this.leaving.abort();
    this.push(`event: closed\ndata: ${JSON.stringify({ reason, cursor: String(this.position) })}\n\n`);
    this.push(null);
  }

  override _read(): void {
    this.blockedAtMs = undefined;
    this.drained?.();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.leaving.abort();
    this.drained?.();
    this.arrived?.();
    callback(error);
  }

  private get closing(): boolean {
    return this.leaving.signal.aborted;
  }

  private async run(): Promise<void> {
    try {
      while (!this.closing) {
        const events = this.source.window.after(this.position, batch);
        if (!events) await this.catchUp();
        else if (events.length > 0) for (const event of events) await this.pass(event);
        else await new Promise<void>((resolve) => (this.arrived = resolve));
      }
    } catch (error) {
      if (this.closing) return;
      this.emit('trouble', error);
      this.close('unavailable');
    }
  }

  /** Reads the stream itself until the window has the rest. */
  private async catchUp(): Promise<void> {
    for await (const event of this.source.replay(this.position, this.leaving.signal)) {
      if (event.sequence > this.position + 1 && (await this.source.oldest()) > this.position + 1) {
        this.close('cursor-expired');
        return;
      }
      await this.pass(event);
      if (this.closing || this.position >= this.source.window.floor) return;
    }
  }

  private async pass(event: StreamEvent): Promise<void> {
    if (this.closing) return;
    if (this.matches(event) && !this.push(this.frameOf(event))) {
      this.blockedAtMs = this.clock();
      this.position = event.sequence;
      await new Promise<void>((resolve) => (this.drained = resolve));
      this.drained = undefined;
    }
    this.position = event.sequence;
  }
}
