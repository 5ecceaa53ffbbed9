import { long, quick, unbounded } from '../procedure.ts';

/** The program QEMU: the raw monitor and the raw guest agent. */
export const qemuProcedures = {
  qemuDomainMonitorCommand: long(1, { dom: 'domain', cmd: 'str', flags: 'flags' }, { result: 'str' }),
  qemuDomainAgentCommand: unbounded(
    3,
    { dom: 'domain', cmd: 'str', timeout: 'i32', flags: 'flags' },
    { result: 'str?' },
  ),
  qemuConnectDomainMonitorEventRegister: quick(
    4,
    { dom: 'domain?', event: 'str?', flags: 'flags' },
    { callbackID: 'i32' },
  ),
  qemuConnectDomainMonitorEventDeregister: quick(5, { callbackID: 'i32' }),
} as const;
