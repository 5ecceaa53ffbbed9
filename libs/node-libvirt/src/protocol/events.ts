import type { DecodedFields, Fields } from './schema.ts';

interface EventEntry<F extends Fields = Fields> {
  /** Number to register with. */
  readonly id: number;
  /** Procedure of the messages. */
  readonly procedure: number;
  /** Fields behind the callback id. */
  readonly fields: F;
}

function event<const F extends Fields>(id: number, procedure: number, fields: F): EventEntry<F> {
  return { id, procedure, fields };
}

/** Every event by kind and name. A daemon that is too old for one refuses its registration with error 1. */
export const eventKinds = {
  domain: {
    lifecycle: event(0, 318, { dom: 'domain', event: 'i32', detail: 'i32' }),
    /** The guest rebooted, or was reset. */
    reboot: event(1, 319, { dom: 'domain' }),
    rtcChange: event(2, 320, { dom: 'domain', offset: 'i64' }),
    /** action: 0 none, 1 pause, 2 reset, 3 poweroff, 4 shutdown, 5 debug, 6 inject NMI. */
    watchdog: event(3, 321, { dom: 'domain', action: 'i32' }),
    /** action: 0 none, 1 pause, 2 report. */
    ioError: event(4, 322, { dom: 'domain', srcPath: 'str', devAlias: 'str', action: 'i32' }),
    /** phase: 0 connect, 1 initialize, 2 disconnect. */
    graphics: event(5, 323, {
      dom: 'domain',
      phase: 'i32',
      local: 'graphicsAddress',
      remote: 'graphicsAddress',
      authScheme: 'str',
      subject: 'graphicsIdentity[]',
    }),
    ioErrorReason: event(6, 324, { dom: 'domain', srcPath: 'str', devAlias: 'str', action: 'i32', reason: 'str' }),
    /** The daemon lost the domain's monitor. */
    controlError: event(7, 325, { dom: 'domain' }),
    /** By source file; `blockJob2` names the target and is the better choice. */
    blockJob: event(8, 326, { dom: 'domain', path: 'str', type: 'i32', status: 'i32' }),
    diskChange: event(9, 327, {
      dom: 'domain',
      oldSrcPath: 'str?',
      newSrcPath: 'str?',
      devAlias: 'str',
      reason: 'i32',
    }),
    /** reason: 0 open, 1 close. */
    trayChange: event(10, 328, { dom: 'domain', devAlias: 'str', reason: 'i32' }),
    pmWakeup: event(11, 329, { reason: 'i32', dom: 'domain' }),
    pmSuspend: event(12, 330, { reason: 'i32', dom: 'domain' }),
    /** actual: KiB. */
    balloonChange: event(13, 331, { dom: 'domain', actual: 'u64' }),
    pmSuspendDisk: event(14, 332, { reason: 'i32', dom: 'domain' }),
    deviceRemoved: event(15, 333, { dom: 'domain', devAlias: 'str' }),
    /** dst: target name (vda). */
    blockJob2: event(16, 339, { dom: 'domain', dst: 'str', type: 'i32', status: 'i32' }),
    tunable: event(17, 346, { dom: 'domain', params: 'typedParameter[]' }),
    /** state: 1 connected, 2 disconnected. */
    agentLifecycle: event(18, 348, { dom: 'domain', state: 'i32', reason: 'i32' }),
    deviceAdded: event(19, 354, { dom: 'domain', devAlias: 'str' }),
    migrationIteration: event(20, 359, { dom: 'domain', iteration: 'i32' }),
    jobCompleted: event(21, 363, { dom: 'domain', params: 'typedParameter[]' }),
    deviceRemovalFailed: event(22, 367, { dom: 'domain', devAlias: 'str' }),
    metadataChange: event(23, 379, { dom: 'domain', type: 'i32', nsuri: 'str?' }),
    /** One-shot, and delivered twice: for `vdb` and for `vdb[N]`. */
    blockThreshold: event(24, 385, { dom: 'domain', dev: 'str', path: 'str?', threshold: 'u64', excess: 'u64' }),
    memoryFailure: event(25, 423, { dom: 'domain', recipient: 'i32', action: 'i32', flags: 'flags' }),
    memoryDeviceSizeChange: event(26, 438, { dom: 'domain', alias: 'str', size: 'u64' }),
    nicMacChange: event(27, 453, { dom: 'domain', alias: 'str', oldMAC: 'str', newMAC: 'str' }),
  },
  network: {
    lifecycle: event(0, 315, { net: 'network', event: 'i32', detail: 'i32' }),
    metadataChange: event(1, 446, { net: 'network', type: 'i32', nsuri: 'str?' }),
  },
  pool: {
    lifecycle: event(0, 370, { pool: 'pool', event: 'i32', detail: 'i32' }),
    /** Also after an upload into the pool and after a wipe. */
    refresh: event(1, 373, { pool: 'pool' }),
  },
  nodeDevice: {
    lifecycle: event(0, 376, { dev: 'nodeDevice', event: 'i32', detail: 'i32' }),
    update: event(1, 377, { dev: 'nodeDevice' }),
  },
  /** Events of QEMU's own monitor (QMP), of all domains. */
  monitor: {
    /** details: JSON text. */
    event: event(0, 6, { dom: 'domain', event: 'str', seconds: 'i64', micros: 'u32', details: 'str?' }),
  },
  secret: {
    lifecycle: event(0, 382, { secret: 'secret', event: 'i32', detail: 'i32' }),
    valueChanged: event(1, 383, { secret: 'secret' }),
  },
} as const;

export type EventKinds = typeof eventKinds;
export type EventKind = keyof EventKinds;
export type EventName<K extends EventKind> = keyof EventKinds[K];
export type EventOf<K extends EventKind, N extends EventName<K>> =
  EventKinds[K][N] extends EventEntry<infer F> ? DecodedFields<F> : never;
export type { EventEntry };
