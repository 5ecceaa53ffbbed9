import { long, slow } from '../procedure.ts';

/**
 * Disks of running domains. A disk is named by its target (`vda`) or its source path; bandwidth is in MiB/s unless a
 * flag says bytes.
 */
export const blockProcedures = {
  /** size: KiB, or bytes with flag 1. */
  domainBlockResize: slow(251, { dom: 'domain', disk: 'str', size: 'u64', flags: 'flags' }),
  domainBlockPull: slow(240, { dom: 'domain', path: 'str', bandwidth: 'u64', flags: 'flags' }),
  domainBlockRebase: slow(266, { dom: 'domain', path: 'str', base: 'str?', bandwidth: 'u64', flags: 'flags' }),
  domainBlockCommit: slow(290, {
    dom: 'domain',
    disk: 'str',
    base: 'str?',
    top: 'str?',
    bandwidth: 'u64',
    flags: 'flags',
  }),
  domainBlockCopy: slow(345, {
    dom: 'domain',
    path: 'str',
    destxml: 'str',
    params: 'typedParameter[]',
    flags: 'flags',
  }),
  /** flags: 1 do not wait, 2 pivot to the copy or base once the job is ready. */
  domainBlockJobAbort: long(237, { dom: 'domain', path: 'str', flags: 'flags' }),
  /** found: false when no job runs. */
  domainGetBlockJobInfo: slow(
    238,
    { dom: 'domain', path: 'str', flags: 'flags' },
    { found: 'bool', type: 'i32', bandwidth: 'u64', cur: 'u64', end: 'u64' },
  ),
  domainBlockJobSetSpeed: slow(239, { dom: 'domain', path: 'str', bandwidth: 'u64', flags: 'flags' }),
  domainBlockPeek: slow(
    103,
    { dom: 'domain', path: 'str', offset: 'u64', size: 'u32', flags: 'flags' },
    { buffer: 'opaque' },
  ),
  /** threshold: bytes. The event comes once. */
  domainSetBlockThreshold: slow(386, { dom: 'domain', dev: 'str', threshold: 'u64', flags: 'flags' }),
} as const;
