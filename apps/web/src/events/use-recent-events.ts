import { useEffect, useState } from 'react';
import { recentEvents } from '../api/recent-events.ts';
import type { LiveEvent } from '../live/connection.ts';

/** Shown as they come, but not one by one. */
const renewEveryMs = 100;

/** What happened before, newest first, of a VM or of all; nothing until `most` is more than 0. */
export function useRecentEvents(most: number, vm?: string): { events: readonly LiveEvent[]; error: unknown } {
  const [found, setFound] = useState<{ events: readonly LiveEvent[]; error?: unknown }>({ events: [] });
  useEffect(() => {
    if (most === 0) return;
    const stop = new AbortController();
    let events: readonly LiveEvent[] = [];
    const read = async () => {
      for await (const event of recentEvents({ most, vm, signal: stop.signal })) events = [event, ...events];
    };
    const renew = setInterval(() => setFound({ events }), renewEveryMs);
    read()
      .then(
        () => setFound({ events }),
        (error: unknown) => !stop.signal.aborted && setFound({ events, error }),
      )
      .finally(() => clearInterval(renew));
    return () => {
      stop.abort();
      clearInterval(renew);
    };
  }, [most, vm]);
  return { events: found.events, error: found.error };
}
