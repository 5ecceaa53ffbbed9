import type { Json, JsonObject } from '../json.ts';
import type { PowerAction, VmPower } from '../vms/power.ts';

/** Times are epoch milliseconds, sizes carry their unit, references are plain UUIDs: both APIs are projections of these records. */

export interface DiskRecord {
  uuid: string;
  deviceType: 'DISK' | 'CDROM' | 'VOLUME_GROUP';
  adapterType: string;
  deviceIndex: number;
  /** Absent for an empty CD-ROM. */
  sizeBytes?: number;
  source?: { kind: string; uuid: string };
  containerUuid?: string;
  flashMode?: string;
  volumeGroupUuid?: string;
}

export interface AddressRecord {
  ip: string;
  type: 'ASSIGNED' | 'LEARNED';
}

export interface NicRecord {
  uuid: string;
  nicType: string;
  /** Absent for NICs that belong to no subnet, as network function NICs. */
  subnetUuid?: string;
  macAddress: string;
  model?: string;
  connected: boolean;
  vlanMode: string;
  trunkedVlans: number[];
  queues: number;
  addresses: AddressRecord[];
  secondaryAddresses?: string[];
}

export interface VmConfig {
  numSockets: number;
  numVcpusPerSocket: number;
  numThreadsPerCore: number;
  memoryMiB: number;
  machineType: string;
  timezone: string;
  bootType?: string;
  bootOrder: string[];
  bootDevice?: JsonObject;
  mechanism: string;
  failOnScriptFailure: boolean;
  enableScriptExec: boolean;
  vgaConsole: boolean;
  gpuConsole: boolean;
  agentVm: boolean;
  hardwareVirtualization: boolean;
  memoryOvercommit: boolean;
  vcpuHardPinned: boolean;
  cpuPassthrough: boolean;
  disableBranding: boolean;
  cpuHotplug: boolean;
  scsiController: boolean;
  vnumaNodes: number;
  vtpm: boolean;
  apc: boolean;
  gpus: JsonObject[];
  serialPorts: JsonObject[];
  guestCustomization?: JsonObject;
  guestTools?: JsonObject;
  parent?: JsonObject;
  storage?: JsonObject;
  guestOsId?: string;
  disks: DiskRecord[];
  nics: NicRecord[];
}

/** One change of the power of a VM: who asked for it, the guest or nobody, decides what the guest suffered. */
export interface PowerEvent {
  /** Counts on, whatever is forgotten. */
  number: number;
  at: number;
  action: PowerAction | 'suspend';
}

export interface VmRecord {
  uuid: string;
  name: string;
  description?: string;
  clusterUuid: string;
  projectUuid: string;
  ownerUuid: string;
  categories: Record<string, string[]>;
  createdAt: number;
  updatedAt: number;
  specVersion: number;
  entityVersion: number;
  /** What v3 shows as `status.state`. */
  state: 'PENDING' | 'COMPLETE' | 'ERROR' | 'DELETE_PENDING';
  messages?: JsonObject[];
  /** Tasks of writes made through v3; empty for VMs that came by another way. */
  taskUuids: string[];
  power: VmPower;
  hostUuid?: string;
  poweredOnAt?: number;
  generationUuid: string;
  biosUuid: string;
  config: VmConfig;
  /** The request whose task has not ended: a create has nothing else to show yet. */
  intent?: { spec: JsonObject; creating: boolean };
  /** When the record may first be read, and first be listed, for late entities. */
  visibleAt: number;
  listedAt: number;
  /** Until when ASSIGNED addresses are kept back. */
  addressesHiddenUntil?: number;
  /** Moments at which the guest will report addresses of its own. */
  learnLinkLocalAt?: number;
  learnAt?: number;
  /** When the guest obeys a shutdown request whose task did not wait for it. */
  shutdownAt?: number;
  /** What has become of its power, oldest first; no release of Prism keeps more than its tasks and events. */
  powerLog?: PowerEvent[];
  /** Set for one guest by the control plane; else the knob decides. */
  guestResponsive?: boolean;
  consoleUuid: string;
}

export interface TaskError {
  /** Shown as `error_detail`. */
  detail: string;
  code?: string;
  /** v4 code and group, where the v4 API would name one. */
  v4Code?: string;
  v4Group?: string;
}

