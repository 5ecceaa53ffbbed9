import { any, boolean, dateTime, integer, list, object, oneOf, string, uuid, type Schema } from '../v3/schema.ts';

/** A v4 object: members whose name begins with `$` describe it and are always allowed, as are links and tenant. */
const model = (
  optional: Readonly<Record<string, Schema>>,
  required: Readonly<Record<string, Schema>> = {},
): Schema => ({
  ...(object({ ...optional, links: any, tenantId: any }, required) as Extract<Schema, { type: 'object' }>),
  freePrefix: '$',
});

const entity = model({ extId: string() });
const address = model({ value: string(), prefixLength: integer(0, 32) });

const vmDisk = model({
  diskExtId: string(),
  diskSizeBytes: integer(1),
  storageContainer: entity,
  storageConfig: model({ isFlashModeEnabled: boolean }),
  dataSource: model({
    reference: model({ imageExtId: uuid, diskExtId: string(), diskAddress: any, vmReference: entity }),
  }),
  isMigrationInProgress: boolean,
  serialId: string(),
  externalStorageInfo: any,
  vmDiskHydrationInfo: any,
});

export const disk = model({
  extId: string(),
  diskAddress: model({ busType: oneOf('SCSI', 'IDE', 'PCI', 'SATA', 'SPAPR'), index: integer(0) }),
  backingInfo: model({
    ...(vmDisk as Extract<Schema, { type: 'object' }>).optional,
    volumeGroupExtId: uuid,
  }),
  customAttributes: list(string()),
});

export const cdRom = model({
  extId: string(),
  diskAddress: model({ busType: oneOf('IDE', 'SATA'), index: integer(0) }),
  backingInfo: vmDisk,
  isoType: oneOf('OTHER', 'GUEST_TOOLS', 'GUEST_CUSTOMIZATION'),
});

const nicBacking = model({ model: string(), macAddress: string(), isConnected: boolean, numQueues: integer(1) });
const nicNetwork = model({
  nicType: oneOf('NORMAL_NIC', 'DIRECT_NIC', 'NETWORK_FUNCTION_NIC', 'SPAN_DESTINATION_NIC'),
  subnet: entity,
  vlanMode: oneOf('ACCESS', 'TRUNK'),
  trunkedVlans: list(integer(0, 4095)),
  networkFunctionChain: entity,
  networkFunctionNicType: string(),
  shouldAllowUnknownMacs: boolean,
  ipv4Config: model({ shouldAssignIp: boolean, ipAddress: address, secondaryIpAddressList: list(address) }),
  ipv4Info: any,
  ipv6Info: any,
});

export const nic = model({
  extId: string(),
  backingInfo: nicBacking,
  networkInfo: nicNetwork,
  nicBackingInfo: nicBacking,
  nicNetworkInfo: nicNetwork,
});

const bootDevice = oneOf('CDROM', 'DISK', 'NETWORK');
const bootConfig = model({
  bootDevice: any,
  bootOrder: list(bootDevice),
  isSecureBootEnabled: boolean,
  nvramDevice: any,
});

const guestCustomization = model({
  config: model({
    datasourceType: oneOf('CONFIG_DRIVE_V2'),
    metadata: string(),
    cloudInitScript: any,
    installType: oneOf('FRESH', 'PREPARED'),
    sysprepScript: any,
  }),
});

