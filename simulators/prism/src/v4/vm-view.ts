import { hash32, stableUuid } from '../identity.ts';
import { compact, numberAt, stringAt, type JsonObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import type { AddressRecord, DiskRecord, NicRecord, VmConfig, VmRecord } from '../state/records.ts';
import { micros } from '../time.ts';
import { marked } from './envelope.ts';

const TYPE = 'vmm.v4.ahv.config';

export const categoryId = (key: string, value: string): string => stableUuid(`category:${key}/${value}`);

/** A VM as v4 shows it. What is not there is left out, empty lists too. */
export function vmView(prism: Prism, vm: VmRecord): JsonObject {
  const { config } = vm;
  const hidden = (vm.addressesHiddenUntil ?? 0) > prism.clock.now();
  const disks = config.disks.filter((disk) => disk.deviceType !== 'CDROM').map(diskView);
  const cdRoms = config.disks.filter((disk) => disk.deviceType === 'CDROM').map(cdRomView);
  const nics = config.nics.map((nic) => nicView(prism, nic, hidden));
  const categories = Object.entries(vm.categories).flatMap(([key, values]) =>
    values.map((value) => ({ $objectType: `${TYPE}.CategoryReference`, extId: categoryId(key, value) })),
  );
  const some = (list: JsonObject[]): JsonObject[] | undefined => (list.length === 0 ? undefined : marked(prism, list));
  const fraction = hash32(vm.uuid);
  return compact({
    $objectType: `${TYPE}.Vm`,
    extId: vm.uuid,
    name: vm.name,
    description: vm.description,
    createTime: micros(vm.createdAt, fraction),
    updateTime: micros(vm.updatedAt, fraction),
    isLiveMigrateCapable: !config.cpuPassthrough,
    isCrossClusterMigrationInProgress: false,
    numSockets: config.numSockets,
    numCoresPerSocket: config.numVcpusPerSocket,
    numThreadsPerCore: config.numThreadsPerCore,
    numNumaNodes: config.vnumaNodes,
    memorySizeBytes: config.memoryMiB * 1024 * 1024,
    // v4 has no word of its own for it.
    powerState: vm.power === 'SUSPENDED' ? 'PAUSED' : vm.power,
    machineType: config.machineType,
    hardwareClockTimezone: config.timezone,
    isVcpuHardPinningEnabled: config.vcpuHardPinned,
    isCpuPassthroughEnabled: config.cpuPassthrough,
    isMemoryOvercommitEnabled: config.memoryOvercommit,
    isGpuConsoleEnabled: config.gpuConsole,
    isCpuHotplugEnabled: config.cpuHotplug,
    isScsiControllerEnabled: config.scsiController,
    isBrandingEnabled: !config.disableBranding,
    isVgaConsoleEnabled: config.vgaConsole,
    isAgentVm: config.agentVm,
    generationUuid: vm.generationUuid,
    biosUuid: vm.biosUuid,
    protectionType: 'UNPROTECTED',
    bootConfig: bootView(config),
    project: { $objectType: `${TYPE}.ProjectReference`, extId: vm.projectUuid },
    ownershipInfo: {
      $objectType: `${TYPE}.OwnershipInfo`,
      owner: { $objectType: `${TYPE}.OwnerReference`, extId: vm.ownerUuid },
    },
    host: vm.hostUuid === undefined ? undefined : { $objectType: `${TYPE}.HostReference`, extId: vm.hostUuid },
    cluster: { $objectType: `${TYPE}.ClusterReference`, extId: vm.clusterUuid },
    categories: some(categories),
    vtpmConfig: { $objectType: `${TYPE}.VtpmConfig`, isVtpmEnabled: config.vtpm },
    apcConfig: { $objectType: `${TYPE}.ApcConfig`, isApcEnabled: config.apc },
    disks: some(disks),
    cdRoms: some(cdRoms),
    nics: some(nics),
    serialPorts: some(config.serialPorts.map((port) => serialPortView(vm, port))),
  });
}

function bootView(config: VmConfig): JsonObject {
  if (config.bootType === 'UEFI' || config.bootType === 'SECURE_BOOT')
    return {
      $objectType: `${TYPE}.UefiBoot`,
      isSecureBootEnabled: config.bootType === 'SECURE_BOOT',
      bootOrder: config.bootOrder,
    };
  return { $objectType: `${TYPE}.LegacyBoot`, bootOrder: config.bootOrder };
}

function vmDiskView(disk: DiskRecord): JsonObject {
  const { source } = disk;
  const reference: JsonObject | undefined =
    source === undefined
      ? undefined
      : source.kind === 'image'
        ? { $objectType: `${TYPE}.ImageReference`, imageExtId: source.uuid }
        : { $objectType: `${TYPE}.VmDiskReference`, diskExtId: source.uuid };
  return compact({
    $objectType: `${TYPE}.VmDisk`,
    diskExtId: disk.uuid,
    isMigrationInProgress: false,
    diskSizeBytes: disk.sizeBytes,
    storageContainer:
      disk.containerUuid === undefined
        ? undefined
        : { $objectType: `${TYPE}.VmDiskContainerReference`, extId: disk.containerUuid },
    dataSource: reference === undefined ? undefined : { $objectType: `${TYPE}.DataSource`, reference },
  });
}

export function diskView(disk: DiskRecord): JsonObject {
  return {
    $objectType: `${TYPE}.Disk`,
    extId: disk.uuid,
    diskAddress: { $objectType: `${TYPE}.DiskAddress`, busType: disk.adapterType, index: disk.deviceIndex },
    backingInfo:
      disk.volumeGroupUuid === undefined
        ? vmDiskView(disk)
        : { $objectType: `${TYPE}.ADSFVolumeGroupReference`, volumeGroupExtId: disk.volumeGroupUuid },
  };
}

export function cdRomView(disk: DiskRecord): JsonObject {
  return compact({
    $objectType: `${TYPE}.CdRom`,
    extId: disk.uuid,
    diskAddress: { $objectType: `${TYPE}.CdRomAddress`, busType: disk.adapterType, index: disk.deviceIndex },
    backingInfo: disk.sizeBytes === undefined ? undefined : vmDiskView(disk),
    isoType: 'OTHER',
  });
}

export const serialPortView = (vm: VmRecord, port: JsonObject): JsonObject => ({
  $objectType: `${TYPE}.SerialPort`,
  extId: stableUuid(`serial:${vm.uuid}:${numberAt(port, 'index') ?? 0}`),
  index: numberAt(port, 'index') ?? 0,
  isConnected: port['is_connected'] ?? true,
});

const ipv4 = (address: AddressRecord): JsonObject => ({
  $objectType: 'common.v1.config.IPv4Address',
  value: address.ip,
  prefixLength: 32,
});

/** Newer releases say everything twice: once by the older names, once by the newer. */
export function nicView(prism: Prism, nic: NicRecord, hidden: boolean): JsonObject {
  const backing = compact({
    model: nic.model,
    macAddress: nic.macAddress,
    isConnected: nic.connected,
    numQueues: nic.queues,
  });
  const [assigned] = hidden ? [] : nic.addresses.filter(({ type }) => type === 'ASSIGNED');
  const learned = hidden ? [] : nic.addresses.filter(({ type }) => type === 'LEARNED');
  const network = compact({
    nicType: nic.nicType,
    vlanMode: nic.vlanMode === 'TRUNKED' ? 'TRUNK' : 'ACCESS',
    trunkedVlans: nic.trunkedVlans.length === 0 ? undefined : nic.trunkedVlans,
    subnet:
      nic.subnetUuid === undefined ? undefined : { $objectType: `${TYPE}.SubnetReference`, extId: nic.subnetUuid },
    ipv4Config: assigned === undefined ? undefined : { $objectType: `${TYPE}.Ipv4Config`, ipAddress: ipv4(assigned) },
    ipv4Info:
      learned.length === 0 ? undefined : { $objectType: `${TYPE}.Ipv4Info`, learnedIpAddresses: learned.map(ipv4) },
  });
  const view: JsonObject = {
    $objectType: `${TYPE}.Nic`,
    extId: nic.uuid,
    backingInfo: { $objectType: `${TYPE}.EmulatedNic`, ...backing },
    networkInfo: { $objectType: `${TYPE}.NicNetworkInfo`, ...network },
  };
  if (!prism.knobs.get('v4.nicsTwice')) return view;
  return {
    ...view,
    nicBackingInfo: { $objectType: `${TYPE}.VirtualEthernetNic`, ...backing },
    nicNetworkInfo: { $objectType: `${TYPE}.VirtualEthernetNicNetworkInfo`, ...network },
  };
}

/** Text of an id that may stand in a reference object. */
export const extIdAt = (value: JsonObject, key: string): string | undefined => {
  const member = value[key];
  return typeof member === 'object' && member !== null && !Array.isArray(member)
    ? stringAt(member, 'extId')
    : undefined;
};
