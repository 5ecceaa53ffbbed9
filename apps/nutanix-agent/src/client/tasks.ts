import { foreignText, ProblemError } from '@polyvirt/contracts';
import { backOff, pause } from './back-off.ts';
import { numberAt, objectAt, objectsAt, textAt, type JsonObject } from './json.ts';
import type { PrismClient } from './prism-client.ts';
import { PrismError, PrismTimeoutError, PrismUnreachableError, TaskFailedError } from './prism-error.ts';

export interface TaskOptions {
  /** Wait before the second look at a task; it grows from there. 200 ms by default. */
  readonly firstMs?: number | undefined;
  /** Longest wait between two looks. 2,000 ms by default. */
  readonly mostMs?: number | undefined;
  /** How long a task may take. 45 minutes by default. */
  readonly limitMs?: number | undefined;
  /** How long a new task may be unknown, and an old one be suspended. 15,000 ms by default. */
  readonly patienceMs?: number | undefined;
}

interface Awaited {
  readonly since: number;
  rounds: number;
  /** Since when Prism has not known it, or has it suspended. By `performance.now()`. */
  strangeSince: number | undefined;
  readonly resolve: (task: JsonObject | undefined) => void;
  readonly reject: (error: unknown) => void;
  readonly progress: ((percent: number) => void) | undefined;
  readonly ended: AbortSignal;
}

/** What a look found: the task, or undefined where Prism does not know it, or that there was no answer. */
interface Look {
  readonly task?: JsonObject | undefined;
  readonly error?: unknown;
}

const SUCCESS = 'SUCCEEDED';
const OPEN = ['QUEUED', 'RUNNING', 'PENDING'];
const RECENT_TASKS = 100;
/** Answers by which a Prism may say that it has no such list, and that some give at random to one that they let in. */
const REFUSALS = [400, 403, 404, 405, 422];
/** So often in a row, and the list counts as one that this Prism does not show us. */
const MOST_REFUSALS = 5;
const NO_SUCH_CALL = [400, 405, 422];
const ABORT_WITHIN_MS = 5_000;

/** Waits for tasks. However many are waited for, one round of looks serves them all. */
export class Tasks {
  readonly #client: PrismClient;
  readonly #firstMs: number;
  readonly #mostMs: number;
  /** How long a task may take. */
  readonly limitMs: number;
  readonly #patienceMs: number;
  readonly #awaited = new Map<string, Set<Awaited>>();
  readonly #end = new AbortController();
  #looking = false;
  #wake: (() => void) | undefined;
  /** Looking at many by one call is no published path, so a Prism may lack it. */
  #hasBulk = true;
  /** Nor is the list of tasks. */
  #hasList = true;

  constructor(client: PrismClient, options: TaskOptions = {}) {
    this.#client = client;
    this.#firstMs = options.firstMs ?? 200;
    this.#mostMs = options.mostMs ?? 2_000;
    this.limitMs = options.limitMs ?? 45 * 60_000;
    this.#patienceMs = options.patienceMs ?? 15_000;
  }

  /**
   * Resolves when the task has succeeded, or is so old that Prism has forgotten it. A task that takes too long is aborted and
   * throws `timed-out`. @throws TaskFailedError
   */
  async succeeded(uuid: string, signal: AbortSignal, progress?: (percent: number) => void): Promise<void> {
    const limit = AbortSignal.timeout(this.limitMs);
    let task: JsonObject | undefined;
    try {
      task = await this.#ended(uuid, AbortSignal.any([signal, limit]), progress);
    } catch (error) {
      if (signal.aborted || limit.aborted) await this.abort(uuid);
      signal.throwIfAborted();
      if (!limit.aborted) throw error;
      throw new ProblemError(
        'timed-out',
        `Prism has not ended the task ${uuid} within ${this.limitMs / 1_000} s, and it was aborted. Look at the tasks of Prism Central for what holds it up, then try again.`,
        { cause: error },
      );
    }
    if (task === undefined || task['status'] === SUCCESS) return;
    // One that was suspended for too long would hold its entity for ever.
    if (isUnfinished(task)) await this.abort(uuid);
    throw this.#failureOf(uuid, task);
  }

  /** As `succeeded`, for callers who look at what came of it: that Prism shows nobody the task is no failure then. */
  async over(uuid: string, signal: AbortSignal): Promise<void> {
    await this.succeeded(uuid, signal).catch((error: unknown) => {
      if (!(error instanceof PrismError)) throw error;
    });
  }

