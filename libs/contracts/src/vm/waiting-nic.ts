import type { PendingChange } from '../plan/plan.ts';
import type { DriverVm } from './vm.ts';

/** The interface with this MAC address that comes with the next power-off; until then it can be withdrawn by removing it. */
export function waitingNic(
  { pendingChanges = [] }: Pick<DriverVm, 'pendingChanges'>,
  mac: string,
): PendingChange | undefined {
  return pendingChanges.find(
    ({ pointer, to }) => pointer === '/nics/-' && (to as { mac?: unknown } | undefined)?.mac === mac,
  );
}
