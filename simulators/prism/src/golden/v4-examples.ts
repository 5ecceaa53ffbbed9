import type { JsonObject } from '../json.ts';

/** Golden examples of v4; `…` lets further members be. Identifiers are invented, shapes are those of recorded answers. */

const flags = [{ name: 'hasError', value: false }];
const links = [{ rel: 'self', href: '' }];
const type = { $objectType: '' };

export const VM: JsonObject = {
  $objectType: 'vmm.v4.ahv.config.Vm',
  extId: '',
  name: 'web-01',
  createTime: '',
  updateTime: '',
  isLiveMigrateCapable: true,
  isCrossClusterMigrationInProgress: false,
  numSockets: 2,
  numCoresPerSocket: 1,
  numThreadsPerCore: 1,
  numNumaNodes: 0,
  memorySizeBytes: 4294967296,
  powerState: 'ON',
  machineType: 'PC',
  hardwareClockTimezone: 'UTC',
  isVcpuHardPinningEnabled: false,
  isCpuPassthroughEnabled: false,
  isMemoryOvercommitEnabled: false,
  isGpuConsoleEnabled: false,
  isCpuHotplugEnabled: true,
  isScsiControllerEnabled: true,
  isBrandingEnabled: true,
  isVgaConsoleEnabled: true,
  isAgentVm: false,
  generationUuid: '',
  biosUuid: '',
  protectionType: 'UNPROTECTED',
  bootConfig: { ...type, bootOrder: ['CDROM'] },
  project: { ...type, extId: '' },
  ownershipInfo: { ...type, owner: { ...type, extId: '' } },
  host: { ...type, extId: '' },
  cluster: { ...type, extId: '' },
  vtpmConfig: { ...type, isVtpmEnabled: false },
  apcConfig: { ...type, isApcEnabled: false },
  disks: [
    {
      ...type,
      extId: '',
      diskAddress: { ...type, busType: 'SCSI', index: 0 },
      backingInfo: {
        ...type,
        diskExtId: '',
        isMigrationInProgress: false,
        diskSizeBytes: 53687091200,
        storageContainer: { ...type, extId: '' },
        dataSource: { ...type, reference: { ...type, imageExtId: '' } },
      },
    },
  ],
  nics: [
    {
      ...type,
      extId: '',
      backingInfo: { ...type, macAddress: '', isConnected: true, numQueues: 1 },
      networkInfo: {
        ...type,
        nicType: 'NORMAL_NIC',
        vlanMode: 'ACCESS',
        subnet: { ...type, extId: '' },
        ipv4Config: { ...type, ipAddress: { ...type, value: '10.0.0.50', prefixLength: 32 } },
      },
    },
  ],
};

export const G15: JsonObject = {
  data: { $reserved: { $fv: 'v4.r1' }, ...VM },
  $objectType: 'vmm.v4.ahv.config.GetVmApiResponse',
  $reserved: { $fv: 'v4.r1' },
  metadata: { flags, links },
};

export const G16: JsonObject = {
  data: [VM],
  $objectType: 'vmm.v4.ahv.config.ListVmsApiResponse',
  $reserved: { $fv: 'v4.r1' },
  metadata: { flags, links, totalAvailableResults: 48 },
};

export const G17: JsonObject = {
  data: { $objectType: 'prism.v4.config.TaskReference', extId: '', $reserved: { $fv: '' } },
  $objectType: '',
  $reserved: { $fv: '' },
  metadata: { flags, links },
};

export const G19: JsonObject = {
  data: {
    $objectType: 'prism.v4.config.Task',
    $reserved: { $fv: '' },
    extId: '',
    operation: 'VmCreate',
    operationDescription: 'Create VM',
    status: 'SUCCEEDED',
    progressPercentage: 100,
    createdTime: '',
    startedTime: '',
    completedTime: '',
    lastUpdatedTime: '',
    entitiesAffected: [{ ...type, extId: '', rel: 'vmm:ahv:config:vm' }],
    isCancelable: false,
    clusterExtIds: [''],
    completionDetails: [],
    isBackgroundTask: false,
    ownedBy: { ...type, extId: '', name: '' },
    numberOfSubtasks: 0,
    numberOfEntitiesAffected: 1,
  },
  $objectType: 'prism.v4.config.GetTaskApiResponse',
  $reserved: { $fv: '' },
  metadata: { flags, links },
};

export const G20: JsonObject = {
  data: {
    $objectType: 'vmm.v4.error.ErrorResponse',
    $reserved: { $fv: '' },
    $errorItemDiscriminator: 'List<vmm.v4.error.AppMessage>',
    error: [
      {
        $objectType: 'vmm.v4.error.AppMessage',
        $reserved: { $fv: '' },
        message: '',
        severity: 'ERROR',
        code: 'VMM-30100',
        locale: 'en-US',
        errorGroup: 'VM_NOT_FOUND',
        argumentsMap: { vm_uuid: '' },
      },
    ],
  },
  $dataItemDiscriminator: 'vmm.v4.error.ErrorResponse',
};

export const G22_TUPLE: JsonObject = {
  timestamp: '',
  hypervisorCpuUsagePpm: 2675,
  memoryUsagePpm: 399650,
  hypervisorMemoryUsagePpm: 1000000,
  controllerNumReadIops: 0,
  controllerNumWriteIops: 1,
  controllerReadIoBandwidthKbps: 5,
  controllerWriteIoBandwidthKbps: 7,
  controllerAvgIoLatencyMicros: 345,
  hypervisorNumReceivedBytes: 22409,
  hypervisorNumTransmittedBytes: 27259,
  numVcpusUsedPpm: 5350,
  '…': '',
};
