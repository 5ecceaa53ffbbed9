export interface Pace {
  /** Does it at once, unless it was done a moment ago: then when the period is over, once for all that asked. */
  soon(): void;
  /** Does it when the period is over, once for all that asked. */
  later(): void;
  stop(): void;
}

/** Does something at most once per period, however many events ask for it, and never leaves the last of them out. */
export function paced(work: () => void, periodMs: number): Pace {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDue = false;
  const rest = () => {
    timer = setTimeout(() => {
      timer = undefined;
      if (!isDue) return;
      isDue = false;
      rest();
      work();
    }, periodMs);
  };
  const later = () => {
    isDue = true;
    if (timer === undefined) rest();
  };
  return {
    soon: () => {
      if (timer !== undefined) return later();
      rest();
      work();
    },
    later,
    stop: () => clearTimeout(timer),
  };
}
