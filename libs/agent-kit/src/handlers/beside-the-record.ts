import {
  cloneVm,
  createVm,
  resetVm,
  restartVm,
  revertSnapshot,
  userDataNotes,
  vmCloned,
  vmIdOf,
  vmReset,
  vmRestarted,
  vmSnapshotReverted,
  type Command,
  type CommandOf,
  type VmRecord,
} from '@polyvirt/contracts';
import type { Done } from '@polyvirt/hypervisor';
import type { AlsoHappened } from '../operation/running-operation.ts';

/** What a look at the VM cannot show of a command: most commands have nothing of it. */
export function alsoHappenedIn(command: Command, { made }: Done): readonly AlsoHappened[] {
  switch (command.verb) {
    case restartVm.verb:
      return [{ definition: vmRestarted }];
    case resetVm.verb:
      return [{ definition: vmReset }];
    case cloneVm.verb:
      return [{ definition: vmCloned, extras: () => ({ clone: vmIdOf(command.host, made!) }) }];
    case revertSnapshot.verb: {
      const { snapshot: wanted } = (command as CommandOf<typeof revertSnapshot>).input;
      const extras = ({ snapshots }: VmRecord) => {
        const snapshot = snapshots.find(({ id }) => id === wanted);
        return snapshot && { snapshot };
      };
      return [{ definition: vmSnapshotReverted, extras }];
    }
    default:
      return [];
  }
}

/** What the author should know by the input alone. */
export const moreNotesOf = (command: Command): string[] =>
  command.verb === createVm.verb || command.verb === cloneVm.verb
    ? userDataNotes((command as CommandOf<typeof createVm | typeof cloneVm>).input.cloudInit)
    : [];
