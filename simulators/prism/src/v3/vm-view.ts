import { compact, objectAt, objectsAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { Scalar } from '../query/fiql.ts';
import type { VmRecord } from '../state/records.ts';
import { seconds } from '../time.ts';
import { specResources, statusResources } from '../vms/vm-resources.ts';
import {
  acceptedBody,
  clusterReference,
  executionContext,
  firstValues,
  shownState,
  SPEC_HASH,
  userReference,
} from './envelope.ts';
import { commonAttributes } from './list.ts';

export const shownSpecVersion = (prism: Prism, vm: VmRecord): number =>
  prism.knobs.get('v3.vmVersioning') === 'spec_version' ? vm.specVersion : 0;

const projectReference = (prism: Prism, uuid: string): JsonObject =>
  compact({ kind: 'project', name: prism.store.get('project', uuid)?.name, uuid });

function metadata(prism: Prism, vm: VmRecord): JsonObject {
  return {
    kind: 'vm',
    project_reference: projectReference(prism, vm.projectUuid),
    uuid: vm.uuid,
    spec_version: shownSpecVersion(prism, vm),
    categories: firstValues(vm.categories),
    categories_mapping: vm.categories,
    creation_time: seconds(vm.createdAt),
    last_update_time: seconds(vm.updatedAt),
    owner_reference: userReference(prism, vm.ownerUuid),
    ...(prism.knobs.get('v3.vmVersioning') === 'entity_version' ? { entity_version: String(vm.entityVersion) } : {}),
  };
}

/** A VM as GET shows it. While its create runs there is nothing but the request to show. */
export function vmBody(prism: Prism, vm: VmRecord, inList = false): JsonObject {
  const described = vm.description === undefined ? {} : { description: vm.description };
  const cluster = { cluster_reference: clusterReference(prism, vm.clusterUuid) };
  const state = {
    state: shownState(prism, vm),
    ...(vm.messages === undefined ? {} : { message_list: vm.messages }),
    ...executionContext(prism, vm.taskUuids, inList),
  };
  const requested = objectAt(vm.intent?.spec, 'resources');
  const spec = vm.intent?.spec ?? { name: vm.name, ...described, resources: specResources(prism.site, vm), ...cluster };
  const resources = vm.intent?.creating === true ? requested : statusResources(prism.site, vm);
  return {
    ...(inList ? {} : { api_version: '3.1' }),
    metadata: metadata(prism, vm),
    spec,
    status: { name: vm.name, ...described, ...state, resources, ...cluster },
  };
}

/** A VM as lists show it: with a hash, with more of its disks and less of its NICs. Source: recorded ListVM, pc.2024.3. */
export function vmListItem(prism: Prism, vm: VmRecord): JsonObject {
  const body = vmBody(prism, vm, true);
  const status = objectAt(body, 'status');
  const spec = objectAt(body, 'spec');
  return {
    status: { ...status, resources: listed(objectAt(status, 'resources'), true) },
    metadata: { ...objectAt(body, 'metadata'), spec_hash: SPEC_HASH },
    spec: { ...spec, resources: listed(objectAt(spec, 'resources'), false) },
  };
}

function listed(resources: JsonObject, isStatus: boolean): JsonObject {
  const disks = objectsAt(resources, 'disk_list').map((disk) => ({
    ...disk,
    ...(isStatus ? { is_encryption_in_progress: false } : {}),
    ...(disk['storage_config'] === undefined
      ? {}
      : { storage_config: { flash_mode: 'DISABLED', ...objectAt(disk, 'storage_config') } }),
  }));
  return { ...(isStatus ? { storage_config: {} } : {}), ...resources, disk_list: disks };
}

/** The answer to an accepted create or update. */
export function vmAccepted(prism: Prism, vm: VmRecord, spec: JsonObject, taskUuid: string): JsonObject {
  const body = acceptedBody('vm', vm.uuid, shownSpecVersion(prism, vm), spec, taskUuid);
  if (prism.knobs.get('v3.postEcho') === 'bare') return body;
  const defaults = {
    num_threads_per_core: 1,
    vga_console_enabled: true,
    power_state_mechanism: {
      guest_transition_config: { should_fail_on_script_failure: false, enable_script_exec: false },
      mechanism: 'HARD',
    },
  };
  return {
    ...body,
    spec: { ...spec, resources: { ...defaults, ...objectAt(spec, 'resources') } },
    metadata: {
      kind: 'vm',
      uuid: vm.uuid,
      project_reference: projectReference(prism, vm.projectUuid),
      spec_version: shownSpecVersion(prism, vm),
      owner_reference: userReference(prism, vm.ownerUuid),
      categories: firstValues(vm.categories),
    },
  };
}

/** What VM lists can be filtered and sorted by. */
export function vmAttribute(prism: Prism, vm: VmRecord, attribute: string): readonly Scalar[] | undefined {
  switch (attribute) {
    case 'vm_name':
      return [vm.name];
    case 'power_state':
      return [vm.power.toLowerCase()];
    case 'cluster':
    case 'cluster_uuid':
      return [vm.clusterUuid];
    case 'cluster_name':
      return optionalValue(prism.store.get('cluster', vm.clusterUuid)?.name);
    case 'host':
    case 'host_uuid':
    case 'node':
      return optionalValue(vm.hostUuid);
    case 'project_reference':
    case 'project_uuid':
      return [vm.projectUuid];
    case 'project_name':
      return optionalValue(prism.store.get('project', vm.projectUuid)?.name);
    case 'is_cvm':
    case 'is_acropolis_vm':
      return [attribute === 'is_cvm' ? 0 : 1];
    case 'num_vcpus':
      return [vm.config.numSockets * vm.config.numVcpusPerSocket];
    case 'memory_size_bytes':
      return [vm.config.memoryMiB * 1024 * 1024];
    case 'ip_addresses':
      return vm.config.nics.flatMap((nic) => nic.addresses.map(({ ip }) => ip));
    case 'state':
      return [vm.state];
    case 'description':
      return optionalValue(vm.description);
    case 'create_time':
    case 'creation_time':
      return [vm.createdAt];
    case 'last_update_time':
      return [vm.updatedAt];
    default:
      return commonAttributes(vm)[attribute];
  }
}

const optionalValue = (value: string | undefined): readonly Scalar[] => (value === undefined ? [] : [value]);