/** What a client may send of a VM: what it sets, and what it sends back as it was read. */
const vmFields: Readonly<Record<string, Schema>> = {
  extId: string(),
  name: string(256),
  description: string(1000),
  createTime: string(),
  updateTime: string(),
  source: any,
  numSockets: integer(),
  numCoresPerSocket: integer(),
  numThreadsPerCore: integer(),
  numNumaNodes: integer(0),
  memorySizeBytes: integer(1),
  isVcpuHardPinningEnabled: boolean,
  isCpuPassthroughEnabled: boolean,
  enabledCpuFeatures: list(string()),
  isMemoryOvercommitEnabled: boolean,
  isGpuConsoleEnabled: boolean,
  isCpuHotplugEnabled: boolean,
  isScsiControllerEnabled: boolean,
  generationUuid: string(),
  biosUuid: string(),
  categories: list(entity),
  project: entity,
  projectExtId: string(),
  ownershipInfo: model({ owner: entity }),
  host: entity,
  cluster: entity,
  availabilityZone: entity,
  guestCustomization,
  guestTools: any,
  hardwareClockTimezone: string(64),
  isBrandingEnabled: boolean,
  bootConfig,
  isVgaConsoleEnabled: boolean,
  machineType: oneOf('PC', 'PSERIES', 'Q35'),
  powerState: oneOf('ON', 'OFF', 'PAUSED', 'UNDETERMINED'),
  vtpmConfig: model({ isVtpmEnabled: boolean, version: string(), vtpmDevice: any }),
  isAgentVm: boolean,
  apcConfig: model({ isApcEnabled: boolean, cpuModel: any }),
  storageConfig: any,
  disks: list(disk),
  cdRoms: list(cdRom),
  nics: list(nic),
  gpus: list(any),
  serialPorts: list(any),
  pcieDevices: list(any),
  protectionType: string(),
  protectionPolicyState: any,
  isLiveMigrateCapable: boolean,
  isCrossClusterMigrationInProgress: boolean,
  customAttributes: list(string()),
  nextScheduledReboot: any,
  sourceVmProfile: any,
  vmGuestCustomizationProfileConfig: any,
};

export const vm = model(vmFields);
export const guestPowerOptions = model({
  guestPowerStateTransitionConfig: model({ shouldEnableScriptExec: boolean, shouldFailOnScriptFailure: boolean }),
});
export const cloneParams = model({
  name: string(256),
  numSockets: integer(1),
  numCoresPerSocket: integer(1),
  numThreadsPerCore: integer(1),
  memorySizeBytes: integer(1),
  nics: list(nic),
  bootConfig,
  guestCustomization,
  guestCustomizationProfileConfig: any,
  bulkCloneOptions: model({ numVms: integer(2, 250), nameSuffixStartIndex: integer(0) }),
});
export const revertParams = model({ overrideSpec: any }, { vmRecoveryPointExtId: uuid });
export const migrateToHostParams = model({}, { host: entity });
export const ownerParams = model({}, { owner: entity });
export const categoriesParams = model({}, { categories: list(entity) });
export const insertParams = model({}, { backingInfo: vmDisk });
export const assignIpParams = model({ ipAddress: address });
export const migrateDisksParams = model({ migrateDisks: any });
export const empty = model({});

export const image = model(
  {
    extId: string(),
    description: string(1000),
    checksum: model({ hexDigest: string() }),
    source: model({
      url: string(),
      shouldAllowInsecureUrl: boolean,
      basicAuth: model({ username: string(), password: string() }),
      extId: string(),
      vmExtId: string(),
      key: string(),
    }),
    categoryExtIds: list(string()),
    clusterLocationExtIds: list(uuid),
    sizeBytes: integer(),
    createTime: string(),
    lastUpdateTime: string(),
    ownerExtId: string(),
    ownerName: string(),
    placementPolicyStatus: any,
    projectExtId: string(),
  },
  { name: string(256), type: oneOf('DISK_IMAGE', 'ISO_IMAGE') },
);

export const category = model(
  {
    extId: string(),
    description: string(512),
    type: oneOf('USER', 'SYSTEM', 'INTERNAL'),
    ownerUuid: string(),
    associations: any,
    detailedAssociations: any,
  },
  { key: string(64), value: string(64) },
);

export const recoveryPoint = model({
  extId: string(),
  name: string(256),
  expirationTime: dateTime,
  creationTime: dateTime,
  recoveryPointType: oneOf('CRASH_CONSISTENT', 'APPLICATION_CONSISTENT'),
  vmRecoveryPoints: list(
    model({ vmExtId: uuid, name: string(), expirationTime: dateTime, applicationConsistentProperties: any }),
  ),
  volumeGroupRecoveryPoints: list(any),
  locationAgnosticId: string(),
  status: string(),
  locationReferences: any,
});

export const restoreParams = model({
  clusterExtId: uuid,
  isInstantRestore: boolean,
  vmRecoveryPointRestoreOverrides: list(
    model({
      vmRecoveryPointExtId: uuid,
      isStrictMode: boolean,
      vmOverrideSpec: model({
        name: string(256),
        description: string(),
        nics: list(nic),
        categories: list(string()),
        ownerExtId: string(),
      }),
    }),
  ),
  volumeGroupRecoveryPointRestoreOverrides: list(any),
});
