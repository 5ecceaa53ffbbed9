import { long, quick, slow } from '../procedure.ts';

/** Devices, interfaces, filters and secrets of the host. */
export const deviceProcedures = {
  connectListAllNodeDevices: quick(
    285,
    { needResults: 'needResults', flags: 'flags' },
    { devices: 'nodeDevice[]', ret: 'u32' },
  ),
  nodeDeviceLookupByName: quick(113, { name: 'str' }, { dev: 'nodeDevice' }),
  nodeDeviceGetXmlDesc: quick(114, { name: 'str', flags: 'flags' }, { xml: 'str' }),
  nodeDeviceGetParent: quick(115, { name: 'str' }, { parentName: 'str?' }),
  nodeDeviceDetachFlags: slow(301, { name: 'str', driverName: 'str?', flags: 'flags' }),
  nodeDeviceReAttach: slow(119, { name: 'str' }),
  nodeDeviceReset: slow(120, { name: 'str' }),
  nodeDeviceCreateXml: long(123, { xmlDesc: 'str', flags: 'flags' }, { dev: 'nodeDevice' }),
  connectListAllInterfaces: quick(
    284,
    { needResults: 'needResults', flags: 'flags' },
    { ifaces: 'interface[]', ret: 'u32' },
  ),
  interfaceLookupByName: quick(128, { name: 'str' }, { iface: 'interface' }),
  interfaceGetXmlDesc: quick(130, { iface: 'interface', flags: 'flags' }, { xml: 'str' }),
  connectListAllNwfilters: quick(
    286,
    { needResults: 'needResults', flags: 'flags' },
    { filters: 'nwfilter[]', ret: 'u32' },
  ),
  nwfilterLookupByName: quick(175, { name: 'str' }, { nwfilter: 'nwfilter' }),
  nwfilterGetXmlDesc: quick(177, { nwfilter: 'nwfilter', flags: 'flags' }, { xml: 'str' }),
  nwfilterDefineXml: quick(180, { xml: 'str' }, { nwfilter: 'nwfilter' }),
  connectListAllSecrets: quick(
    287,
    { needResults: 'needResults', flags: 'flags' },
    { secrets: 'secret[]', ret: 'u32' },
  ),
  secretLookupByUuid: quick(141, { uuid: 'uuid' }, { secret: 'secret' }),
  secretDefineXml: quick(142, { xml: 'str', flags: 'flags' }, { secret: 'secret' }),
  secretSetValue: quick(144, { secret: 'secret', value: 'opaque', flags: 'flags' }),
  /** The value is a secret: never log it. */
  secretGetValue: quick(145, { secret: 'secret', flags: 'flags' }, { value: 'opaque' }),
  secretGetXmlDesc: quick(143, { secret: 'secret', flags: 'flags' }, { xml: 'str' }),
  secretUndefine: quick(146, { secret: 'secret' }),
} as const;
