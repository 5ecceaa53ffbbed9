import { XdrReader } from '../xdr/reader.ts';
import { LibvirtError } from '../protocol/errors.ts';
import { eventKinds, type EventEntry, type EventKind, type EventName, type EventOf } from '../protocol/events.ts';
import { Program, type Packet } from '../protocol/packet.ts';
import { entryOf } from '../protocol/procedures.ts';
import { readFields } from '../protocol/schema.ts';
import type { RpcConnection } from './rpc-connection.ts';

/** Ends the delivery to one listener. The daemon stops sending when the last listener of an event is gone. */
export interface Subscription {
  close(): Promise<void>;
}

type Listener = (event: never) => void;

interface Registration {
  kind: EventKind;
  entry: EventEntry;
  listeners: Set<Listener>;
  /** The connection that it was asked for on, and the answer. */
  on: RpcConnection | undefined;
  callbackID: Promise<number> | undefined;
}

const registering = {
  domain: ['connectDomainEventCallbackRegisterAny', 'connectDomainEventCallbackDeregisterAny'],
  network: ['connectNetworkEventRegisterAny', 'connectNetworkEventDeregisterAny'],
  pool: ['connectStoragePoolEventRegisterAny', 'connectStoragePoolEventDeregisterAny'],
  nodeDevice: ['connectNodeDeviceEventRegisterAny', 'connectNodeDeviceEventDeregisterAny'],
  secret: ['connectSecretEventRegisterAny', 'connectSecretEventDeregisterAny'],
  monitor: ['qemuConnectDomainMonitorEventRegister', 'qemuConnectDomainMonitorEventDeregister'],
} as const;

const kindOfMessage = new Map<string, EventKind>(
  Object.entries(eventKinds).flatMap(([kind, events]) =>
    Object.values(events).map(
      (entry: EventEntry) => [message(programOf(kind as EventKind), entry.procedure), kind as EventKind] as const,
    ),
  ),
);

/**
 * Registers each event once for all its listeners, since the daemon refuses a second registration of a connection, and
 * again on every new connection. Callback ids are numbered apart by each driver of the daemon, so that two kinds of
 * event can share a number.
 */
export class EventRouter {
  private readonly registrations = new Map<EventEntry, Registration>();
  private readonly active = new Map<string, Registration>();
  /** Deregistrations on their way: the same event is registered again only behind them. */
  private readonly leaving = new Map<EventEntry, Promise<void>>();
  private readonly connect: () => Promise<RpcConnection>;
  private readonly warn: (error: LibvirtError) => void;

  /** `warn` hears of a registration that a new connection refuses. */
  constructor(connect: () => Promise<RpcConnection>, warn: (error: LibvirtError) => void) {
    this.connect = connect;
    this.warn = warn;
  }

  /** Takes over a fresh connection: what was subscribed before is registered on it first. */
  async attach(connection: RpcConnection): Promise<void> {
    this.active.clear();
    connection.on('message', (packet) => this.dispatch(packet));
    const pending = [...this.registrations.values()].map(async (registration) => {
      try {
        await this.register(registration, connection);
      } catch (error) {
        if (!(error instanceof LibvirtError)) throw error;
        this.warn(error);
      }
    });
    await Promise.all(pending);
  }

  /** Rejects with LibvirtError code 1 where the daemon does not know the event. */
  async subscribe<K extends EventKind, N extends EventName<K>>(
    kind: K,
    name: N,
    listener: (event: EventOf<K, N>) => void,
  ): Promise<Subscription> {
    const entry = eventKinds[kind][name] as EventEntry;
    let registration = this.registrations.get(entry);
    if (registration === undefined) {
      registration = { kind, entry, listeners: new Set(), on: undefined, callbackID: undefined };
      this.registrations.set(entry, registration);
    }
    const known = registration;
    // The same function may listen twice, each with its own subscription.
    const own: Listener = (event) => listener(event);
    known.listeners.add(own);
    try {
      await this.register(known, await this.connect());
    } catch (error) {
      this.forget(known, own);
      throw error;
    }
    return { close: () => this.unsubscribe(known, own) };
  }

  private register(registration: Registration, connection: RpcConnection): Promise<number> {
    if (registration.on === connection && registration.callbackID !== undefined) return registration.callbackID;
    registration.on = connection;
    registration.callbackID = this.askFor(registration, connection);
    return registration.callbackID;
  }

  private async askFor(registration: Registration, connection: RpcConnection): Promise<number> {
    await this.leaving.get(registration.entry);
    const { callbackID } = await connection.call(
      entryOf(registering[registration.kind][0]),
      { eventID: registration.entry.id },
      {
        priority: 'high',
        // Events can follow in the same chunk as the reply.
        onReply: (reply) => this.active.set(key(registration.kind, reply.callbackID), registration),
      },
    );
    return callbackID;
  }

  private async unsubscribe(registration: Registration, listener: Listener): Promise<void> {
    this.forget(registration, listener);
    const { on, callbackID, listeners, kind } = registration;
    if (listeners.size > 0 || on === undefined || on.closed || callbackID === undefined) return;
    registration.on = undefined;
    registration.callbackID = undefined;
    const left = this.deregister(kind, await callbackID, on);
    const settled = left.then(
      () => {},
      () => {},
    );
    this.leaving.set(registration.entry, settled);
    await left.finally(() => this.leaving.delete(registration.entry));
  }

  private async deregister(kind: EventKind, callbackID: number, connection: RpcConnection): Promise<void> {
    this.active.delete(key(kind, callbackID));
    await connection.call(entryOf(registering[kind][1]), { callbackID });
  }

  private forget(registration: Registration, listener: Listener): void {
    registration.listeners.delete(listener);
    if (registration.listeners.size === 0) this.registrations.delete(registration.entry);
  }

  private dispatch(packet: Packet): void {
    const kind = kindOfMessage.get(message(packet.program, packet.procedure));
    if (kind === undefined) return;
    const reader = new XdrReader(packet.payload);
    const registration = this.active.get(key(kind, reader.i32()));
    if (registration === undefined || registration.entry.procedure !== packet.procedure) return;
    const event = readFields(reader, registration.entry.fields);
    for (const listener of registration.listeners) {
      try {
        listener(event as never);
      } catch (error) {
        // A faulty listener must end neither the connection nor the delivery to the others.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

function programOf(kind: EventKind): number {
  return kind === 'monitor' ? Program.QEMU : Program.REMOTE;
}

function message(program: number, procedure: number): string {
  return `${program} ${procedure}`;
}

function key(kind: EventKind, callbackID: number): string {
  return `${kind} ${callbackID}`;
}