export interface TaskRecord {
  uuid: string;
  /** Names the effect, as `vm.create`; both APIs have their own words for it. */
  operation: string;
  v3Type: string;
  v4Operation: string;
  v4Description: string;
  status: 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED' | 'SUSPENDED';
  createdAt: number;
  startAt: number;
  durationMs: number;
  startedAt?: number;
  completedAt?: number;
  updatedAt: number;
  readableAt: number;
  entities: { kind: string; uuid: string }[];
  clusterUuid?: string;
  /** Entities that no other task may write meanwhile. */
  locks: string[];
  input: JsonObject;
  error?: TaskError;
  completion?: { name: string; value: string }[];
  /** A fault decided when the task was accepted. */
  sabotage?: JsonObject;
}

/** Entities of the intent API that need no behaviour of their own beyond create, read, update and delete. */
export interface EntityRecord {
  uuid: string;
  name: string;
  description?: string;
  clusterUuid?: string;
  /** `spec.resources` as v3 has it. */
  resources: JsonObject;
  /** What v3 shows only in `status.resources`. */
  statusResources?: JsonObject;
  categories: Record<string, string[]>;
  ownerUuid: string;
  projectUuid?: string;
  createdAt: number;
  updatedAt: number;
  specVersion: number;
  state: 'PENDING' | 'COMPLETE' | 'ERROR' | 'DELETE_PENDING';
  taskUuids: string[];
  messages?: JsonObject[];
}

export interface ImageRecord extends EntityRecord {
  sizeBytes?: number;
  sizeShownAt?: number;
  clusterUuids: string[];
}

export interface HostRecord {
  uuid: string;
  name: string;
  clusterUuid: string;
  ip: string;
  controllerVmIp: string;
  ipmiIp: string;
  cpuModel: string;
  cpuSockets: number;
  cpuCores: number;
  cpuHz: number;
  memoryMiB: number;
  blockModel: string;
  blockSerial: string;
  serial: string;
  hypervisorVersion: string;
  createdAt: number;
}

export interface ClusterRecord {
  uuid: string;
  name: string;
  function: 'AOS' | 'PRISM_CENTRAL';
  externalIp?: string;
  dataServicesIp?: string;
  externalSubnet?: string;
  version: string;
  createdAt: number;
  specVersion: number;
  taskUuids: string[];
}

export interface ContainerRecord {
  uuid: string;
  name: string;
  clusterUuid: string;
  capacityBytes: number;
}

export interface CategoryRecord {
  /** Key of a category, or `key/value` of one of its values. */
  uuid: string;
  key: string;
  value?: string;
  description?: string;
  system: boolean;
  cardinality: number;
}

export interface RecoveryPointRecord {
  uuid: string;
  name: string;
  vmUuid: string;
  clusterUuid: string;
  type: string;
  createdAt: number;
  updatedAt: number;
  expiresAt?: number;
  agnosticUuid: string;
  /** The v4 API puts VM recovery points inside a recovery point of their own id. */
  groupUuid: string;
  specVersion: number;
  state: 'PENDING' | 'COMPLETE' | 'DELETE_PENDING';
  taskUuids: string[];
  vm: { name: string; description?: string; categories: Record<string, string[]>; config: VmConfig };
}

export interface IdentifierRecord {
  /** The client's own name for the batch. */
  uuid: string;
  uuids: string[];
  expiresAt: number;
}

export interface RequestIdRecord {
  /** The id, tied to the method and path it came with. */
  uuid: string;
  status: number;
  body: Json;
  at: number;
}

export interface WebhookRecord extends EntityRecord {
  events: string[];
}

export interface MetaRecord {
  uuid: 'meta';
  /** Sessions issued before it are void. */
  sessionsFrom?: number;
  /** How far its clock was ahead when somebody last moved it, ms. */
  clockAhead?: number;
}

export interface Records {
  vm: VmRecord;
  task: TaskRecord;
  image: ImageRecord;
  subnet: EntityRecord;
  project: EntityRecord;
  volume_group: EntityRecord;
  webhook: WebhookRecord;
  host: HostRecord;
  cluster: ClusterRecord;
  container: ContainerRecord;
  category: CategoryRecord;
  recoveryPoint: RecoveryPointRecord;
  identifier: IdentifierRecord;
  requestId: RequestIdRecord;
  meta: MetaRecord;
}

export type RecordKind = keyof Records;
export type Change = { [K in RecordKind]: readonly [kind: K, uuid: string, record: Records[K] | null] }[RecordKind];
