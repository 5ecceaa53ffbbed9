import { without } from '../without.ts';
import { newUuid } from '../identity.ts';
import { objectAt, stringAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { VmConfig, VmRecord } from '../state/records.ts';
import { TaskFailure } from '../tasks/task-failure.ts';
import { diskList } from './disk-list.ts';
import { nicList } from './nic-list.ts';
import { EMPTY_CONFIG, optional, scalarConfig } from './vm-defaults.ts';

/** The configuration that `spec.resources` asks for. @throws TaskFailure when the site cannot give it. */
export function buildConfig(site: Datacenter, resources: JsonObject, before: VmConfig, clusterUuid: string): VmConfig {
  if (site.store.get('cluster', clusterUuid)?.function !== 'AOS')
    throw new TaskFailure(`INVALID_ARGUMENT: Cluster ${clusterUuid} not found`, {
      v4Code: 'VMM-30106',
      v4Group: 'VM_CLUSTER_NOT_FOUND',
    });
  return {
    ...scalarConfig(resources),
    disks: diskList(site, resources, before.disks, clusterUuid),
    nics: nicList(site, resources, before.nics, clusterUuid),
  };
}

export interface Birth {
  readonly uuid: string;
  readonly name: string;
  readonly description?: string;
  readonly clusterUuid: string;
  readonly projectUuid?: string;
  readonly ownerUuid: string;
  readonly categories: Readonly<Record<string, string[]>>;
  readonly taskUuids: string[];
  readonly now: number;
}

/** A VM record as it is before its first task has ended. */
export function newVm(site: Datacenter, birth: Birth): VmRecord {
  return {
    uuid: birth.uuid,
    name: birth.name,
    ...optional('description', birth.description),
    clusterUuid: birth.clusterUuid,
    projectUuid: birth.projectUuid ?? site.defaultProjectUuid,
    ownerUuid: birth.ownerUuid,
    categories: { ...birth.categories },
    createdAt: birth.now,
    updatedAt: birth.now,
    specVersion: 0,
    entityVersion: 0,
    state: 'PENDING',
    taskUuids: birth.taskUuids,
    power: 'OFF',
    generationUuid: newUuid(),
    biosUuid: birth.uuid,
    config: EMPTY_CONFIG,
    visibleAt: 0,
    listedAt: 0,
    consoleUuid: newUuid(),
  };
}

/** The record once it is really there: first version, and as late to be seen as the knobs say. */
export function born(site: Datacenter, vm: VmRecord, config: VmConfig, now: number): VmRecord {
  const rest = without(vm, 'intent');
  const hidden = site.lateness('guest.managedAddressDelay');
  return {
    ...rest,
    config,
    state: 'COMPLETE',
    entityVersion: 1,
    updatedAt: now,
    visibleAt: now + site.lateness('v3.entityLate'),
    listedAt: now + site.lateness('v3.listLate'),
    ...(hidden > 0 ? { addressesHiddenUntil: now + hidden } : {}),
  };
}

/** The cluster a new VM goes to when its spec names none: that of its first subnet, else the first. */
export function chosenCluster(site: Datacenter, spec: JsonObject): string {
  const named = stringAt(objectAt(spec, 'cluster_reference'), 'uuid');
  if (named !== undefined) return named;
  const nics = objectAt(spec, 'resources')['nic_list'];
  const [first] = Array.isArray(nics) ? nics : [];
  const subnetUuid = stringAt(objectAt(first, 'subnet_reference'), 'uuid');
  const subnet = subnetUuid === undefined ? undefined : site.store.get('subnet', subnetUuid);
  return subnet?.clusterUuid ?? site.hostingClusters[0]?.uuid ?? '';
}
