export { Libvirt } from './libvirt.ts';
export type { Calls, Channel, LibvirtCallOptions, LibvirtEvents, LibvirtOptions } from './libvirt.ts';

export { Domain } from './facade/domain.ts';
export type {
  BlockInfo,
  BlockJobInfo,
  DomainInfo,
  DomainStatus,
  InterfaceAddresses,
  JobStats,
} from './facade/domain.ts';
export { Domains } from './facade/domains.ts';
export type {
  BalloonStats,
  BlockStats,
  CpuStats,
  DomainStats,
  InterfaceStats,
  VcpuStats,
} from './facade/domain-stats.ts';
export { Host } from './facade/host.ts';
export type { NodeCpuTimes, NodeInfo, NodeMemory, Version } from './facade/host.ts';
export { Network, Networks } from './facade/networks.ts';
export type { DhcpLease } from './facade/networks.ts';
export { Snapshot } from './facade/snapshots.ts';
export { Statistics, statsGroups } from './facade/statistics.ts';
export type { StatsGroup, Sweep, SweepOptions } from './facade/statistics.ts';
export { Pool, Pools, Volume, Volumes } from './facade/storage.ts';
export type { PoolInfo, TransferRange, VolumeInfo } from './facade/storage.ts';
export { blockRates, cpuPercent, interfaceRates, memoryUsage } from './facade/usage.ts';
export type { BlockRates, InterfaceRates, MemoryUsage, MemoryUsageOptions } from './facade/usage.ts';

export type { Subscription } from './connection/event-router.ts';
export type { CallPriority } from './connection/call-queue.ts';
export type { KeepaliveOptions } from './connection/keepalive.ts';
export { LibvirtStream } from './connection/libvirt-stream.ts';
export type { SparseChunk } from './connection/libvirt-stream.ts';
export type { BackoffOptions } from './connection/link.ts';
export { DEFAULT_TIMEOUTS_MS, RpcConnection } from './connection/rpc-connection.ts';
export type { CallOptions, ConnectionOptions } from './connection/rpc-connection.ts';
export { closeSession, openSession } from './connection/session.ts';
export type { SessionOptions } from './connection/session.ts';
export { commandTransport, findSocket } from './connection/transport.ts';
export type { TlsOptions, Transport } from './connection/transport.ts';

export * from './protocol/enums.ts';
export { ErrorCode, ErrorOrigin } from './protocol/error-codes.ts';
export {
  CallTimeoutError,
  ConnectError,
  ConnectionLostError,
  isAgentUnavailable,
  isAlreadyExists,
  isBusy,
  isDenied,
  isNotFound,
  isUnknownProcedure,
  isUnsupported,
  isWrongState,
  LibvirtError,
  ProtocolError,
} from './protocol/errors.ts';
export type { ErrorRecord } from './protocol/errors.ts';
export type { EventKind, EventName, EventOf } from './protocol/events.ts';
export type { FlagOptions } from './protocol/flags.ts';
export { Program } from './protocol/packet.ts';
export type { ArgsOf, Pace, Procedure, ResultOf, StreamDirection, StreamProcedure } from './protocol/procedure.ts';
export { procedures } from './protocol/procedures.ts';
export type { CallProcedureName, ProcedureEntry, Procedures, StreamProcedureName } from './protocol/procedures.ts';
export type { EncodableStruct, Struct } from './protocol/schema.ts';
export { parameter, parametersToObject } from './protocol/typed-parameters.ts';
export type { ParameterValue, TypedParameter } from './protocol/typed-parameters.ts';
