import { objectAt, objectsAt, stringAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { TaskRecord } from '../state/records.ts';
import type { Effect } from '../tasks/task-engine.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { refuseHotChanges } from './vm-update.effect.ts';
import { buildConfig } from './vm-build.ts';
import { touched } from './vm-power.ts';
import { specResources } from './vm-resources.ts';
import { vmOf } from './vm-create.effect.ts';

export type PartList = 'disk_list' | 'nic_list' | 'serial_port_list';

/** Adds, changes or removes one device: its list is edited and the VM built anew from it. */
export const changeVmPart = (site: Datacenter): Effect => ({
  finish(task, now) {
    const vm = vmOf(site, task);
    const resources = specResources(site, vm);
    const list = (stringAt(task.input, 'list') ?? 'disk_list') as PartList;
    const edited = { ...resources, [list]: editedList(task, objectsAt(resources, list)) };
    const config = buildConfig(site, edited, vm.config, vm.clusterUuid);
    if (vm.power !== 'OFF') refuseHotChanges(site, vm.config, config);
    const known = new Set([...vm.config.disks, ...vm.config.nics].map(({ uuid }) => uuid));
    const added = [...config.disks, ...config.nics].find(({ uuid }) => !known.has(uuid));
    const kind = stringAt(task.input, 'entityKind') ?? 'vm_disk';
    const part = added?.uuid ?? stringAt(task.input, 'part');
    const entities = [{ kind: 'vm', uuid: vm.uuid }, ...(part === undefined ? [] : [{ kind, uuid: part }])];
    return { changes: [['vm', vm.uuid, touched({ ...vm, config }, now)]], entities };
  },
});

function editedList(task: TaskRecord, list: JsonObject[]): JsonObject[] {
  const edit = stringAt(task.input, 'edit');
  if (edit === 'add') return [...list, objectAt(task.input, 'spec')];
  const known = (part: string | undefined): void => {
    if (!list.some((item) => stringAt(item, 'uuid') === part))
      throw new TaskFailure(`INVALID_ARGUMENT: Device ${part} not found`);
  };
  if (edit === 'remove') {
    const part = stringAt(task.input, 'part');
    known(part);
    return list.filter((item) => stringAt(item, 'uuid') !== part);
  }
  const changes = objectsAt(task.input, 'changes');
  for (const change of changes) known(stringAt(change, 'part'));
  return list.map((item) => {
    const change = changes.find((candidate) => stringAt(candidate, 'part') === stringAt(item, 'uuid'));
    return change === undefined ? item : merged(item, objectAt(change, 'spec'));
  });
}

/** A member that is null in the change is taken away. */
function merged(item: JsonObject, change: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries({ ...item, ...change }).filter(([, value]) => value !== null));
}
