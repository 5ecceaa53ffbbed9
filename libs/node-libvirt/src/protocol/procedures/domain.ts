import { long, quick, slow, stream } from '../procedure.ts';

/**
 * Domains: finding, defining, power, devices and console. Where `flags` selects what a change is for: 1 the running
 * domain, 2 its definition, 3 both.
 */
export const domainProcedures = {
  connectListAllDomains: quick(
    273,
    { needResults: 'needResults', flags: 'flags' },
    { domains: 'domain[]', ret: 'u32' },
  ),
  domainLookupById: quick(22, { id: 'i32' }, { dom: 'domain' }),
  domainLookupByName: quick(23, { name: 'str' }, { dom: 'domain' }),
  domainLookupByUuid: quick(24, { uuid: 'uuid' }, { dom: 'domain' }),
  domainDefineXmlFlags: long(350, { xml: 'str', flags: 'flags' }, { dom: 'domain' }),
  domainDefineXml: long(11, { xml: 'str' }, { dom: 'domain' }),
  domainCreateXml: long(10, { xmlDesc: 'str', flags: 'flags' }, { dom: 'domain' }),
  domainCreate: long(9, { dom: 'domain' }),
  /** flags: 1 paused, 2 destroyed with this connection, 4 bypass cache, 8 force boot. The reply has the new id. */
  domainCreateWithFlags: long(196, { dom: 'domain', flags: 'flags' }, { dom: 'domain' }),
  domainUndefine: quick(35, { dom: 'domain' }),
  /** flags: 1 managed save, 2 snapshot metadata, 4 NVRAM, 8 keep NVRAM, 16 checkpoint metadata. */
  domainUndefineFlags: quick(231, { dom: 'domain', flags: 'flags' }),
  domainRename: slow(358, { dom: 'domain', newName: 'str?', flags: 'flags' }, { retcode: 'i32' }),
  /** flags: 1 with passwords, 2 the definition, 4 with the CPU filled in, 8 fit for migration. */
  domainGetXmlDesc: quick(14, { dom: 'domain', flags: 'flags' }, { xml: 'str' }),
  domainGetAutostart: quick(15, { dom: 'domain' }, { autostart: 'bool' }),
  domainSetAutostart: quick(29, { dom: 'domain', autostart: 'bool' }),
  domainGetAutostartOnce: quick(449, { dom: 'domain' }, { autostart: 'bool' }),
  domainSetAutostartOnce: quick(450, { dom: 'domain', autostart: 'bool' }),
  /** type: 0 description, 1 title, 2 element under `uri`. Error 80 where there is none. */
  domainGetMetadata: quick(265, { dom: 'domain', type: 'i32', uri: 'str?', flags: 'flags' }, { metadata: 'str' }),
  /** metadata: null removes. key: prefix of an element. */
  domainSetMetadata: slow(264, {
    dom: 'domain',
    type: 'i32',
    metadata: 'str?',
    key: 'str?',
    uri: 'str?',
    flags: 'flags',
  }),
  domainIsActive: quick(150, { dom: 'domain' }, { active: 'bool' }),
  domainIsPersistent: quick(151, { dom: 'domain' }, { persistent: 'bool' }),
  domainIsUpdated: quick(202, { dom: 'domain' }, { updated: 'bool' }),
  domainGetOsType: quick(19, { dom: 'domain' }, { type: 'str' }),
  domainGetHostname: slow(277, { dom: 'domain', flags: 'flags' }, { hostname: 'str' }),
  domainShutdown: slow(33, { dom: 'domain' }),
  domainShutdownFlags: slow(258, { dom: 'domain', flags: 'flags' }),
  domainReboot: slow(27, { dom: 'domain', flags: 'flags' }),
  domainReset: slow(245, { dom: 'domain', flags: 'flags' }),
  domainDestroy: slow(12, { dom: 'domain' }),
  /** flags: 1 asks QEMU to end and gives up (error 38) if it does not. */
  domainDestroyFlags: slow(234, { dom: 'domain', flags: 'flags' }),
  domainSuspend: slow(34, { dom: 'domain' }),
  domainResume: slow(28, { dom: 'domain' }),
  domainPmSuspendForDuration: slow(261, { dom: 'domain', target: 'u32', duration: 'u64', flags: 'flags' }),
  domainPmWakeup: slow(267, { dom: 'domain', flags: 'flags' }),
  domainInjectNmi: slow(210, { dom: 'domain', flags: 'flags' }),
  domainSetLifecycleAction: slow(390, { dom: 'domain', type: 'u32', action: 'u32', flags: 'flags' }),
  /** codeset: 0 Linux. holdtime: milliseconds. At most 16 codes. */
  domainSendKey: slow(226, { dom: 'domain', codeset: 'u32', holdtime: 'u32', keycodes: 'u32[]', flags: 'flags' }),
  domainGetState: quick(212, { dom: 'domain', flags: 'flags' }, { state: 'i32', reason: 'i32' }),
  /** Memory in KiB, CPU time in nanoseconds. */
  domainGetInfo: quick(
    16,
    { dom: 'domain' },
    { state: 'uchar', maxMem: 'u64', memory: 'u64', nrVirtCpu: 'ushort', cpuTime: 'u64' },
  ),
  /** state: 0 ok, 1 job, 2 occupied, 3 error. stateTime: milliseconds. */
  domainGetControlInfo: quick(
    229,
    { dom: 'domain', flags: 'flags' },
    { state: 'u32', details: 'u32', stateTime: 'u64' },
  ),
  domainGetMessages: quick(426, { dom: 'domain', flags: 'flags' }, { msgs: 'str[]' }),
  domainAttachDeviceFlags: long(160, { dom: 'domain', xml: 'str', flags: 'flags' }),
  /** Live, it only asks the guest: the event `deviceRemoved` tells when it is done. */
  domainDetachDeviceFlags: long(161, { dom: 'domain', xml: 'str', flags: 'flags' }),
  domainUpdateDeviceFlags: long(174, { dom: 'domain', xml: 'str', flags: 'flags' }),
  domainDetachDeviceAlias: slow(392, { dom: 'domain', alias: 'str', flags: 'flags' }),
  domainSetVcpusFlags: long(199, { dom: 'domain', nvcpus: 'u32', flags: 'flags' }),
  domainGetVcpusFlags: slow(200, { dom: 'domain', flags: 'flags' }, { num: 'i32' }),
  domainGetVcpus: quick(
    20,
    { dom: 'domain', maxinfo: 'i32', maplen: 'i32' },
    { info: 'vcpuInfo[]', cpumaps: 'opaque' },
  ),
  /** memory: KiB. */
  domainSetMemoryFlags: long(204, { dom: 'domain', memory: 'u64', flags: 'flags' }),
  /** memory: KiB. */
  domainSetMemory: slow(31, { dom: 'domain', memory: 'u64' }),
  /** memory: KiB; only while off. */
  domainSetMaxMemory: quick(30, { dom: 'domain', memory: 'u64' }),
  domainGetMaxMemory: quick(17, { dom: 'domain' }, { memory: 'u64' }),
  domainGetMaxVcpus: quick(18, { dom: 'domain' }, { num: 'i32' }),
  domainSetMemoryStatsPeriod: slow(308, { dom: 'domain', period: 'i32', flags: 'flags' }),
  domainPinVcpuFlags: slow(225, { dom: 'domain', vcpu: 'u32', cpumap: 'opaque', flags: 'flags' }),
  domainGetVcpuPinInfo: slow(
    230,
    { dom: 'domain', ncpumaps: 'i32', maplen: 'i32', flags: 'flags' },
    { cpumaps: 'opaque', num: 'i32' },
  ),
  domainPinEmulator: slow(279, { dom: 'domain', cpumap: 'opaque', flags: 'flags' }),
  domainAddIothread: slow(355, { dom: 'domain', iothreadId: 'u32', flags: 'flags' }),
  domainDelIothread: slow(356, { dom: 'domain', iothreadId: 'u32', flags: 'flags' }),
  domainGetIothreadInfo: slow(351, { dom: 'domain', flags: 'flags' }, { info: 'ioThread[]', ret: 'u32' }),
  domainSetBlockIoTune: slow(252, { dom: 'domain', disk: 'str', params: 'typedParameter[]', flags: 'flags' }),
  domainGetBlockIoTune: slow(
    253,
    { dom: 'domain', disk: 'str?', nparams: 'i32', flags: 'flags' },
    { params: 'typedParameter[]', nparams: 'i32' },
  ),
  domainSetInterfaceParameters: slow(256, { dom: 'domain', device: 'str', params: 'typedParameter[]', flags: 'flags' }),
  domainGetInterfaceParameters: slow(
    257,
    { dom: 'domain', device: 'str', nparams: 'i32', flags: 'flags' },
    { params: 'typedParameter[]', nparams: 'i32' },
  ),
  domainSetBlkioParameters: slow(205, { dom: 'domain', params: 'typedParameter[]', flags: 'flags' }),
  domainGetBlkioParameters: slow(
    206,
    { dom: 'domain', nparams: 'i32', flags: 'flags' },
    { params: 'typedParameter[]', nparams: 'i32' },
  ),
  domainSetMemoryParameters: slow(197, { dom: 'domain', params: 'typedParameter[]', flags: 'flags' }),
  domainGetMemoryParameters: slow(
    198,
    { dom: 'domain', nparams: 'i32', flags: 'flags' },
    { params: 'typedParameter[]', nparams: 'i32' },
  ),
  domainSetSchedulerParametersFlags: slow(219, { dom: 'domain', params: 'typedParameter[]', flags: 'flags' }),
  /** devName: alias, null for the first. flags: 1 takes a console over that is in use. */
  domainOpenConsole: stream('duplex', 201, { dom: 'domain', devName: 'str?', flags: 'flags' }),
  domainOpenChannel: stream('duplex', 296, { dom: 'domain', name: 'str?', flags: 'flags' }),
  domainGraphicsReload: slow(448, { dom: 'domain', type: 'u32', flags: 'flags' }),
  domainScreenshot: stream('download', 211, { dom: 'domain', screen: 'u32', flags: 'flags' }, { mime: 'str?' }),
} as const;
