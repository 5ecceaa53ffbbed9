import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedWorkstation } from './simulated-workstation.ts';
import { untilGone } from './until-gone.ts';
import type { TestTimer } from './test-timer.ts';

const LOOK_MS = 10;

/**
 * Lets the deadline of every call fall that a fault has struck, until it is told to stop. Work that goes on after its call
 * goes on then, for so long as it takes, and only afterwards nothing more is expected to come of it.
 */
export function lateFallsWhenStruck(
  host: SimulatedWorkstation,
  timer: TestTimer,
  { goesOnAfterMs }: { goesOnAfterMs: number | undefined },
): () => Promise<void> {
  let isOver = false;
  const seen = new Set<number>();
  const watching = (async () => {
    while (!isOver) {
      for (const { pid, command } of host.clock.struck()) {
        if (seen.has(pid)) continue;
        seen.add(pid);
        timer.fall(command.startsWith('vmware-') ? command : `vmrun ${command}`);
        if (goesOnAfterMs !== undefined) {
          // Not before the driver has given the call up, and waits for what may still come of it.
          await timer.untilWaiting(/^silence/);
          host.clock.advance(goesOnAfterMs);
        }
        await untilGone(pid);
        timer.fallFromNowOn(/^silence/);
      }
      await sleep(LOOK_MS);
    }
  })();
  return async () => {
    isOver = true;
    await watching;
  };
}
