import { quick, slow, unbounded } from '../procedure.ts';

/** Saving, dumping and migrating. Progress is `domainGetJobStats`. */
export const jobProcedures = {
  domainManagedSave: unbounded(182, { dom: 'domain', flags: 'flags' }),
  domainHasManagedSaveImage: quick(183, { dom: 'domain', flags: 'flags' }, { result: 'bool' }),
  domainManagedSaveRemove: slow(184, { dom: 'domain', flags: 'flags' }),
  domainManagedSaveGetXmlDesc: quick(388, { dom: 'domain', flags: 'flags' }, { xml: 'str' }),
  domainSaveFlags: unbounded(232, { dom: 'domain', to: 'str', dxml: 'str?', flags: 'flags' }),
  domainRestoreFlags: unbounded(233, { from: 'str', dxml: 'str?', flags: 'flags' }),
  domainSaveImageGetXmlDesc: quick(235, { file: 'str', flags: 'flags' }, { xml: 'str' }),
  domainSaveParams: unbounded(440, { dom: 'domain', params: 'typedParameter[]', flags: 'flags' }),
  domainRestoreParams: unbounded(441, { params: 'typedParameter[]', flags: 'flags' }),
  domainCoreDumpWithFormat: unbounded(334, { dom: 'domain', to: 'str', dumpformat: 'u32', flags: 'flags' }),
  domainAbortJob: slow(164, { dom: 'domain' }),
  domainAbortJobFlags: slow(442, { dom: 'domain', flags: 'flags' }),
  /** With flag 2 (peer to peer) this one call migrates: the source's daemon connects to `dconnuri` itself. */
  domainMigratePerform3Params: unbounded(
    305,
    { dom: 'domain', dconnuri: 'str?', params: 'typedParameter[]', cookieIn: 'opaque', flags: 'flags' },
    { cookieOut: 'opaque' },
  ),
  domainMigrateBegin3Params: unbounded(
    302,
    { dom: 'domain', params: 'typedParameter[]', flags: 'flags' },
    { cookieOut: 'opaque', xml: 'str' },
  ),
  domainMigratePrepare3Params: unbounded(
    303,
    { params: 'typedParameter[]', cookieIn: 'opaque', flags: 'flags' },
    { cookieOut: 'opaque', uriOut: 'str?' },
  ),
  domainMigrateFinish3Params: unbounded(
    306,
    { params: 'typedParameter[]', cookieIn: 'opaque', flags: 'flags', cancelled: 'bool' },
    { dom: 'domain', cookieOut: 'opaque' },
  ),
  domainMigrateConfirm3Params: unbounded(307, {
    dom: 'domain',
    params: 'typedParameter[]',
    cookieIn: 'opaque',
    flags: 'flags',
    cancelled: 'bool',
  }),
  domainMigrateSetMaxDowntime: slow(166, { dom: 'domain', downtime: 'u64', flags: 'flags' }),
  domainMigrateSetMaxSpeed: slow(207, { dom: 'domain', bandwidth: 'u64', flags: 'flags' }),
  domainMigrateStartPostCopy: slow(364, { dom: 'domain', flags: 'flags' }),
} as const;
