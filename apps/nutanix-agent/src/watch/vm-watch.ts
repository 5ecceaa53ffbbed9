import { Logger } from '@nestjs/common';
import { ChangeQueue, type Change, type WatchFacet } from '@polyvirt/hypervisor';
import { backOff, pause } from '../client/back-off.ts';
import { PrismError } from '../client/prism-error.ts';
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
const RETRY_MOST_MS = 10_000;
/** One refusal may be a stray one. */
const NEWS = 2;

const log = new Logger('VmWatch');

/** A list that is of no use, though Prism has answered. */
class UselessListError extends Error {
  override readonly name = 'UselessListError';
}

/** Looks at one of Prism's lists again and again; what it says when the list is refused, and when it is not any more. */
interface Beat {
  readonly look: () => Promise<void>;
  readonly waitMs: () => number;
  readonly lost: string;
  readonly found: string;
}

/** Prism tells nobody of changes. The tasks of the last moments are a small answer that names them; a survey finds the rest. */
export class VmWatch implements WatchFacet {
  readonly #vms: Pick<Vms, 'columns'>;
  readonly #tasks: Pick<Tasks, 'recent'>;
  readonly #options: WatchOptions;
  readonly #onImages: () => void;

  constructor(parts: {
    vms: Pick<Vms, 'columns'>;
    tasks: Pick<Tasks, 'recent'>;
    options: WatchOptions;
    /** Told when a task has changed images. */
    onImages?: () => void;
  }) {
    this.#vms = parts.vms;
    this.#tasks = parts.tasks;
    this.#options = parts.options;
    this.#onImages = parts.onImages ?? (() => undefined);
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Change> {
    const queue = new ChangeQueue();
    const end = new AbortController();
    const ended = AbortSignal.any([signal, end.signal]);
    const close = () => queue.close();
    ended.addEventListener('abort', close, { once: true });
    const feed = new TaskFeed();
    const seen = new Survey();
    let hasTasks = true;
    const followTasks = this.#beat(queue, ended, {
      look: async () => {
        try {
          await this.#readTasks(feed, queue, ended);
          hasTasks = true;
        } catch (error) {
          hasTasks = false;
          throw error;
        }
      },
      waitMs: () => this.#options.tasksMs,
      lost: 'Prism does not list its tasks, so changes by others show later',
      found: 'Prism lists its tasks again.',
    });
    const survey = this.#beat(queue, ended, {
      look: async () => {
        for (const nativeId of seen.read(await this.#vms.columns(surveyed, ended))) queue.push({ nativeId });
      },
      waitMs: () => (hasTasks ? this.#options.surveyMs : Math.min(LONELY_SURVEY_MS, this.#options.surveyMs)),
      lost: 'Prism does not list the columns of its VMs, so what changes without a task shows later',
      found: 'Prism lists the columns of its VMs again.',
    });
    try {
      // What happened before anybody watched.
      yield 'everything';
      yield* queue;
    } finally {
      end.abort();
      await Promise.all([followTasks, survey]);
    }
  }

  async #readTasks(feed: TaskFeed, queue: ChangeQueue, signal: AbortSignal): Promise<void> {
    const tasks = await this.#tasks.recent(TASKS, signal);
    if (!TaskFeed.isOrdered(tasks)) throw new UselessListError('They are not in the order that was asked for.');
    const { vms, isComplete, hasImages } = feed.read(tasks, TASKS);
    if (hasImages || !isComplete) this.#onImages();
    if (!isComplete) queue.push('everything');
    else for (const nativeId of vms) queue.push({ nativeId });
  }

  /**
   * Looks until the signal aborts. A list that is refused is asked for ever more slowly, but never given up: some refusals
   * come at random, and rights are given later. What was missed meanwhile the next look finds by itself; while Prism was away
   * it is everything.
   */
  async #beat(queue: ChangeQueue, signal: AbortSignal, { look, waitMs, lost, found }: Beat): Promise<void> {
    let failures = 0;
    let refusals = 0;
    let wasAway = false;
    let hasBegun = false;
    while (!signal.aborted) {
      let pauseMs: number;
      try {
        await look();
        hasBegun = true;
        pauseMs = waitMs();
        if (wasAway) queue.push('everything');
        if (refusals >= NEWS) log.log(found);
        [failures, refusals, wasAway] = [0, 0, false];
      } catch (error) {
        pauseMs = backOff(failures, this.#options.tasksMs, RETRY_MOST_MS);
        failures += 1;
        // When Prism is away the probe says so.
        if (isRefusal(error) && ++refusals === NEWS) log.warn(`${lost}: ${error.message}`);
        if (!isRefusal(error) || !hasBegun) wasAway = true;
      }
      await pause(pauseMs, signal).catch(() => undefined);
    }
  }
}

const isRefusal = (error: unknown): error is Error =>
  error instanceof UselessListError || (error instanceof PrismError && error.status < 500);
