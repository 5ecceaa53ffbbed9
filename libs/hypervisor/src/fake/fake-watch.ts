import type { NativeId } from '@polyvirt/contracts';
import type { Change, WatchFacet } from '../driver.ts';
import type { FakeHost } from './fake-host.ts';

/** Tells of changes as the host makes them; several changes of one VM that nobody has fetched yet are one. */
export class FakeWatch implements WatchFacet {
  constructor(private readonly host: FakeHost) {}

  async *changes(signal: AbortSignal): AsyncGenerator<Change> {
    const waiting = new Set<NativeId | 'everything'>();
    let wake = () => {};
    const stopListening = this.host.onChange((change) => {
      waiting.add(change);
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        for (const change of waiting) {
          waiting.delete(change);
          yield change === 'everything' ? change : { nativeId: change };
        }
        if (waiting.size === 0 && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      stopListening();
      signal.removeEventListener('abort', onAbort);
    }
  }
}
