import { stringAt } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { isSoft, type PowerAction } from './power.ts';
import { afterPower, guestHasTools, guestIsResponsive } from './vm-power.ts';
import { vmOf } from './vm-create.effect.ts';

const SHUTDOWNS: readonly PowerAction[] = ['acpiShutdown', 'guestShutdown'];

export const powerVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const action = stringAt(task.input, 'action') as PowerAction;
    const sendsOnly = site.knobs.get('power.softTask') === 'fires' && isSoft(action) && vm.power !== 'OFF';
    if (!sendsOnly) return { changes: [['vm', vm.uuid, afterPower(site, vm, action, now)]] };
    const obeys = guestIsResponsive(site, vm) && (action.startsWith('acpi') || guestHasTools(site, vm));
    if (!obeys || !SHUTDOWNS.includes(action)) return { changes: [] };
    return { changes: [['vm', vm.uuid, { ...vm, shutdownAt: now + site.time('latency.power') }]] };
  },
});
