/**
 * The structures of the protocol, fields in wire order. Field types are the names of `TypeMap` in schema.ts, of these
 * structures, or either with `?` (null allowed) or `[]` (list).
 *
 * Which member identifies an object: domain, network and pool by `uuid` alone, volume by `pool` and `name`, snapshot
 * and checkpoint by `dom` and `name`. The others may be left out when encoding (`label`, `runtimeId`).
 */
export const structs = {
  domain: { name: 'label', uuid: 'uuid', id: 'runtimeId' },
  network: { name: 'label', uuid: 'uuid' },
  pool: { name: 'label', uuid: 'uuid' },
  nwfilter: { name: 'label', uuid: 'uuid' },
  volume: { pool: 'str', name: 'str', key: 'label' },
  snapshot: { name: 'str', dom: 'domain' },
  checkpoint: { name: 'str', dom: 'domain' },
  nodeDevice: { name: 'str' },
  interface: { name: 'str', mac: 'label' },
  secret: { uuid: 'uuid', usageType: 'i32', usageID: 'label' },
  memoryStat: { tag: 'i32', val: 'u64' },
  vcpuInfo: { number: 'u32', state: 'i32', cpuTime: 'u64', cpu: 'i32' },
  statsRecord: { dom: 'domain', params: 'typedParameter[]' },
  nodeStat: { field: 'str', value: 'u64' },
  lease: {
    iface: 'str',
    expirytime: 'i64',
    type: 'i32',
    mac: 'str?',
    iaid: 'str?',
    ipaddr: 'str',
    prefix: 'u32',
    hostname: 'str?',
    clientid: 'str?',
  },
  interfaceAddress: { type: 'i32', addr: 'str', prefix: 'u32' },
  domainInterface: { name: 'str', hwaddr: 'str?', addrs: 'interfaceAddress[]' },
  filesystem: { mountpoint: 'str', name: 'str', fstype: 'str', devAliases: 'str[]' },
  diskError: { disk: 'str', error: 'i32' },
  ioThread: { iothreadId: 'u32', cpumap: 'opaque' },
  graphicsAddress: { family: 'i32', node: 'str', service: 'str' },
  graphicsIdentity: { type: 'str', name: 'str' },
  errorRecord: {
    code: 'i32',
    domain: 'i32',
    message: 'str?',
    level: 'i32',
    dom: 'domain?',
    str1: 'str?',
    str2: 'str?',
    str3: 'str?',
    int1: 'i32',
    int2: 'i32',
    net: 'network?',
  },
} as const;

export type Structs = typeof structs;
export type StructName = keyof Structs;
