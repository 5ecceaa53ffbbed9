import { io, type Socket } from 'socket.io-client';
import { client, type Metrics } from '../api/client.ts';

/** CloudEvents 1.0, as far as the console looks. */
export interface LiveEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly source: string;
  readonly time: string;
  readonly data: Record<string, unknown>;
}
export type LinkState = 'connecting' | 'live' | 'lost';
interface Reply {
  cursor?: string;
  error?: { code: string };
}

const renewEveryMs = 60_000;
const answerWithinMs = 15_000;

/** The one live connection of this tab. It resumes behind the last event, so that nothing is missed and nothing is polled. */
export class LiveConnection {
  state: LinkState = 'connecting';
  /** Since when it is lost. */
  lostAt: number | undefined;
  private readonly counts = new Map<string, number>();
  private readonly socket: Socket;
  private readonly seen = new Set<string>();
  private readonly renewal: ReturnType<typeof setInterval>;
  private cursor: string | undefined;
  private token: string | undefined;
  private readonly eventListeners = new Set<(event: LiveEvent, cursor: string) => void>();
  private readonly metricsListeners = new Set<(readings: Metrics[]) => void>();
  private readonly stateListeners = new Set<() => void>();
  private readonly resetListeners = new Set<() => void>();
  private readonly gapListeners = new Set<() => void>();

  constructor() {
    this.socket = io(location.origin, {
      transports: ['websocket'],
      reconnectionDelay: 300,
      reconnectionDelayMax: 5_000,
      auth: (give) => {
        client.accessToken().then(
          (token) => give({ token: (this.token = token) }),
          () => give({}),
        );
      },
    });
    this.socket.on('connect', () => void this.resume());
    this.socket.on('event', ({ cursor, event }: { cursor: string; event: LiveEvent }) => this.take(cursor, event));
    this.socket.on('metrics', ({ readings }: { readings: Metrics[] }) => {
      for (const listener of this.metricsListeners) listener(readings);
    });
    this.socket.on('closed', ({ reason }: { reason: string }) => {
      if (reason === 'cursor-expired') this.skip();
    });
    this.socket.on('disconnect', (reason) => {
      this.enter('lost');
      // What the server has ended is not connected again by itself.
      if (reason === 'io server disconnect') setTimeout(() => this.socket.connect(), 300);
    });
    this.socket.on('connect_error', () => {
      this.enter('lost');
      // Refused, and not merely unreachable: the token may have expired in the meantime.
      if (!this.socket.active) setTimeout(() => this.socket.connect(), 2_000);
    });
    this.renewal = setInterval(() => void this.renew(), renewEveryMs);
  }

  close(): void {
    clearInterval(this.renewal);
    this.socket.removeAllListeners();
    this.socket.disconnect();
  }

  /** Hears topics until what it returns is called; topics are counted. */
  hear(topics: readonly string[]): () => void {
    const fresh = topics.filter((topic) => !this.counts.has(topic));
    for (const topic of topics) this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    if (fresh.length > 0 && this.socket.connected) void this.ask('subscribe', { topics: fresh });
    return () => {
      const gone: string[] = [];
      for (const topic of topics) {
        const count = this.counts.get(topic)! - 1;
        if (count > 0) this.counts.set(topic, count);
        else {
          this.counts.delete(topic);
          gone.push(topic);
        }
      }
      if (gone.length > 0 && this.socket.connected) void this.ask('unsubscribe', { topics: gone });
    };
  }

  onEvent(listener: (event: LiveEvent, cursor: string) => void): () => void {
    this.eventListeners.add(listener);
    return () => this.eventListeners.delete(listener);
  }

  onMetrics(listener: (readings: Metrics[]) => void): () => void {
    this.metricsListeners.add(listener);
    return () => this.metricsListeners.delete(listener);
  }

  /** For `useSyncExternalStore`. */
  onState = (listener: () => void): (() => void) => {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  };

  /** Calls back when events may have been missed for good, as before the first is heard: what is shown has to be read anew. */
  onReset(listener: () => void): () => void {
    this.resetListeners.add(listener);
    return () => this.resetListeners.delete(listener);
  }

  /** Calls back when events were missed that do not come any more: the connection was away for longer than they are kept. */
  onGap(listener: () => void): () => void {
    this.gapListeners.add(listener);
    return () => this.gapListeners.delete(listener);
  }

  private skip(): void {
    if (this.cursor === undefined) return;
    this.cursor = undefined;
    for (const listener of this.gapListeners) listener();
  }

  private async resume(): Promise<void> {
    const topics = [...this.counts.keys()];
    if (topics.length > 0) {
      const since = this.cursor;
      const { cursor, error } = await this.ask('subscribe', { topics, ...(since !== undefined && { since }) });
      if (error?.code === 'cursor-expired') {
        this.skip();
        return this.resume();
      }
      // What was read before anything was heard may have changed in between.
      if (since === undefined) for (const listener of this.resetListeners) listener();
      this.cursor ??= cursor;
    }
    if (this.socket.connected) this.enter('live');
  }

  private take(cursor: string, event: LiveEvent): void {
    this.cursor = cursor;
    // Each comes at least once.
    if (this.seen.has(event.id)) return;
    if (this.seen.size > 2_000) this.seen.clear();
    this.seen.add(event.id);
    for (const listener of this.eventListeners) listener(event, cursor);
  }

  /** Hands in the next token before the one that the connection has expires. */
  private async renew(): Promise<void> {
    const token = await client.accessToken().catch(() => undefined);
    if (token === undefined || token === this.token || !this.socket.connected) return;
    this.token = token;
    await this.ask('authenticate', { token });
  }

  private async ask(what: string, message: object): Promise<Reply> {
    try {
      return (await this.socket.timeout(answerWithinMs).emitWithAck(what, message)) as Reply;
    } catch {
      return {};
    }
  }

  private enter(state: LinkState): void {
    if (state === this.state) return;
    this.state = state;
    this.lostAt = state === 'lost' ? Date.now() : undefined;
    for (const listener of this.stateListeners) listener();
  }
}