  /** Resolves when the task has ended in whatever way, or is not known or not shown. */
  async settled(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#ended(uuid, signal, undefined).catch((error: unknown) => {
      if (!(error instanceof PrismError)) throw error;
    });
  }

  /** The task as it is now; undefined when Prism does not know it. */
  peek(uuid: string, signal: AbortSignal): Promise<JsonObject | undefined> {
    return this.#client.find(`/tasks/${uuid}`, signal);
  }

  /** Whether the task is under way, or why it has failed; undefined when it has succeeded or is not known. */
  async verdict(uuid: string, signal: AbortSignal): Promise<'open' | TaskFailedError | undefined> {
    const task = await this.peek(uuid, signal);
    if (task === undefined || task['status'] === SUCCESS) return undefined;
    return isUnfinished(task) ? 'open' : this.#failureOf(uuid, task);
  }

  /** Asks Prism to give a task up. One that has ended, or that cannot be aborted, goes its way. */
  async abort(uuid: string): Promise<void> {
    await this.#client.v3('POST', `/tasks/${uuid}/abort`, AbortSignal.timeout(ABORT_WITHIN_MS)).catch(() => undefined);
  }

  /**
   * Tasks that are under way on an entity, newest first, as far as Prism tells: the list of tasks is no published path. A
   * refusal alone does not say that there are none, as some come at random.
   */
  async openOn(entity: string, signal: AbortSignal): Promise<string[]> {
    return (await this.#on(entity, signal)).filter(isUnfinished).map((task) => textAt(task, 'uuid') ?? '');
  }

  /** Whether the last that a task did to an entity was to make or to change it: then it is there, though it may not show yet. */
  async hasMade(entity: string, signal: AbortSignal): Promise<boolean> {
    const last = (await this.#on(entity, signal)).find((task) => task['status'] === SUCCESS);
    return last !== undefined && !/delete/i.test(textAt(last, 'operation_type') ?? '');
  }

  /** A task quotes what it could not do, as a refusal does. */
  #failureOf(uuid: string, task: JsonObject): TaskFailedError {
    const { secrets } = this.#client;
    const status = textAt(task, 'status') ?? 'of unknown status';
    const detail = textAt(task, 'error_detail') ?? textAt(task, 'progress_message') ?? 'without an explanation';
    const operation = textAt(task, 'operation_type');
    return new TaskFailedError(
      uuid,
      status,
      operation === undefined ? undefined : foreignText(operation),
      secrets.clean(detail),
      textAt(task, 'error_code'),
    );
  }

  async #on(entity: string, signal: AbortSignal): Promise<JsonObject[]> {
    for (let refusals = 1; ; refusals += 1) {
      try {
        return (await this.recent(RECENT_TASKS, signal)).filter((task) => entitiesOf(task).includes(entity));
      } catch (error) {
        if (!(error instanceof PrismError && REFUSALS.includes(error.status))) throw error;
        if (!this.#hasList || refusals >= MOST_REFUSALS) {
          this.#hasList = false;
          return [];
        }
      }
      await pause(backOff(refusals - 1, this.#firstMs, this.#mostMs), signal);
    }
  }

  /** The tasks that changed last, newest first. @throws PrismError also when this Prism does not list them */
  async recent(length: number, signal: AbortSignal): Promise<JsonObject[]> {
    const wish = { kind: 'task', length, sort_attribute: 'last_update_time', sort_order: 'DESCENDING' };
    const answer = await this.#client.v3('POST', '/tasks/list', signal, wish);
    this.#hasList = true;
    return objectsAt(answer, 'entities');
  }

  /** As of the client. */
  get unanswered(): number {
    return this.#client.unanswered;
  }

  close(): void {
    this.#end.abort(new ProblemError('host-offline', 'The agent is stopping.'));
    this.#wake?.();
  }

  #ended(
    uuid: string,
    signal: AbortSignal,
    progress: ((percent: number) => void) | undefined,
  ): Promise<JsonObject | undefined> {
    const ended = AbortSignal.any([signal, this.#end.signal]);
    return new Promise((resolve, reject) => {
      if (ended.aborted) return reject(ended.reason as Error);
      const all = this.#awaited.get(uuid) ?? new Set();
      const leave = () => {
        ended.removeEventListener('abort', giveUp);
        all.delete(awaited);
        if (all.size === 0) this.#awaited.delete(uuid);
      };
      const giveUp = () => {
        leave();
        reject(ended.reason as Error);
      };
      const awaited: Awaited = {
        since: performance.now(),
        rounds: 0,
        strangeSince: undefined,
        resolve: (task) => {
          leave();
          resolve(task);
        },
        reject: (error) => {
          leave();
          reject(error as Error);
        },
        progress,
        ended,
      };
      ended.addEventListener('abort', giveUp, { once: true });
      this.#awaited.set(uuid, all.add(awaited));
      if (this.#looking) this.#wake?.();
      else void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#looking = true;
    try {
      while (this.#awaited.size > 0) {
        await this.#round([...this.#awaited.keys()]);
        await this.#calm();
      }
    } finally {
      this.#looking = false;
    }
  }

  /** Until the task that has waited for the shortest is due, or a new one comes. */
  async #calm(): Promise<void> {
    const rounds = [...this.#awaited.values()].flatMap((all) => [...all].map((one) => one.rounds));
    if (rounds.length === 0) return;
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    await pause(backOff(Math.min(...rounds) - 1, this.#firstMs, this.#mostMs), waking.signal).catch(() => undefined);
    this.#wake = undefined;
  }

  async #round(uuids: readonly string[]): Promise<void> {
    const answers = await this.#ask(uuids);
    for (const uuid of uuids)
      for (const one of [...(this.#awaited.get(uuid) ?? [])]) this.#tell(one, answers.get(uuid) ?? { task: undefined });
  }

  #tell(one: Awaited, { task, error }: Look): void {
    one.rounds += 1;
    try {
      const percent = numberAt(task, 'percentage_complete');
      if (percent !== undefined) one.progress?.(percent);
    } catch (failure) {
      // What one caller does with its progress is no matter of the others.
      return one.reject(failure);
    }
    const isStrange = task === undefined || task['status'] === 'SUSPENDED';
    one.strangeSince = isStrange ? (one.strangeSince ?? performance.now()) : undefined;
    const isPatient = one.strangeSince === undefined || performance.now() - one.strangeSince < this.#patienceMs;
    if (error !== undefined && !(isPatient && mayPass(error))) one.reject(error);
    else if (isStrange ? !isPatient : !isOpen(task)) one.resolve(task);
  }

  async #ask(uuids: readonly string[]): Promise<Map<string, Look>> {
    const signal = this.#end.signal;
    if (uuids.length > 1 && this.#hasBulk) {
      try {
        const answer = await this.#client.v3('POST', '/tasks/poll', signal, {
          task_uuid_list: uuids,
          poll_timeout_seconds: 0,
        });
        return new Map(objectsAt(answer, 'entities').map((task) => [textAt(task, 'uuid') ?? '', { task }]));
      } catch (error) {
        // One that is not known yet spoils the answer for all, and some refusals pass; what speaks against the path stays.
        if (error instanceof PrismError && NO_SUCH_CALL.includes(error.status)) this.#hasBulk = false;
      }
    }
    const each = async (uuid: string): Promise<[string, Look]> => {
      try {
        return [uuid, { task: await this.peek(uuid, signal) }];
      } catch (error) {
        return [uuid, { error }];
      }
    };
    return new Map(await Promise.all(uuids.map(each)));
  }
}

/** Prism is not to be reached, or restarting, or refuses at random: what it works on goes on meanwhile. */
const mayPass = (error: unknown): boolean =>
  error instanceof PrismUnreachableError || error instanceof PrismTimeoutError || error instanceof PrismError;

const isOpen = (task: JsonObject): boolean => OPEN.includes(textAt(task, 'status') ?? '');
export const isUnfinished = (task: JsonObject): boolean => isOpen(task) || task['status'] === 'SUSPENDED';

/** UUIDs of what a task is about. */
export const entitiesOf = (task: JsonObject): string[] =>
  objectsAt(task, 'entity_reference_list').flatMap((reference) => textAt(reference, 'uuid') ?? []);

/** The task of an accepted write, wherever this release puts it: one string after a write, an array in reads. */
export function taskOf(body: JsonObject): string | undefined {
  const context = objectAt(objectAt(body, 'status'), 'execution_context');
  for (const value of [body['task_uuid'], context['task_uuid'], context['task_uuids']]) {
    const uuid: unknown = Array.isArray(value) ? value.at(-1) : value;
    if (typeof uuid === 'string' && uuid !== '') return uuid;
  }
  return undefined;
}
