/** What waits for so long, for whoever decides when that is: `vmrun start`, `silence of /vms/web`. */
export type TimerPurpose = string;

/** Does work when a time is over. Tests put their own in its place, so that a deadline falls when they say so. */
export interface Timer {
  /** Answers how to take it back. */
  after(ms: number, purpose: TimerPurpose, work: () => void): () => void;
}

export const machineTimer: Timer = {
  after: (ms, _purpose, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};
