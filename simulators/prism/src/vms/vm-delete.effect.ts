import type { Datacenter } from '../state/datacenter.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { failure, vmOf } from './vm-create.effect.ts';

export const deleteVm = (site: Datacenter): Effect => ({
  finish: (task) => ({ changes: [['vm', vmOf(site, task).uuid, null]] }),
  undo(task, error, now) {
    const vm = vmOf(site, task);
    const shows = site.knobs.get('v3.failedUpdate') === 'error';
    const messages = shows ? { messages: failure(error?.detail) } : {};
    return [['vm', vm.uuid, { ...vm, state: shows ? 'ERROR' : 'COMPLETE', updatedAt: now, ...messages }]];
  },
});
