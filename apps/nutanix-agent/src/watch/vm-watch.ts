import { ChangeQueue, type Change, type WatchFacet } from '@polyvirt/hypervisor';
import { backOff, pause } from '../client/back-off.ts';
import type { Tasks } from '../client/tasks.ts';
import type { Vms } from '../vm/vms.ts';
import { Survey, surveyed } from './survey.ts';
import { TaskFeed } from './task-feed.ts';

export interface WatchOptions {
  /** How often the latest tasks are looked at. */
  readonly tasksMs: number;
  /** How often the few columns of all VMs are compared that change without a task. */
  readonly surveyMs: number;
}

const TASKS = 50;
/** Without a list of tasks the survey has to find everything. */
const LONELY_SURVEY_MS = 2_000;
const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;

/** Prism tells nobody of changes. The tasks of the last moments are a small answer that names them; a survey finds the rest. */
export class VmWatch implements WatchFacet {
  readonly #vms: Vms;
  readonly #tasks: Tasks;
  readonly #options: WatchOptions;

  constructor(parts: { vms: Vms; tasks: Tasks; options: WatchOptions }) {
    this.#vms = parts.vms;
    this.#tasks = parts.tasks;
    this.#options = parts.options;
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Change> {
    const queue = new ChangeQueue();
    const end = new AbortController();
    const ended = AbortSignal.any([signal, end.signal]);
    const close = () => queue.close();
    ended.addEventListener('abort', close, { once: true });
    let hasTasks = true;
    const followTasks = this.#beat(
      queue,
      ended,
      async (feed: TaskFeed) => {
        hasTasks = await this.#readTasks(feed, queue, ended);
        return hasTasks ? this.#options.tasksMs : undefined;
      },
      () => new TaskFeed(),
    );
    const survey = this.#beat(
      queue,
      ended,
      async (seen: Survey) => {
        for (const nativeId of seen.read(await this.#vms.columns(surveyed, ended))) queue.push({ nativeId });
        return hasTasks ? this.#options.surveyMs : Math.min(LONELY_SURVEY_MS, this.#options.surveyMs);
      },
      () => new Survey(),
    );
    try {
      // What happened before anybody watched.
      yield 'everything';
      yield* queue;
    } finally {
      end.abort();
      await Promise.all([followTasks, survey]);
    }
  }

  /** False when this Prism does not list tasks in a way that helps. */
  async #readTasks(feed: TaskFeed, queue: ChangeQueue, signal: AbortSignal): Promise<boolean> {
    const tasks = await this.#tasks.recent(TASKS, signal);
    if (!tasks || !TaskFeed.isOrdered(tasks)) return false;
    const { vms, isComplete } = feed.read(tasks, TASKS);
    if (!isComplete) queue.push('everything');
    else for (const nativeId of vms) queue.push({ nativeId });
    return true;
  }

  /** Looks again and again, each time after as long as the last look says; what was missed while Prism was away is everything. */
  async #beat<State>(
    queue: ChangeQueue,
    signal: AbortSignal,
    look: (state: State) => Promise<number | undefined>,
    begin: () => State,
  ): Promise<void> {
    let failures = 0;
    const state = begin();
    while (!signal.aborted) {
      let waitMs: number | undefined;
      try {
        waitMs = await look(state);
        if (failures > 0) queue.push('everything');
        failures = 0;
      } catch {
        // The probe says what is wrong with Prism; here it only matters that it comes back.
        waitMs = backOff(failures, RETRY_FIRST_MS, RETRY_MOST_MS);
        failures += 1;
      }
      if (waitMs === undefined) return;
      await pause(waitMs, signal).catch(() => undefined);
    }
  }
}
