import { ApiProblem, type Client, type Operation } from '@polyvirt/api-client';
import { call } from './api.ts';
import { Exit } from './declaration.ts';
import { exitCodes, mayPass } from './exit-codes.ts';
import { printable } from './output/table.ts';
import type { Terminal } from './terminal.ts';

/** Without any event it is looked at so often: the token may not read events, or the stream may be cut off. */
const lookEveryMs = 2_000;
const redrawEveryMs = 1_000;
/** More than a timer of Node takes is no time at all. */
export const longestMs = 2 ** 31 - 1;

const hasEnded = ({ status }: Operation) => status !== 'pending' && status !== 'running';

/**
 * Resolves with the operation once it has ended, and tells each step. A gateway that is lost meanwhile is outlasted.
 * Throws `Exit` 6 at the deadline and 130 at Ctrl-C; the operation continues then.
 */
export async function waitForEnd(
  client: Client,
  terminal: Terminal,
  first: Operation,
  timeoutSeconds: number,
): Promise<Operation> {
  const stop = new AbortController();
  const progress = new Progress(terminal, timeoutSeconds);
  const followed = `Operation ${first.id} continues. Follow it with: polyvirt op wait ${first.id}`;
  const interrupt = () => stop.abort(new Exit(exitCodes.interrupted.code, followed));
  process.once('SIGINT', interrupt);
  const deadline = setTimeout(
    () => stop.abort(new Exit(exitCodes.timedOut.code, `Not ended after ${timeoutSeconds} s. ${followed}`)),
    Math.min(timeoutSeconds * 1_000, longestMs),
  );
  const redraw = setInterval(() => progress.draw(), redrawEveryMs);
  try {
    return await follow(client, first, progress, stop.signal);
  } catch (error) {
    // The operation needs nobody who watches: whose token has expired meanwhile for one.
    if (error instanceof ApiProblem && error.code !== 'operation-not-found') terminal.tell(followed);
    throw error;
  } finally {
    stop.abort();
    clearTimeout(deadline);
    clearInterval(redraw);
    process.off('SIGINT', interrupt);
    terminal.status(undefined);
  }
}

/** Resolves with the answer to a change. Throws `Exit` 130 at Ctrl-C, when nobody knows yet whether it has begun. */
export async function unlessInterrupted<Answer>(answer: Promise<Answer>): Promise<Answer> {
  const text = 'It was sent already: `polyvirt op list --limit 5` shows whether it has begun.';
  let interrupt: () => void = () => undefined;
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = () => reject(new Exit(exitCodes.interrupted.code, text));
  });
  process.once('SIGINT', interrupt);
  try {
    return await Promise.race([answer, interrupted]);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function follow(client: Client, first: Operation, progress: Progress, signal: AbortSignal): Promise<Operation> {
  let resolve!: (operation: Operation) => void;
  let reject!: (reason: unknown) => void;
  const end = new Promise<Operation>((...settle) => ([resolve, reject] = settle));
  let looking = false;
  let again = false;
  const look = async () => {
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    try {
      const path = { operationId: first.id };
      const { data } = await call<Operation>(client, 'GET /api/v1/operations/{operationId}', { path, signal });
      progress.seen(data);
      if (hasEnded(data)) resolve(data);
    } catch (error) {
      if (signal.aborted) return;
      if (mayPass(error)) progress.lost();
      else reject(error);
    } finally {
      looking = false;
    }
    if (again) {
      again = false;
      void look();
    }
  };
  const listen = async () => {
    const events = client.events({ types: ['operation.*'], signal, onConnected: () => void look() });
    for await (const { event } of events) if (event.subject === first.id) void look();
  };
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  const beat = setInterval(() => void look(), lookEveryMs);
  progress.seen(first);
  if (hasEnded(first)) resolve(first);
  // Whoever may not read events still sees the operation.
  else listen().catch(() => undefined);
  try {
    return await end;
  } finally {
    clearInterval(beat);
  }
}

/** Steps as they come: a line each, and in a terminal the running one with elapsed time and deadline. */
class Progress {
  readonly #beganAt = Date.now();
  readonly #told = new Set<string>();
  #operation: Operation | undefined;
  #isLost = false;

  constructor(
    private readonly terminal: Terminal,
    private readonly timeoutSeconds: number,
  ) {}

  seen(operation: Operation): void {
    if (this.#isLost) this.terminal.tell('The gateway is back.');
    this.#isLost = false;
    // A change may have no step for minutes, while a guest shuts down: that it has begun is told at least.
    if (operation.status === 'running' && this.#operation?.status !== 'running')
      this.terminal.tell(`${operation.verb}: running`);
    this.#operation = operation;
    operation.steps.forEach(({ name, status, durationMs }, index) => {
      const key = `${index} ${status}`;
      if (this.#told.has(key)) return;
      this.#told.add(key);
      const took = durationMs === undefined ? '' : ` (${(durationMs / 1_000).toFixed(1)} s)`;
      this.terminal.tell(`${operation.verb}: ${printable(name)}: ${status}${took}`);
    });
    this.draw();
  }

  lost(): void {
    if (!this.#isLost) this.terminal.tell('The gateway is unreachable; the operation continues. Trying again.');
    this.#isLost = true;
  }

  draw(): void {
    const operation = this.#operation;
    if (!operation) return;
    const step = operation.steps.find(({ status }) => status === 'running')?.name ?? operation.status;
    const elapsed = Math.round((Date.now() - this.#beganAt) / 1_000);
    const percent = operation.progress > 0 ? ` ${Math.round(operation.progress)}%` : '';
    this.terminal.status(
      `${operation.verb}: ${printable(step)}${percent}, ${elapsed} of at most ${this.timeoutSeconds} s`,
    );
  }
}
