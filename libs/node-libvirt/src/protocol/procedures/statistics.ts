import { quick, slow } from '../procedure.ts';

/** Numbers of domains. `nparams` 0 asks how many parameters there are. */
export const statisticsProcedures = {
  /** doms: empty for all. flags: list filters and 0x20000000 not to wait for locked domains. */
  connectGetAllDomainStats: slow(
    344,
    { doms: 'domain[]', stats: 'u32', flags: 'flags' },
    { retStats: 'statsRecord[]' },
  ),
  /** maxStats: at least 13. Tags are `MemoryStatTag`. */
  domainMemoryStats: slow(159, { dom: 'domain', maxStats: 'u32', flags: 'flags' }, { stats: 'memoryStat[]' }),
  /** startCpu -1 with ncpus 1 gives the totals. */
  domainGetCpuStats: slow(
    262,
    { dom: 'domain', nparams: 'u32', startCpu: 'i32', ncpus: 'u32', flags: 'flags' },
    { params: 'typedParameter[]', nparams: 'i32' },
  ),
  domainBlockStats: slow(
    64,
    { dom: 'domain', path: 'str' },
    { rdReq: 'i64', rdBytes: 'i64', wrReq: 'i64', wrBytes: 'i64', errs: 'i64' },
  ),
  domainBlockStatsFlags: slow(
    243,
    { dom: 'domain', path: 'str', nparams: 'i32', flags: 'flags' },
    { params: 'typedParameter[]', nparams: 'i32' },
  ),
  /** device: the interface on the host (`vnet0`) or its MAC address. */
  domainInterfaceStats: quick(
    65,
    { dom: 'domain', device: 'str' },
    {
      rxBytes: 'i64',
      rxPackets: 'i64',
      rxErrs: 'i64',
      rxDrop: 'i64',
      txBytes: 'i64',
      txPackets: 'i64',
      txErrs: 'i64',
      txDrop: 'i64',
    },
  ),
  /** Bytes. */
  domainGetBlockInfo: slow(
    194,
    { dom: 'domain', path: 'str', flags: 'flags' },
    { allocation: 'u64', capacity: 'u64', physical: 'u64' },
  ),
  domainGetDiskErrors: slow(
    263,
    { dom: 'domain', maxerrors: 'u32', flags: 'flags' },
    { errors: 'diskError[]', nerrors: 'i32' },
  ),
  /** source: 0 leases, 1 agent, 2 ARP. */
  domainInterfaceAddresses: slow(
    353,
    { dom: 'domain', source: 'u32', flags: 'flags' },
    { ifaces: 'domainInterface[]' },
  ),
  domainGetJobInfo: slow(
    163,
    { dom: 'domain' },
    {
      type: 'i32',
      timeElapsed: 'u64',
      timeRemaining: 'u64',
      dataTotal: 'u64',
      dataProcessed: 'u64',
      dataRemaining: 'u64',
      memTotal: 'u64',
      memProcessed: 'u64',
      memRemaining: 'u64',
      fileTotal: 'u64',
      fileProcessed: 'u64',
      fileRemaining: 'u64',
    },
  ),
  /** flags: 1 the last completed job. */
  domainGetJobStats: slow(298, { dom: 'domain', flags: 'flags' }, { type: 'i32', params: 'typedParameter[]' }),
  domainStartDirtyRateCalc: slow(427, { dom: 'domain', seconds: 'i32', flags: 'flags' }),
} as const;
