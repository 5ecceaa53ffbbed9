import type { Slot, Slots } from './slots.ts';

/** A part of a run that may share the machine with others. */
export interface Job {
  readonly name: string;
  /** How many cores it keeps busy, at least at its beginning. */
  readonly load: number;
  /** Names of the jobs that have to be done before, where they are part of the run. */
  readonly after?: readonly string[];
  /** Roughly how long it takes: among the jobs that could start, the longest does. */
  readonly seconds: number;
  /** Does it. It may give its slot back before its end, to take others as it needs them. Never rejects. */
  run(slot: Slot): Promise<void>;
}

/**
 * Runs jobs side by side until all are done. A job starts when what it comes after is done, nothing that runs waits for a slot,
 * and there is one for it.
 */
export async function schedule(
  jobs: readonly Job[],
  slots: Slots,
  isStopped: () => boolean = () => false,
): Promise<void> {
  const waiting = new Set(jobs);
  const running = new Set<Job>();
  const done = Promise.withResolvers<void>();

  const isReady = ({ after = [] }: Job) => ![...waiting, ...running].some((other) => after.includes(other.name));
  const start = async (job: Job) => {
    waiting.delete(job);
    running.add(job);
    const slot = await slots.take(job.load, weight(job, jobs));
    await job.run(slot);
    running.delete(job);
    slot.giveBack();
    startMore();
  };
  const startMore = () => {
    const ready = [...waiting].filter(isReady).sort((a, b) => weight(b, jobs) - weight(a, jobs));
    for (const job of isStopped() ? [] : ready) {
      if (!slots.hasRoomFor(job.load)) break;
      start(job).catch(done.reject);
    }
    if (running.size > 0) return;
    if (waiting.size === 0 || isStopped()) done.resolve();
    else done.reject(new Error(`these jobs wait for each other: ${[...waiting].map(({ name }) => name).join(', ')}`));
  };
  slots.onRoom = startMore;
  startMore();
  await done.promise;
}

/** Seconds until the end of the longest chain that begins with the job. */
function weight(job: Job, jobs: readonly Job[]): number {
  const followers = jobs.filter(({ after }) => after?.includes(job.name));
  return job.seconds + Math.max(0, ...followers.map((follower) => weight(follower, jobs)));
}
