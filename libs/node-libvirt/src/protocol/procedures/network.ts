import { long, quick, slow } from '../procedure.ts';

/** Virtual networks. */
export const networkProcedures = {
  connectListAllNetworks: quick(283, { needResults: 'needResults', flags: 'flags' }, { nets: 'network[]', ret: 'u32' }),
  networkLookupByName: quick(46, { name: 'str' }, { net: 'network' }),
  networkLookupByUuid: quick(47, { uuid: 'uuid' }, { net: 'network' }),
  networkGetXmlDesc: quick(43, { net: 'network', flags: 'flags' }, { xml: 'str' }),
  networkDefineXml: long(41, { xml: 'str' }, { net: 'network' }),
  networkDefineXmlFlags: long(432, { xml: 'str', flags: 'flags' }, { net: 'network' }),
  networkCreate: long(39, { net: 'network' }),
  networkCreateXml: long(40, { xml: 'str' }, { net: 'network' }),
  networkCreateXmlFlags: long(437, { xml: 'str', flags: 'flags' }, { net: 'network' }),
  networkDestroy: slow(42, { net: 'network' }),
  networkUndefine: quick(49, { net: 'network' }),
  networkGetAutostart: quick(44, { net: 'network' }, { autostart: 'bool' }),
  networkSetAutostart: quick(48, { net: 'network', autostart: 'bool' }),
  networkIsActive: quick(152, { net: 'network' }, { active: 'bool' }),
  networkIsPersistent: quick(153, { net: 'network' }, { persistent: 'bool' }),
  networkGetBridgeName: quick(45, { net: 'network' }, { name: 'str' }),
  /** mac: lower case, null for all. */
  networkGetDhcpLeases: quick(
    341,
    { net: 'network', mac: 'str?', needResults: 'needResults', flags: 'flags' },
    { leases: 'lease[]', ret: 'u32' },
  ),
  /** command and section are swapped for daemons without feature 16. The DHCP server and the firewall load it anew. */
  networkUpdate: slow(291, {
    net: 'network',
    command: 'u32',
    section: 'u32',
    parentIndex: 'i32',
    xml: 'str',
    flags: 'flags',
  }),
  networkSetMetadata: slow(444, {
    network: 'network',
    type: 'i32',
    metadata: 'str?',
    key: 'str?',
    uri: 'str?',
    flags: 'flags',
  }),
  networkGetMetadata: quick(445, { network: 'network', type: 'i32', uri: 'str?', flags: 'flags' }, { metadata: 'str' }),
} as const;
