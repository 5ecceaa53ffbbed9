import { long, quick } from '../procedure.ts';

/**
 * The connection itself, the host and authentication. `nparams` 0 asks how many fields there are; only that number is
 * accepted then.
 */
export const connectionProcedures = {
  /** name: an empty string lets the daemon choose, null is refused. flags: 1 read-only. */
  connectOpen: quick(1, { name: 'str?', flags: 'flags' }),
  connectClose: quick(2, {}),
  connectGetType: quick(3, {}, { type: 'str' }),
  /** hvVer: major * 1,000,000 + minor * 1,000 + micro. */
  connectGetVersion: quick(4, {}, { hvVer: 'u64' }),
  /** libVer: coded as in `connectGetVersion`. */
  connectGetLibVersion: quick(157, {}, { libVer: 'u64' }),
  connectGetHostname: quick(59, {}, { hostname: 'str' }),
  connectGetUri: quick(110, {}, { uri: 'str' }),
  /** May start QEMU to see what it can do. */
  connectGetCapabilities: long(7, {}, { capabilities: 'str' }),
  connectGetDomainCapabilities: long(
    342,
    { emulatorbin: 'str?', arch: 'str?', machine: 'str?', virttype: 'str?', flags: 'flags' },
    { capabilities: 'str' },
  ),
  connectGetSysinfo: quick(203, { flags: 'flags' }, { sysinfo: 'str' }),
  connectGetMaxVcpus: quick(5, { type: 'str?' }, { maxVcpus: 'i32' }),
  /** Asking for feature 10 starts the daemon's keepalive. */
  connectSupportsFeature: quick(60, { feature: 'i32' }, { supported: 'bool' }),
  /** The daemon's view of its own driver: says nothing about the way to it. */
  connectIsSecure: quick(149, {}, { secure: 'bool' }),
  connectGetCpuModelNames: long(
    312,
    { arch: 'str', needResults: 'needResults', flags: 'flags' },
    { models: 'str[]', ret: 'i32' },
  ),
  connectCompareCpu: long(158, { xml: 'str', flags: 'flags' }, { result: 'i32' }),
  connectCompareHypervisorCpu: long(
    393,
    { emulator: 'str?', arch: 'str?', machine: 'str?', virttype: 'str?', xmlCPU: 'str', flags: 'flags' },
    { result: 'i32' },
  ),
  connectGetStoragePoolCapabilities: quick(403, { flags: 'flags' }, { capabilities: 'str' }),
  connectRegisterCloseCallback: quick(360, {}),
  connectUnregisterCloseCallback: quick(361, {}),
  /** memory: KiB, the sum of the NUMA cells. */
  nodeGetInfo: quick(
    6,
    {},
    {
      model: 'model32',
      memory: 'u64',
      cpus: 'i32',
      mhz: 'i32',
      nodes: 'i32',
      sockets: 'i32',
      cores: 'i32',
      threads: 'i32',
    },
  ),
  /** freeMem: bytes. */
  nodeGetFreeMemory: quick(102, {}, { freeMem: 'u64' }),
  /** cellNum: -1 for the host. KiB. */
  nodeGetMemoryStats: quick(
    228,
    { nparams: 'i32', cellNum: 'i32', flags: 'flags' },
    { params: 'nodeStat[]', nparams: 'i32' },
  ),
  /** cpuNum: -1 for all. Nanoseconds. */
  nodeGetCpuStats: quick(
    227,
    { cpuNum: 'i32', nparams: 'i32', flags: 'flags' },
    { params: 'nodeStat[]', nparams: 'i32' },
  ),
  nodeGetCellsFreeMemory: quick(101, { startCell: 'i32', maxcells: 'i32' }, { cells: 'u64[]' }),
  /** cpumap: bit i is CPU i. */
  nodeGetCpuMap: quick(
    293,
    { needMap: 'i32', needOnline: 'i32', flags: 'flags' },
    { cpumap: 'opaque', online: 'u32', ret: 'i32' },
  ),
  nodeGetSecurityModel: quick(122, {}, { model: 'charBytes', doi: 'charBytes' }),
  nodeSuspendForDuration: long(250, { target: 'u32', duration: 'u64', flags: 'flags' }),
  authList: quick(66, {}, { types: 'i32[]' }),
  authPolkit: quick(70, {}, { complete: 'bool' }),
  authSaslInit: quick(67, {}, { mechlist: 'str' }),
  authSaslStart: quick(
    68,
    { mech: 'str', nil: 'i32', data: 'charBytes' },
    { complete: 'bool', nil: 'i32', data: 'charBytes' },
  ),
  authSaslStep: quick(69, { nil: 'i32', data: 'charBytes' }, { complete: 'bool', nil: 'i32', data: 'charBytes' }),
} as const;
