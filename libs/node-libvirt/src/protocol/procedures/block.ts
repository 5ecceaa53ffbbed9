import { long, slow } from '../procedure.ts';

export const blockProcedures = {
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
  domainBlockJobAbort: long(237, { dom: 'domain', path: 'str', flags: 'flags' }),
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
  domainSetBlockThreshold: slow(386, { dom: 'domain', dev: 'str', threshold: 'u64', flags: 'flags' }),
} as const;
