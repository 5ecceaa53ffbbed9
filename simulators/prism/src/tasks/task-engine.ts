import type { Cancel } from '../clock.ts';
import type { TaskEffect } from '../knobs/fault.ts';
import type { FaultRules, RequestFacts } from '../knobs/fault-rules.ts';
import { newUuid } from '../identity.ts';
import type { JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import { NotWritten } from '../state/journal.ts';
import type { Change, TaskError, TaskRecord } from '../state/records.ts';
import { TaskFailure } from './task-failure.ts';

export interface Outcome {
  readonly changes: readonly Change[];
  readonly entities?: TaskRecord['entities'];
  readonly completion?: TaskRecord['completion'];
}

/** What a kind of task does. It is looked up by name, so that a task goes on after the process was killed. */
export interface Effect {
  /** Runs when the time of the task is over. @throws TaskFailure to end it FAILED. */
  finish(task: TaskRecord, now: number): Outcome | Promise<Outcome>;
  /** What must be put right when the task failed or was aborted. */
  undo?(task: TaskRecord, error: TaskError | undefined, now: number): readonly Change[];
}

export interface TaskRequest {
  readonly operation: string;
  readonly v3Type: string;
  readonly v4Operation: string;
  readonly v4Description: string;
  readonly entities: TaskRecord['entities'];
  readonly clusterUuid?: string;
  readonly locks?: readonly string[];
  readonly input: JsonObject;
  readonly durationMs: number;
  /** Chosen by the client, where the API lets it. */
  readonly uuid?: string;
}

const isOpen = (task: TaskRecord): boolean => task.status === 'QUEUED' || task.status === 'RUNNING';
const holdsLocks = (task: TaskRecord): boolean => isOpen(task) || task.status === 'SUSPENDED';

/** Of a task that stalls, so that its progress stands still. */
const FOR_EVER_MS = 2 ** 31 - 1;

/** A task whose state found no room on the disk is looked at again after so long. */
const ROOM_MS = 1000;

interface Alarm {
  readonly due: number;
  readonly cancel: Cancel;
}

export class TaskEngine {
  private readonly alarms = new Map<string, Alarm>();
  /** Open tasks that hold or wait for an entity, oldest first. */
  private readonly queues = new Map<string, string[]>();
  private readonly waiters = new Set<() => void>();
  private readonly finishing = new Map<string, Promise<void>>();
  private closed = false;

  constructor(
    private readonly site: Datacenter,
    private readonly effects: ReadonlyMap<string, Effect>,
    private readonly faults: FaultRules,
    private readonly report: (error: unknown) => void,
  ) {
    for (const task of site.store
      .all('task')
      .filter(holdsLocks)
      .sort((a, b) => a.createdAt - b.createdAt))
      this.queue(task);
  }

  /** Goes on with the tasks that were open when the process ended. */
  resume(): void {
    for (const task of this.site.store.all('task').filter(isOpen)) this.schedule(task);
  }

  close(): void {
    this.closed = true;
    for (const { cancel } of this.alarms.values()) cancel();
    this.alarms.clear();
  }

  /** The task that keeps an entity busy, if any. */
  holderOf(entityUuid: string): TaskRecord | undefined {
    const [uuid] = this.queues.get(entityUuid) ?? [];
    return uuid === undefined ? undefined : this.site.store.get('task', uuid);
  }

  /** Accepts a task and makes `changes` in the same transaction. */
  start(request: TaskRequest, changes: readonly Change[], facts: RequestFacts): TaskRecord {
    const now = this.site.clock.now();
    const sabotage = this.faults.forTask(request.operation, facts);
    const slow = sabotage?.kind === 'taskSlow' ? this.site.delay(sabotage.ms) : 0;
    const task: TaskRecord = {
      uuid: request.uuid ?? newUuid(),
      operation: request.operation,
      v3Type: request.v3Type,
      v4Operation: request.v4Operation,
      v4Description: request.v4Description,
      status: 'QUEUED',
      createdAt: now,
      startAt: now + this.site.time('latency.queued'),
      durationMs: request.durationMs + slow,
      updatedAt: now,
      readableAt: now + this.site.lateness('tasks.late'),
      entities: request.entities,
      ...(request.clusterUuid === undefined ? {} : { clusterUuid: request.clusterUuid }),
      locks: [...(request.locks ?? [])],
      input: request.input,
      ...(sabotage === undefined ? {} : { sabotage: sabotage as unknown as JsonObject }),
    };
    this.site.store.commit([...changes, ['task', task.uuid, task]]);
    this.queue(task);
    this.schedule(task);
    return task;
  }

  /** 0 when queued, 10 to 90 while running, 100 at the end, however it ended. */
  progress(task: TaskRecord, now = this.site.clock.now()): number {
    if (task.status === 'QUEUED') return 0;
    if (task.completedAt !== undefined) return 100;
    const elapsed = (now - (task.startedAt ?? now)) / Math.max(1, task.durationMs);
    return Math.round(10 + 80 * Math.min(1, Math.max(0, elapsed)));
  }

  /** Ends an open task ABORTED. False when it had ended, or its effect is just being made. */
  abort(uuid: string): boolean {
    const task = this.site.store.get('task', uuid);
    if (task === undefined || !holdsLocks(task) || this.finishing.has(uuid)) return false;
    this.end(task, 'ABORTED', this.undoing(task, undefined));
    return true;
  }

  /** Resolves true when all the tasks have ended, false when the time is up first. */
  async settled(uuids: readonly string[], timeoutMs: number): Promise<boolean> {
    const done = (): boolean => uuids.every((uuid) => this.site.store.get('task', uuid)?.completedAt !== undefined);
    if (done() || timeoutMs <= 0) return done();
    return new Promise((resolve) => {
      const finish = (result: boolean): void => {
        cancel();
        this.waiters.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (done()) finish(true);
      };
      const cancel = this.site.clock.at(this.site.clock.now() + timeoutMs, () => finish(false));
      this.waiters.add(look);
    });
  }

  /** Lets the clock go on until every task has ended that ends by itself. */
  async pass(): Promise<void> {
    for (;;) {
      const due = Math.min(...[...this.alarms.values()].map((alarm) => alarm.due));
      if (due < Infinity) await this.site.clock.advanceTo(due);
      else if (this.finishing.size > 0) await Promise.race(this.finishing.values());
      else return;
    }
  }

  private queue(task: TaskRecord): void {
    for (const lock of task.locks) this.queues.set(lock, [...(this.queues.get(lock) ?? []), task.uuid]);
  }

  private schedule(task: TaskRecord): void {
    const due = task.status === 'QUEUED' ? task.startAt : (task.startedAt ?? task.startAt) + task.durationMs;
    this.at(task.uuid, due, () => (task.status === 'QUEUED' ? this.begin(task.uuid) : this.finish(task.uuid)));
  }

  private at(uuid: string, due: number, action: () => void): void {
    this.alarms.get(uuid)?.cancel();
    const cancel = this.site.clock.at(due, () => {
      this.alarms.delete(uuid);
      try {
        action();
      } catch (error) {
        this.later(uuid, action, error);
      }
    });
    this.alarms.set(uuid, { due, cancel });
  }

  /** Does it once there may be room again. @throws the error, unless it is that there is none now */
  private later(uuid: string, action: () => void, error: unknown): void {
    if (!(error instanceof NotWritten)) throw error;
    if (this.closed) return;
    this.report(error);
    this.at(uuid, this.site.clock.now() + ROOM_MS, action);
  }

  private begin(uuid: string): void {
    const task = this.site.store.get('task', uuid);
    if (task?.status !== 'QUEUED') return;
    // Another task holds one of its entities; its end begins this one.
    if (task.locks.some((lock) => this.queues.get(lock)?.[0] !== uuid)) return;
    const now = this.site.clock.now();
    const sabotage = task.sabotage as TaskEffect | undefined;
    if (sabotage?.kind === 'taskStall') {
      const status = sabotage.status ?? 'RUNNING';
      this.site.store.commit([
        ['task', uuid, { ...task, status, startedAt: now, updatedAt: now, durationMs: FOR_EVER_MS }],
      ]);
      return;
    }
    const running: TaskRecord = { ...task, status: 'RUNNING', startedAt: now, updatedAt: now };
    this.site.store.commit([['task', uuid, running]]);
    if (sabotage?.kind === 'taskCrash')
      this.at(uuid, now + task.durationMs / 2, () => process.kill(process.pid, 'SIGKILL'));
    else this.schedule(running);
  }

  private finish(uuid: string): void {
    const task = this.site.store.get('task', uuid);
    if (task?.status !== 'RUNNING' || this.finishing.has(uuid)) return;
    const done = this.work(task)
      .catch((error: unknown) => {
        if (error instanceof NotWritten) throw error;
        this.report(error);
        this.end(task, 'FAILED', this.undoing(task, { detail: 'INTERNAL_ERROR: Internal error' }), {
          error: { detail: 'INTERNAL_ERROR: Internal error', code: '500' },
        });
      })
      .catch((error: unknown) => this.later(uuid, () => this.finish(uuid), error))
      .finally(() => this.finishing.delete(uuid));
    this.finishing.set(uuid, done);
  }

  private async work(task: TaskRecord): Promise<void> {
    const sabotage = task.sabotage as TaskEffect | undefined;
    if (sabotage?.kind === 'taskAbort') return this.end(task, 'ABORTED', this.undoing(task, undefined));
    try {
      if (sabotage?.kind === 'taskFail') throw broken(sabotage);
      const effect = this.effects.get(task.operation);
      if (effect === undefined) throw new Error(`no effect is known for ${task.operation}`);
      // An effect that has nothing to wait for commits in this very turn, so that two tasks never work on the same old records.
      const made = effect.finish(task, this.site.clock.now());
      const outcome = made instanceof Promise ? await made : made;
      if (this.closed) return;
      const { changes, ...shown } = outcome;
      if (sabotage?.kind === 'taskHalf') this.end(task, 'FAILED', changes, { ...shown, error: broken(sabotage).error });
      else this.end(task, 'SUCCEEDED', changes, shown);
    } catch (error) {
      if (!(error instanceof TaskFailure)) throw error;
      if (this.closed) return;
      this.end(task, 'FAILED', this.undoing(task, error.error), { error: error.error });
    }
  }

  private undoing(task: TaskRecord, error: TaskError | undefined): readonly Change[] {
    try {
      return this.effects.get(task.operation)?.undo?.(task, error, this.site.clock.now()) ?? [];
    } catch (missing) {
      // An earlier task in the queue removed the entity, so there is nothing to put right.
      if (missing instanceof TaskFailure) return [];
      throw missing;
    }
  }

  private end(
    task: TaskRecord,
    status: 'SUCCEEDED' | 'FAILED' | 'ABORTED',
    changes: readonly Change[],
    shown: Partial<TaskRecord> = {},
  ): void {
    const now = this.site.clock.now();
    this.alarms.get(task.uuid)?.cancel();
    this.alarms.delete(task.uuid);
    const ended: TaskRecord = {
      ...task,
      ...shown,
      status,
      startedAt: task.startedAt ?? now,
      completedAt: now,
      updatedAt: now,
    };
    this.site.store.commit([...changes, ['task', task.uuid, ended]]);
    for (const lock of task.locks) {
      const rest = (this.queues.get(lock) ?? []).filter((uuid) => uuid !== task.uuid);
      if (rest.length === 0) this.queues.delete(lock);
      else this.queues.set(lock, rest);
    }
    for (const lock of task.locks) {
      const next = this.queues.get(lock)?.[0];
      const waiting = next === undefined ? undefined : this.site.store.get('task', next);
      if (waiting?.status === 'QUEUED') this.schedule(waiting);
    }
    for (const look of this.waiters) look();
  }
}

function broken(sabotage: { detail?: string; code?: string }): TaskFailure {
  return new TaskFailure(sabotage.detail ?? 'INTERNAL_ERROR: Internal server error', { code: sabotage.code ?? '500' });
}
