/** A part of a run that may share the machine with others. */
export interface Job {
  readonly name: string;
  /** How many cores one worker of it keeps busy. */
  readonly load: number;
  /** Workers it can make use of; 1 unless told. */
  readonly workers?: number;
  /** Names of the jobs that have to be done before, where they are part of the run. */
  readonly after?: readonly string[];
  /** Roughly how long it takes: among the jobs that could start, the longest does. */
  readonly seconds: number;
  /** Does it with so many workers. Never rejects. */
  run(workers: number): Promise<void>;
}

/**
 * Runs jobs side by side until all are done, on a machine that carries `capacity` busy cores. A job starts when what it
 * comes after is done and there is room for at least one of its workers; one that needs more than there is runs alone.
 */
export async function schedule(
  jobs: readonly Job[],
  capacity: number,
  isStopped: () => boolean = () => false,
): Promise<void> {
  const waiting = new Set(jobs);
  const running = new Map<Job, { load: number; end: Promise<void> }>();

  const isReady = ({ after = [] }: Job) => ![...waiting, ...running.keys()].some((other) => after.includes(other.name));
  const room = () => capacity - [...running.values()].reduce((sum, { load }) => sum + load, 0);

  for (;;) {
    const ready = [...waiting].filter(isReady).sort((a, b) => weight(b, jobs) - weight(a, jobs));
    for (const job of ready) {
      if (isStopped()) break;
      const workers = workersFor(job, room(), running.size === 0);
      if (workers === 0) continue;
      waiting.delete(job);
      const end = job.run(workers).then(() => void running.delete(job));
      running.set(job, { load: workers * job.load, end });
    }
    if (running.size === 0) break;
    await Promise.race([...running.values()].map(({ end }) => end));
  }
  if (waiting.size > 0 && !isStopped())
    throw new Error(`these jobs wait for each other: ${[...waiting].map(({ name }) => name).join(', ')}`);
}

/** Seconds until the end of the longest chain that begins with the job. */
function weight(job: Job, jobs: readonly Job[]): number {
  const followers = jobs.filter(({ after }) => after?.includes(job.name));
  return job.seconds + Math.max(0, ...followers.map((follower) => weight(follower, jobs)));
}

/** With how many workers a job starts where so many cores are free; 0: not now. */
function workersFor({ load, workers = 1 }: Job, room: number, isAlone: boolean): number {
  // Sums of tenths are not exact.
  const fitting = Math.floor(room / load + 1e-9);
  return Math.min(workers, Math.max(fitting, isAlone ? 1 : 0));
}
