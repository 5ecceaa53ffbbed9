import { required, wordOf, type Call, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { endAndWait } from '../machine/signal-run.ts';
import { startMonitor } from '../monitor/start-monitor.ts';
import { deleteSnapshot as removeSnapshot } from '../snapshots/delete-snapshot.ts';
import { requireSnapshot } from '../snapshots/find-snapshot.ts';
import { revertToSnapshot as revert } from '../snapshots/revert-snapshot.ts';
import { readSnapshots } from '../snapshots/snapshot-file.ts';
import { takeSnapshot } from '../snapshots/take-snapshot.ts';

export function listSnapshots(call: MachineCall): string[] {
  requireSnapshots(call);
  const isTree = wordOf(call.parameters[0], ['flat', 'showTree'], 'flat') === 'showTree';
  const tree = readSnapshots(call.machine);
  const names = isTree
    ? tree.walk().map(({ snapshot, depth }) => '\t'.repeat(depth) + snapshot.name)
    : tree.all.map((snapshot) => snapshot.name);
  return [`Total snapshots: ${names.length}`, ...names];
}

export async function snapshot(call: MachineCall): Promise<void> {
  requireSnapshots(call);
  await takeSnapshot(call.machine, required(call, 0), call.halfway);
}

export async function revertToSnapshot(call: MachineCall): Promise<void> {
  requireSnapshots(call);
  const { machine } = call;
  const { revertRunning, revertLive } = machine.knobs;
  const target = requireSnapshot(readSnapshots(machine), required(call, 0), machine.knobs);
  if (machine.run()) {
    if (revertRunning === 'in-use') throw refusal('file-in-use');
    await endAndWait(machine, { how: 'off', isSoft: false });
  }
  const isSuspended = await revert(machine, target, revertLive !== 'stopped', call.halfway);
  if (isSuspended && revertLive === 'running' && (await startMonitor(machine, true)) === 'failed') {
    throw refusal('canceled');
  }
}

export async function deleteSnapshot(call: MachineCall): Promise<void> {
  requireSnapshots(call);
  const { machine } = call;
  const { deleteSnapshotChildren, deleteSnapshotWithClones } = machine.knobs;
  const withChildren = wordOf(call.parameters[1], ['alone', 'andDeleteChildren'], 'alone') === 'andDeleteChildren';
  const tree = readSnapshots(machine);
  const target = requireSnapshot(tree, required(call, 0), machine.knobs);
  const descendants = tree.descendantsOf(target);
  const isRefused = !withChildren && descendants.length > 0 && deleteSnapshotChildren === 'refuse';
  const doomed = withChildren ? [...descendants.reverse(), target] : [target];
  const hasClones = doomed.some(({ clones }) => clones.length > 0);
  if (isRefused || (hasClones && deleteSnapshotWithClones === 'refuse')) throw refusal('not-supported-for-parameters');
  for (const { uid } of doomed) await removeSnapshot(machine, uid, call.halfway);
}

/** Player has no snapshots. */
function requireSnapshots({ product, session }: Call): void {
  if (product !== 'player') return;
  throw refusal(session.knobs.playerSnapshot === 'license' ? 'license' : 'not-supported');
}
