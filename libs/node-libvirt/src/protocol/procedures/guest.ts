import { long, slow } from '../procedure.ts';

/**
 * Whatever the agent in the guest answers. It needs its channel (else error 74) and an agent that is awake (else 86).
 */
export const guestProcedures = {
  domainGetGuestInfo: slow(418, { dom: 'domain', types: 'u32', flags: 'flags' }, { params: 'typedParameter[]' }),
  domainGetFsinfo: slow(349, { dom: 'domain', flags: 'flags' }, { info: 'filesystem[]', ret: 'u32' }),
  /** mountpoints: empty for all. */
  domainFsfreeze: long(335, { dom: 'domain', mountpoints: 'str[]', flags: 'flags' }, { filesystems: 'i32' }),
  domainFsthaw: long(336, { dom: 'domain', mountpoints: 'str[]', flags: 'flags' }, { filesystems: 'i32' }),
  domainFstrim: long(294, { dom: 'domain', mountPoint: 'str?', minimum: 'u64', flags: 'flags' }),
  domainSetUserPassword: slow(357, { dom: 'domain', user: 'str?', password: 'str?', flags: 'flags' }),
  domainGetTime: slow(337, { dom: 'domain', flags: 'flags' }, { seconds: 'i64', nseconds: 'u32' }),
  domainSetTime: slow(338, { dom: 'domain', seconds: 'i64', nseconds: 'u32', flags: 'flags' }),
  domainGetGuestVcpus: slow(371, { dom: 'domain', flags: 'flags' }, { params: 'typedParameter[]' }),
  domainSetGuestVcpus: slow(372, { dom: 'domain', cpumap: 'str', state: 'i32', flags: 'flags' }),
  domainAuthorizedSshKeysGet: slow(424, { dom: 'domain', user: 'str', flags: 'flags' }, { keys: 'str[]' }),
  domainAuthorizedSshKeysSet: slow(425, { dom: 'domain', user: 'str', keys: 'str[]', flags: 'flags' }),
  /** timeout: seconds; -2 for ever, -1 default, 0 do not wait. */
  domainAgentSetResponseTimeout: slow(420, { dom: 'domain', timeout: 'i32', flags: 'flags' }, { result: 'i32' }),
} as const;
