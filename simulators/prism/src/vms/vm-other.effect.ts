import { objectAt, stringAt } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { vmOf } from './vm-create.effect.ts';
import { touched } from './vm-power.ts';

/** Live migration to another host of the same cluster. */
export const migrateVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const host = site.store.get('host', stringAt(task.input, 'host') ?? '');
    if (vm.power !== 'ON') throw new TaskFailure('INVALID_STATE: Only a VM that is on can be migrated');
    if (host === undefined || host.clusterUuid !== vm.clusterUuid)
      throw new TaskFailure('INVALID_ARGUMENT: The host does not belong to the cluster of the VM');
    if (host.uuid !== vm.hostUuid && site.hosts.freeMiB(host) < vm.config.memoryMiB)
      throw new TaskFailure('NoHostResources: The host has not enough available memory');
    return { changes: [['vm', vm.uuid, touched({ ...vm, hostUuid: host.uuid }, now)]] };
  },
});

/** Sets the categories or the owner of a VM, which needs nothing of the hypervisor. */
export const tagVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const categories = task.input['categories'] as Record<string, string[]> | undefined;
    const ownerUuid = stringAt(task.input, 'ownerUuid');
    return {
      changes: [
        [
          'vm',
          vm.uuid,
          touched({ ...vm, categories: categories ?? vm.categories, ownerUuid: ownerUuid ?? vm.ownerUuid }, now),
        ],
      ],
    };
  },
});

/** Ends as a stale ETag does where the service finds out only in the task. */
export const staleVm = (): Effect => ({
  finish() {
    throw new TaskFailure(
      'If-Match header value passed in the request does not match the current value on the server.',
      {
        v4Code: 'VMM-30303',
        v4Group: 'VM_ETAG_MISMATCH',
      },
    );
  },
});

/** Takes effect at the next boot of the guest, so nothing else changes. */
export const customizeVm = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const guestCustomization = objectAt(task.input, 'guestCustomization');
    return { changes: [['vm', vm.uuid, touched({ ...vm, config: { ...vm.config, guestCustomization } }, now)]] };
  },
});
