import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import {
  ConnectError,
  ConnectionLostError,
  DomainLifecycle,
  isNotFound,
  Libvirt,
  LibvirtError,
  NetworkUpdateCommand,
  NetworkUpdateSection,
  type EventOf,
  type LibvirtOptions,
} from './index.ts';
import { encodePacket, MessageType, Program, Status } from './protocol/packet.ts';
import { eventPacket, FakeDaemon, Refusal, replyPacket, streamPacket, type FakeClient } from './testing/fake-daemon.ts';

const UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f';
const dom = { name: 'test', uuid: UUID, id: 1 };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('Libvirt', () => {
  let daemon: FakeDaemon;
  let libvirt: Libvirt;

  beforeEach(() => {
    daemon = new FakeDaemon();
  });

  afterEach(async () => {
    await libvirt?.close();
    await daemon.close();
  });

  async function connect(options: LibvirtOptions = {}): Promise<void> {
    const socketPath = await daemon.listen();
    libvirt = await Libvirt.connect({ socketPath, backoff: { minMs: 5, maxMs: 20 }, ...options });
  }

  /** The side of the connection that carries events. */
  function events(): FakeClient {
    return daemon.clients[0]!;
  }

  describe('events', () => {
    it('delivers to all listeners of one registration, and deregisters behind the last', async () => {
      let registered = 0;
      daemon.on('connectDomainEventCallbackRegisterAny', () => ({ callbackID: 40 + registered++ }));
      const gone: number[] = [];
      daemon.on('connectDomainEventCallbackDeregisterAny', ({ callbackID }) => void gone.push(callbackID));
      await connect();
      const seen: string[] = [];
      const listen = (name: string) =>
        libvirt.subscribe('domain', 'lifecycle', ({ event }) => void seen.push(`${name}${event}`));
      const [a, b] = await Promise.all([listen('a'), listen('b')]);
      expect(registered).toBe(1);

      events().event('domain', 'lifecycle', 40, { dom, event: DomainLifecycle.STARTED, detail: 0 });
      await until(() => seen.length === 2);
      await a.close();
      expect(gone).toEqual([]);
      events().event('domain', 'lifecycle', 40, { dom, event: DomainLifecycle.STOPPED, detail: 0 });
      await until(() => seen.length === 3);
      await b.close();
      expect(gone).toEqual([40]);
      expect(seen).toEqual(['a2', 'b2', 'b5']);

      await Promise.all([(await listen('c')).close(), listen('d')]);
      events().event('domain', 'lifecycle', 40 + registered - 1, { dom, event: 4, detail: 0 });
      await until(() => seen.length === 4);
      expect(seen.at(-1)).toBe('d4');
    });

    it('keeps kinds apart that share a callback id', async () => {
      daemon.on('connectDomainEventCallbackRegisterAny', () => ({ callbackID: 0 }));
      daemon.on('connectNetworkEventRegisterAny', () => ({ callbackID: 0 }));
      daemon.on('connectStoragePoolEventRegisterAny', () => ({ callbackID: 0 }));
      await connect();
      const seen: string[] = [];
      await libvirt.subscribe('domain', 'lifecycle', (event) => void seen.push(`domain ${event.dom.name}`));
      await libvirt.subscribe('network', 'lifecycle', (event) => void seen.push(`network ${event.net.name}`));
      await libvirt.subscribe('pool', 'refresh', (event) => void seen.push(`pool ${event.pool.name}`));
      events().event('pool', 'refresh', 0, { pool: { name: 'p', uuid: UUID } });
      events().event('network', 'lifecycle', 0, { net: { name: 'n', uuid: UUID }, event: 2, detail: 0 });
      events().event('domain', 'lifecycle', 0, { dom, event: 2, detail: 0 });
      // Not registered: another client of the daemon may have it.
      events().event('domain', 'lifecycle', 7, { dom, event: 2, detail: 0 });
      events().event('pool', 'lifecycle', 0, { pool: { name: 'p', uuid: UUID }, event: 2, detail: 0 });
      await until(() => seen.length === 3);
      await libvirt.call.connectListAllDomains();
      expect(seen).toEqual(['pool p', 'network n', 'domain test']);
    });

    it('delivers events that share a chunk with the reply to their registration', async () => {
      daemon.on('connectDomainEventCallbackRegisterAny', (_args, { client, serial }) => {
        client.send(
          Buffer.concat([
            replyPacket('connectDomainEventCallbackRegisterAny', serial, { callbackID: 3 }),
            eventPacket('domain', 'lifecycle', 3, { dom, event: 2, detail: 0 }),
          ]),
        );
        return new Promise<never>(() => {});
      });
      await connect();
      const seen: number[] = [];
      await libvirt.subscribe('domain', 'lifecycle', ({ event }) => void seen.push(event));
      expect(seen).toEqual([2]);
    });

    it('hands on a block threshold as often as the daemon sends it', async () => {
      daemon.on('connectDomainEventCallbackRegisterAny', () => ({ callbackID: 0 }));
      await connect();
      const devices: string[] = [];
      await libvirt.subscribe('domain', 'blockThreshold', ({ dev }) => void devices.push(dev));
      for (const dev of ['vdb', 'vdb[1]']) {
        events().event('domain', 'blockThreshold', 0, { dom, dev, path: null, threshold: 2n ** 60n, excess: 1n });
      }
      await until(() => devices.length === 2);
      expect(devices).toEqual(['vdb', 'vdb[1]']);
    });

    it('reads events of the QEMU monitor, which are another program', async () => {
      daemon.on('qemuConnectDomainMonitorEventRegister', () => ({ callbackID: 0 }));
      await connect();
      const seen: EventOf<'monitor', 'event'>[] = [];
      await libvirt.subscribe('monitor', 'event', (event) => void seen.push(event));
      const stop = { dom, event: 'STOP', seconds: 1n, micros: 5, details: null };
      events().event('monitor', 'event', 0, stop);
      await until(() => seen.length === 1);
      expect(seen).toEqual([stop]);
    });

    it('tells the subscriber when the daemon does not know the event', async () => {
      daemon.on('connectDomainEventCallbackRegisterAny', () => {
        throw new Refusal(1, 'unsupported event ID 27');
      });
      await connect();
      await expect(libvirt.subscribe('domain', 'nicMacChange', () => {})).rejects.toMatchObject({ code: 1 });
      // Nothing of it stays behind, so that a later attempt asks again.
      daemon.on('connectDomainEventCallbackRegisterAny', () => ({ callbackID: 0 }));
      await libvirt.subscribe('domain', 'nicMacChange', () => {});
    });

    it('ignores events of a kind that it has no table for', async () => {
      await connect();
      const header = { program: Program.REMOTE, procedure: 9999, type: MessageType.MESSAGE, serial: 1 };
      events().send(encodePacket({ ...header, status: Status.OK }, (writer) => writer.i32(0)));
      await expect(libvirt.domains.list()).resolves.toEqual([]);
    });
  });

  describe('reconnect', () => {
    it('registers all events again before it says that it is back', async () => {
      daemon.on('connectNetworkEventRegisterAny', () => ({ callbackID: 0 }));
      await connect();
      const seen: number[] = [];
      await libvirt.subscribe('domain', 'lifecycle', ({ event }) => void seen.push(event));
      await libvirt.subscribe('network', 'lifecycle', () => {});
      const lost = once(libvirt, 'disconnected');
      await daemon.stop();
      await lost;
      expect(libvirt.connected).toBe(false);
      daemon.calls.length = 0;
      daemon.on('connectDomainEventCallbackRegisterAny', () => ({ callbackID: 99 }));
      const back = once(libvirt, 'reconnected');
      await daemon.listen();
      await back;
      expect(libvirt.connected).toBe(true);
      expect(daemon.calls).toContain('connectDomainEventCallbackRegisterAny');
      expect(daemon.calls).toContain('connectNetworkEventRegisterAny');
      events().event('domain', 'lifecycle', 99, { dom, event: 2, detail: 0 });
      await until(() => seen.length === 1);
    });

    it('lets calls wait for a daemon that comes back', async () => {
      await connect({ reconnectWaitMs: 60_000 });
      const lost = once(libvirt, 'disconnected');
      await daemon.stop();
      await lost;
      const waiting = libvirt.domains.list();
      await daemon.listen();
      await expect(waiting).resolves.toEqual([]);
    });

    it('fails calls when the daemon does not come back in time', async () => {
      await connect({ reconnectWaitMs: 20 });
      const lost = once(libvirt, 'disconnected');
      await daemon.stop();
      await lost;
      const error = await libvirt.domains.list().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConnectError);
      expect(String(error)).toContain('not connected to libvirt');
    });

    it('leaves the outcome of a call in flight open, and repeats nothing', async () => {
      let started = 0;
      daemon.on('domainCreateWithFlags', () => {
        started++;
        return new Promise<never>(() => {});
      });
      await connect();
      const start = libvirt.domains.reference(UUID).start();
      const outcome = start.catch((reason: unknown) => reason);
      await until(() => started === 1);
      await daemon.stop();
      const error = await outcome;
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error).toMatchObject({ sent: true, procedure: 'domainCreateWithFlags' });
      await daemon.listen();
      await libvirt.domains.list();
      expect(started).toBe(1);
    });

    it('says which events a replaced daemon refuses', async () => {
      await connect();
      await libvirt.subscribe('domain', 'nicMacChange', () => {});
      await daemon.stop();
      daemon.on('connectDomainEventCallbackRegisterAny', () => {
        throw new Refusal(1, 'unsupported event ID 27');
      });
      const refused = once(libvirt, 'eventRefused');
      const back = once(libvirt, 'reconnected');
      await daemon.listen();
      expect((await refused)[0]).toBeInstanceOf(LibvirtError);
      await back;
    });

    it('leaves a daemon that lost its driver', async () => {
      await connect();
      const lost = once(libvirt, 'disconnected');
      const back = once(libvirt, 'reconnected');
      const header = { program: Program.REMOTE, procedure: 362, type: MessageType.MESSAGE, serial: 1 };
      events().send(encodePacket({ ...header, status: Status.OK }, (writer) => writer.i32(1)));
      await lost;
      await back;
    });

    it('works with daemons that cannot tell when they lose their driver', async () => {
      daemon.on('connectRegisterCloseCallback', () => {
        throw new Refusal(3, 'not supported by the connection driver');
      });
      await connect();
      await expect(libvirt.domains.list()).resolves.toEqual([]);
    });

    it('stops trying when it is closed', async () => {
      await connect();
      const lost = once(libvirt, 'disconnected');
      await daemon.stop();
      await lost;
      await libvirt.close();
      await daemon.listen();
      await expect(libvirt.domains.list()).rejects.toBeInstanceOf(ConnectError);
      expect(daemon.clients).toHaveLength(0);
    });
  });

  it('rejects when there is no daemon', async () => {
    await expect(Libvirt.connect({ socketPath: '/nonexistent/libvirt-sock' })).rejects.toBeInstanceOf(ConnectError);
  });

  it('keeps quick questions clear of slow changes', async () => {
    const suspended = Promise.withResolvers<void>();
    daemon.on('domainSuspend', () => suspended.promise);
    daemon.on('domainGetState', () => ({ state: 1, reason: 0 }));
    await connect();
    const domain = libvirt.domains.reference(UUID);
    const changes = Array.from({ length: 20 }, () => domain.suspend());
    await until(() => daemon.calls.filter((name) => name === 'domainSuspend').length === 16);
    await expect(domain.state()).resolves.toEqual({ state: 1, reason: 0 });
    // One for questions, four for changes.
    expect(daemon.clients).toHaveLength(5);
    suspended.resolve();
    await Promise.all(changes);
  });

  it('swaps the arguments of a network update for a daemon that reads them the other way round', async () => {
    const sent: number[][] = [];
    daemon.on('networkLookupByName', () => ({ net: { name: 'default', uuid: UUID } }));
    daemon.on('networkUpdate', ({ command, section }) => void sent.push([command, section]));
    await connect();
    const network = await libvirt.networks.getByName('default');
    await network.update(NetworkUpdateCommand.DELETE, NetworkUpdateSection.IP_DHCP_HOST, '<host/>');
    daemon.on('connectSupportsFeature', ({ feature }) => ({ supported: feature !== 16 }));
    await network.update(NetworkUpdateCommand.DELETE, NetworkUpdateSection.IP_DHCP_HOST, '<host/>');
    expect(sent).toEqual([
      [2, 4],
      [4, 2],
    ]);
  });

  it('finds by UUID first and by name second', async () => {
    daemon.on('domainLookupByUuid', () => {
      throw new Refusal(42, 'Domain not found');
    });
    daemon.on('domainLookupByName', ({ name }) => {
      if (name !== UUID) throw new Refusal(42, 'Domain not found');
      return { dom: { ...dom, name } };
    });
    await connect();
    expect(await libvirt.domains.find(UUID)).toMatchObject({ name: UUID });
    expect(await libvirt.domains.find('other')).toBeNull();
    expect(isNotFound(await libvirt.domains.get(UUID).catch((reason: unknown) => reason))).toBe(true);
    daemon.on('domainLookupByName', () => {
      throw new Refusal(9, 'something else');
    });
    await expect(libvirt.domains.find('other')).rejects.toMatchObject({ code: 9 });
  });

  it('shows a domain, and not its connection, when one is serialized', async () => {
    await connect();
    expect(JSON.parse(JSON.stringify(libvirt.domains.wrap(dom)))).toEqual(dom);
  });

  it('closes the connection of a stream behind it', async () => {
    daemon.on('domainScreenshot', (_args, { client, serial }) => {
      client.send(
        Buffer.concat([
          replyPacket('domainScreenshot', serial, { mime: 'image/png' }),
          streamPacket('domainScreenshot', serial, Status.CONTINUE, Buffer.from('PNG')),
          streamPacket('domainScreenshot', serial, Status.CONTINUE),
        ]),
      );
      return new Promise<never>(() => {});
    });
    daemon.onStream = (packet, client) => client.send(streamPacket('domainScreenshot', packet.serial, Status.OK));
    await connect();
    const { mime, data } = await libvirt.domains.reference(UUID).screenshot();
    expect([mime, data.toString()]).toEqual(['image/png', 'PNG']);
    await until(() => daemon.clients[1]!.socket.destroyed);
  });

  it('aborts a stream by signal', async () => {
    daemon.on('storageVolDownload', () => undefined);
    daemon.on('storageVolLookupByPath', () => ({ vol: { pool: 'p', name: 'v', key: 'k' } }));
    await connect();
    const abort = new AbortController();
    const volume = await libvirt.volumes.getByPath('/v');
    const stream = await volume.downloadStream({ signal: abort.signal });
    const failed = once(stream, 'error');
    abort.abort();
    expect((await failed)[0]).toMatchObject({ name: 'AbortError' });
    await until(() => daemon.clients[1]!.socket.destroyed);
  });
});
