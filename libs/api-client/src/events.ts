import { EventStreamParser, type StreamMessage } from './event-stream-parser.ts';
import { ApiProblem, problemIn } from './problem.ts';

/** CloudEvents 1.0. */
export interface CloudEvent<Data = unknown> {
  readonly specversion: '1.0';
  /** The same however often the event is told. */
  readonly id: string;
  readonly source: string;
  /** `vm.created` */
  readonly type: string;
  /** Id of the VM, host or operation it is about. */
  readonly subject: string;
  readonly time: string;
  readonly data: Data;
}

/** An event and its place in the stream. */
export interface StreamedEvent<Data = unknown> {
  /** The cursor: hand it in as `since` to go on behind this event. */
  readonly cursor: string;
  readonly event: CloudEvent<Data>;
}

export interface EventOptions {
  /** Cursor of the last event that was seen; without one the stream begins now. */
  readonly since?: string | undefined;
  /** `vm.created`, `operation.*`; all when absent. */
  readonly types?: readonly string[];
  /** Ids of hosts; all when absent. */
  readonly hosts?: readonly string[];
  /** Only events about this VM, its operations included. */
  readonly vm?: string | undefined;
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** Called at every connection, with the cursor that it begins behind. */
  readonly onConnected?: ((cursor: string) => void) | undefined;
  /** Called when a connection is lost or refused for now; the next one is tried soon. */
  readonly onLost?: ((reason: unknown) => void) | undefined;
}

export interface EventSource {
  readonly url: string;
  /** Sends with the credential of the client. */
  send(request: Request): Promise<Response>;
}

/** The gateway says something every 15 seconds; a connection that is silent for three times that is dead. */
const silenceMs = 45_000;
const firstRetryMs = 100;
const longestRetryMs = 10_000;

/**
 * Everything that happens, in order, each event once, for as long as the caller iterates. Lost connections are made
 * again and go on behind the last event. Throws an `ApiProblem` that a repeat would not mend, `cursor-expired` above all.
 */
export async function* streamEvents<Data = unknown>(
  source: EventSource,
  options: EventOptions,
): AsyncGenerator<StreamedEvent<Data>, void, undefined> {
  const { signal, onLost } = options;
  let cursor = options.since;
  let retryMs = firstRetryMs;
  while (!signal?.aborted) {
    let waitMs = firstRetryMs;
    try {
      for await (const message of connection(source, options, cursor)) {
        retryMs = firstRetryMs;
        cursor = message.cursor;
        if (message.event) yield { cursor, event: message.event as CloudEvent<Data> };
      }
      if (signal?.aborted) return;
      onLost?.(new Error('the gateway ended the stream'));
    } catch (error) {
      if (signal?.aborted) return;
      if (!mayPass(error)) throw error;
      onLost?.(error);
      const asked = error instanceof ApiProblem ? error.problem.retryAfterSeconds : undefined;
      waitMs = asked === undefined ? retryMs * (0.5 + Math.random()) : asked * 1_000;
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    }
    await pause(waitMs, signal);
  }
}

/** What one connection brings; a step without an event only moves the cursor. */
async function* connection(
  source: EventSource,
  { types, hosts, vm, signal, onConnected }: EventOptions,
  cursor: string | undefined,
): AsyncGenerator<{ cursor: string; event?: CloudEvent }, void, undefined> {
  const url = new URL(`${source.url}/api/v1/events`);
  if (types) url.searchParams.set('types', types.join(','));
  if (hosts) url.searchParams.set('hosts', hosts.join(','));
  if (vm !== undefined) url.searchParams.set('vm', vm);
  const ending = new AbortController();
  const end = () => ending.abort(signal?.reason);
  signal?.addEventListener('abort', end, { once: true });
  signal?.throwIfAborted();
  const tooSilent = () => ending.abort(new Error('the event stream has fallen silent'));
  let silence = setTimeout(tooSilent, silenceMs);
  try {
    const response = await source.send(
      new Request(url, {
        headers: { accept: 'text/event-stream', ...(cursor !== undefined && { 'last-event-id': cursor }) },
        signal: ending.signal,
      }),
    );
    if (!response.ok) throw await problemIn(response);
    if (!response.body) throw new Error('the event stream has no body');
    const arrived: { cursor: string; event?: CloudEvent }[] = [];
    const parser = new EventStreamParser({
      onComment: (text) => {
        const begin = /^connected behind (\d+)$/.exec(text)?.[1];
        if (begin === undefined) return;
        onConnected?.(begin);
        arrived.push({ cursor: begin });
      },
      onMessage: (message) => arrived.push(stepOf(message)),
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    // The signal of a request need not outlive the request object, so the body is told by itself.
    const cancel = () => void reader.cancel(ending.signal.reason).catch(() => undefined);
    ending.signal.addEventListener('abort', cancel, { once: true });
    if (ending.signal.aborted) cancel();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(tooSilent, silenceMs);
      parser.push(value);
      yield* arrived.splice(0);
    }
  } finally {
    clearTimeout(silence);
    signal?.removeEventListener('abort', end);
    ending.abort(new Error('the event stream is no longer wanted'));
  }
}

function stepOf({ id, type, data }: StreamMessage): { cursor: string; event?: CloudEvent } {
  if (id !== undefined) return { cursor: id, event: JSON.parse(data) as CloudEvent };
  if (type === 'closed') return { cursor: (JSON.parse(data) as { cursor: string }).cursor };
  throw new Error(`the event stream has a message of type ${type} without a cursor`);
}

/** Whether the same request may work in a while: the network, a gateway that restarts, or one that is busy. */
const mayPass = (error: unknown): boolean =>
  !(error instanceof ApiProblem) || error.retryable || (error.status >= 502 && error.status <= 504);

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
