import { long, quick, slow, stream, unbounded } from '../procedure.ts';

/** Storage pools and volumes. Sizes are bytes. */
export const storageProcedures = {
  connectListAllStoragePools: quick(
    281,
    { needResults: 'needResults', flags: 'flags' },
    { pools: 'pool[]', ret: 'u32' },
  ),
  storagePoolLookupByName: quick(84, { name: 'str' }, { pool: 'pool' }),
  storagePoolLookupByUuid: quick(85, { uuid: 'uuid' }, { pool: 'pool' }),
  storagePoolLookupByVolume: quick(86, { vol: 'volume' }, { pool: 'pool' }),
  storagePoolLookupByTargetPath: quick(391, { path: 'str' }, { pool: 'pool' }),
  storagePoolDefineXml: quick(77, { xml: 'str', flags: 'flags' }, { pool: 'pool' }),
  storagePoolCreateXml: long(76, { xml: 'str', flags: 'flags' }, { pool: 'pool' }),
  storagePoolCreate: long(78, { pool: 'pool', flags: 'flags' }),
  storagePoolBuild: unbounded(79, { pool: 'pool', flags: 'flags' }),
  storagePoolDestroy: slow(80, { pool: 'pool' }),
  storagePoolDelete: unbounded(81, { pool: 'pool', flags: 'flags' }),
  storagePoolUndefine: quick(82, { pool: 'pool' }),
  storagePoolRefresh: long(83, { pool: 'pool', flags: 'flags' }),
  storagePoolGetInfo: quick(
    87,
    { pool: 'pool' },
    { state: 'uchar', capacity: 'u64', allocation: 'u64', available: 'u64' },
  ),
  storagePoolGetXmlDesc: quick(88, { pool: 'pool', flags: 'flags' }, { xml: 'str' }),
  storagePoolGetAutostart: quick(89, { pool: 'pool' }, { autostart: 'bool' }),
  storagePoolSetAutostart: quick(90, { pool: 'pool', autostart: 'bool' }),
  storagePoolIsActive: quick(154, { pool: 'pool' }, { active: 'bool' }),
  storagePoolIsPersistent: quick(155, { pool: 'pool' }, { persistent: 'bool' }),
  storagePoolListAllVolumes: quick(
    282,
    { pool: 'pool', needResults: 'needResults', flags: 'flags' },
    { vols: 'volume[]', ret: 'u32' },
  ),
  storageVolCreateXml: unbounded(93, { pool: 'pool', xml: 'str', flags: 'flags' }, { vol: 'volume' }),
  /** clonevol: copied in full. */
  storageVolCreateXmlFrom: unbounded(
    125,
    { pool: 'pool', xml: 'str', clonevol: 'volume', flags: 'flags' },
    { vol: 'volume' },
  ),
  storageVolDelete: unbounded(94, { vol: 'volume', flags: 'flags' }),
  storageVolLookupByName: quick(95, { pool: 'pool', name: 'str' }, { vol: 'volume' }),
  storageVolLookupByKey: quick(96, { key: 'str' }, { vol: 'volume' }),
  storageVolLookupByPath: quick(97, { path: 'str' }, { vol: 'volume' }),
  storageVolGetInfo: quick(98, { vol: 'volume' }, { type: 'char', capacity: 'u64', allocation: 'u64' }),
  /** flags: 1 puts the physical size into `allocation`. */
  storageVolGetInfoFlags: quick(
    378,
    { vol: 'volume', flags: 'flags' },
    { type: 'char', capacity: 'u64', allocation: 'u64' },
  ),
  storageVolGetXmlDesc: quick(99, { vol: 'volume', flags: 'flags' }, { xml: 'str' }),
  /** name: the path. */
  storageVolGetPath: quick(100, { vol: 'volume' }, { name: 'str' }),
  storageVolResize: unbounded(260, { vol: 'volume', capacity: 'u64', flags: 'flags' }),
  /** length: 0 for up to the end. flags: 1 sparse. */
  storageVolUpload: stream('upload', 208, { vol: 'volume', offset: 'u64', length: 'u64', flags: 'flags' }),
  /** length: 0 for up to the end. flags: 1 sparse. */
  storageVolDownload: stream('download', 209, { vol: 'volume', offset: 'u64', length: 'u64', flags: 'flags' }),
  storageVolWipe: unbounded(165, { vol: 'volume', flags: 'flags' }),
  /** algorithm: 0 zeros … 9 trim. */
  storageVolWipePattern: unbounded(259, { vol: 'volume', algorithm: 'u32', flags: 'flags' }),
  connectFindStoragePoolSources: slow(75, { type: 'str', srcSpec: 'str?', flags: 'flags' }, { xml: 'str' }),
} as const;
