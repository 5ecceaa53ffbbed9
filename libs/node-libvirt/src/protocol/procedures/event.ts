import { quick } from '../procedure.ts';

/** Registration of events. A connection can register each event once for all objects. */
export const eventProcedures = {
  connectDomainEventCallbackRegisterAny: quick(316, { eventID: 'i32', dom: 'domain?' }, { callbackID: 'i32' }),
  connectDomainEventCallbackDeregisterAny: quick(317, { callbackID: 'i32' }),
  connectNetworkEventRegisterAny: quick(313, { eventID: 'i32', net: 'network?' }, { callbackID: 'i32' }),
  connectNetworkEventDeregisterAny: quick(314, { callbackID: 'i32' }),
  connectStoragePoolEventRegisterAny: quick(368, { eventID: 'i32', pool: 'pool?' }, { callbackID: 'i32' }),
  connectStoragePoolEventDeregisterAny: quick(369, { callbackID: 'i32' }),
  connectNodeDeviceEventRegisterAny: quick(374, { eventID: 'i32', dev: 'nodeDevice?' }, { callbackID: 'i32' }),
  connectNodeDeviceEventDeregisterAny: quick(375, { callbackID: 'i32' }),
  connectSecretEventRegisterAny: quick(380, { eventID: 'i32', secret: 'secret?' }, { callbackID: 'i32' }),
  connectSecretEventDeregisterAny: quick(381, { callbackID: 'i32' }),
} as const;
