import type { Call } from '../command-line/call.ts';
import { noteQuickList } from '../knobs/quick-list.ts';
import { listRuns, listRunsLagging } from '../machine/run.ts';

export function list({ session }: Call): string[] {
  const { registry, settings, knobs } = session;
  noteQuickList(session);
  const runs =
    knobs.listLagMs > 0 ? listRunsLagging(registry, knobs.listLagMs, session.clock.now()) : listRuns(registry);
  const hasHidden = settings.machines.length > 0 || knobs.questionListed === 'no';
  const shown = hasHidden
    ? runs.filter((run) => !run.isBlocked || session.knobsOf(run.vmx).questionListed === 'yes')
    : runs;
  return [`Total running VMs: ${shown.length}`, ...shown.map((run) => run.shown)];
}
