import { watch, type FSWatcher } from 'node:fs';
import { basename } from 'node:path';

/** How often a folder that is not there, or is there no more, is looked for. */
const usualRetryMs = 1_000;

/**
 * Yields once something in the folder may have come, gone or changed, first of all for what is there already, until the signal
 * aborts. A folder that is not there yet is waited for. What happens while the caller is at work is told once afterwards.
 */
export async function* folderChanges(
  folder: string,
  signal: AbortSignal,
  { retryMs = usualRetryMs }: { retryMs?: number } = {},
): AsyncGenerator<void> {
  let hasChanged = false;
  let watcher: FSWatcher | undefined;
  let wake: () => void = () => undefined;
  const tell = () => {
    hasChanged = true;
    wake();
  };
  const leave = () => {
    watcher?.close();
    watcher = undefined;
  };
  const follow = () => {
    if (watcher !== undefined) return;
    try {
      watcher = watch(folder, { persistent: false }, (_, name) => {
        // That is how a folder tells of its own end.
        const isOwnEnd = name === basename(folder);
        if (isOwnEnd) leave();
        // What is hidden is on its way: it is told of when it gets its name.
        if (isOwnEnd || name?.startsWith('.') !== true) tell();
      }).on('error', () => {
        leave();
        tell();
      });
      tell();
    } catch {
      // It is not there; the next look may find it.
    }
  };
  const timer = setInterval(follow, retryMs).unref();
  signal.addEventListener('abort', tell);
  try {
    follow();
    while (!signal.aborted) {
      if (!hasChanged) await new Promise<void>((resolve) => (wake = resolve));
      hasChanged = false;
      if (!signal.aborted) yield;
    }
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', tell);
    leave();
  }
}
