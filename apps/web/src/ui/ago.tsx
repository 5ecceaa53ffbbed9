import { Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import { formatAgo, formatTime } from '../i18n/format.ts';

const everyMs = 5_000;
const listeners = new Set<() => void>();
let now = Date.now();
setInterval(() => {
  now = Date.now();
  for (const listener of listeners) listener();
}, everyMs);

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** How long ago, kept true; the time itself on demand. */
export function Ago({ at }: { at: string | undefined }) {
  const clock = useSyncExternalStore(subscribe, () => now);
  return (
    <Tooltip label={formatTime(at)}>
      <time dateTime={at}>{formatAgo(at, Math.max(clock, at ? Date.parse(at) : 0))}</time>
    </Tooltip>
  );
}
