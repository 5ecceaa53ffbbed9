import { quick, slow, unbounded } from '../procedure.ts';

/** Snapshots, checkpoints and backups of domains. */
export const snapshotProcedures = {
  domainSnapshotCreateXml: unbounded(185, { dom: 'domain', xmlDesc: 'str', flags: 'flags' }, { snap: 'snapshot' }),
  domainListAllSnapshots: quick(
    274,
    { dom: 'domain', needResults: 'needResults', flags: 'flags' },
    { snapshots: 'snapshot[]', ret: 'i32' },
  ),
  domainSnapshotNum: quick(187, { dom: 'domain', flags: 'flags' }, { num: 'i32' }),
  domainSnapshotLookupByName: quick(189, { dom: 'domain', name: 'str', flags: 'flags' }, { snap: 'snapshot' }),
  domainSnapshotGetXmlDesc: quick(186, { snap: 'snapshot', flags: 'flags' }, { xml: 'str' }),
  domainSnapshotGetParent: quick(244, { snap: 'snapshot', flags: 'flags' }, { snap: 'snapshot' }),
  domainSnapshotListAllChildren: quick(
    275,
    { snapshot: 'snapshot', needResults: 'needResults', flags: 'flags' },
    { snapshots: 'snapshot[]', ret: 'i32' },
  ),
  domainHasCurrentSnapshot: quick(190, { dom: 'domain', flags: 'flags' }, { result: 'bool' }),
  /** Error 72 where there is none. */
  domainSnapshotCurrent: quick(191, { dom: 'domain', flags: 'flags' }, { snap: 'snapshot' }),
  domainSnapshotIsCurrent: quick(271, { snap: 'snapshot', flags: 'flags' }, { current: 'bool' }),
  domainSnapshotHasMetadata: quick(272, { snap: 'snapshot', flags: 'flags' }, { metadata: 'bool' }),
  domainRevertToSnapshot: unbounded(192, { snap: 'snapshot', flags: 'flags' }),
  domainSnapshotDelete: unbounded(193, { snap: 'snapshot', flags: 'flags' }),
  domainCheckpointCreateXml: unbounded(
    411,
    { dom: 'domain', xmlDesc: 'str', flags: 'flags' },
    { checkpoint: 'checkpoint' },
  ),
  domainListAllCheckpoints: quick(
    413,
    { dom: 'domain', needResults: 'needResults', flags: 'flags' },
    { checkpoints: 'checkpoint[]', ret: 'i32' },
  ),
  domainCheckpointLookupByName: quick(
    415,
    { dom: 'domain', name: 'str', flags: 'flags' },
    { checkpoint: 'checkpoint' },
  ),
  domainCheckpointGetXmlDesc: slow(412, { checkpoint: 'checkpoint', flags: 'flags' }, { xml: 'str' }),
  domainCheckpointGetParent: quick(416, { checkpoint: 'checkpoint', flags: 'flags' }, { parent: 'checkpoint' }),
  domainCheckpointDelete: unbounded(417, { checkpoint: 'checkpoint', flags: 'flags' }),
  /** Ends with the event `jobCompleted`. */
  domainBackupBegin: unbounded(421, { dom: 'domain', backupXml: 'str', checkpointXml: 'str?', flags: 'flags' }),
  domainBackupGetXmlDesc: quick(422, { dom: 'domain', flags: 'flags' }, { xml: 'str' }),
} as const;
