import { newUuid } from '../identity.ts';
import { isObject, numberAt, objectAt, type JsonObject } from '../json.ts';
import type { Datacenter } from '../state/datacenter.ts';
import type { VmConfig } from '../state/records.ts';
import { nicList } from './nic-list.ts';
import { optional, scalarConfig } from './vm-defaults.ts';

/**
 * The configuration of a copy: disks of its own, NICs with MAC and addresses of their own on the same subnets, or those of `override`.
 * @throws TaskFailure when an address cannot be given.
 */
export function copiedConfig(site: Datacenter, config: VmConfig, override: JsonObject, clusterUuid: string): VmConfig {
  const nics = Array.isArray(override['nic_list'])
    ? override
    : { nic_list: config.nics.map((nic) => sameNicElsewhere(nic)) };
  const boot = isObject(override['boot_config']) ? scalarConfig(override) : undefined;
  const customization = override['guest_customization'];
  return {
    ...config,
    numSockets: numberAt(override, 'num_sockets') ?? config.numSockets,
    numVcpusPerSocket: numberAt(override, 'num_vcpus_per_socket') ?? config.numVcpusPerSocket,
    numThreadsPerCore: numberAt(override, 'num_threads_per_core') ?? config.numThreadsPerCore,
    memoryMiB: numberAt(override, 'memory_size_mib') ?? config.memoryMiB,
    ...(boot === undefined
      ? {}
      : {
          ...optional('bootType', boot.bootType),
          bootOrder: boot.bootOrder,
          ...optional('bootDevice', boot.bootDevice),
        }),
    ...(isObject(customization) ? { guestCustomization: customization } : {}),
    disks: config.disks.map((disk) => ({ ...disk, uuid: newUuid() })),
    nics: nicList(site, nics, [], clusterUuid),
  };
}

function sameNicElsewhere(nic: VmConfig['nics'][number]): JsonObject {
  return {
    nic_type: nic.nicType,
    ...(nic.subnetUuid === undefined ? {} : { subnet_reference: { kind: 'subnet', uuid: nic.subnetUuid } }),
    ...(nic.model === undefined ? {} : { model: nic.model }),
    is_connected: nic.connected,
    vlan_mode: nic.vlanMode,
    trunked_vlan_list: nic.trunkedVlans,
    num_queues: nic.queues,
  };
}

/** The part of a recovery point's override that a copy understands. */
export const restoreOverride = (override: JsonObject): JsonObject => objectAt(override, 'resources');
