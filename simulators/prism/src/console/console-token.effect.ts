import type { Datacenter } from '../state/datacenter.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { vmOf } from '../vms/vm-create.effect.ts';
import type { ConsoleTokens } from './console-tokens.ts';

export const createConsoleToken = (site: Datacenter, tokens: ConsoleTokens): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    if (vm.power === 'OFF' || vm.power === 'SUSPENDED')
      throw new TaskFailure('The console of a VM that is powered off cannot be opened', {
        v4Code: 'VMM-30102',
        v4Group: 'VM_INVALID_ARGUMENT',
      });
    return {
      changes: [],
      completion: [
        { name: 'VmConsoleToken', value: tokens.issue(vm.uuid, now) },
        { name: 'WsUri', value: `/console/launch/${vm.consoleUuid}` },
      ],
    };
  },
});
