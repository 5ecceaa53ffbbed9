import { useEffect, useState } from 'react';
import { formatDuration } from '../i18n/format.ts';

const everyMs = 1_000;

/** Whether a moment is over; renews whoever asks every second until it is. */
export function useIsOver(at: string | undefined): boolean {
  const [, setNow] = useState(Date.now);
  const isOver = at !== undefined && Date.parse(at) <= Date.now();
  useEffect(() => {
    if (at === undefined || isOver) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [at, isOver]);
  return isOver;
}

/** How long it is until then, kept true. */
export function TimeLeft({ until }: { until: string }) {
  useIsOver(until);
  // Read out once and not every second.
  return (
    <time dateTime={until} aria-live="off">
      {formatDuration(new Date(Math.floor(Date.now() / everyMs) * everyMs).toISOString(), until)}
    </time>
  );
}
