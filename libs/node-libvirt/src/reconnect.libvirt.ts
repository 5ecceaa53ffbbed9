import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { setTimeout } from 'node:timers/promises';
import {
  commandTransport,
  ConnectError,
  ConnectionLostError,
  DomainLifecycle,
  DomainState,
  isNotFound,
  Libvirt,
  openSession,
  type Domain,
  type LibvirtOptions,
} from './index.ts';
import { echoDomainXml } from './testing/echo-guest.ts';
import { PrivateDaemon } from './testing/private-daemon.ts';
import { uniqueName } from './testing/real-daemon.ts';
import { testCertificates } from './testing/test-certificates.ts';

jest.setTimeout(60_000);

const uri = 'qemu:///session';
const tls = {
  ca: testCertificates.ca,
  cert: testCertificates.clientCert,
  key: testCertificates.clientKey,
};

/** What a daemon does when it is stopped, killed, frozen or reached from afar, on one that belongs to the test. */
describe('a daemon of our own', () => {
  let daemon: PrivateDaemon;

  beforeAll(async () => {
    daemon = await PrivateDaemon.create();
    await daemon.start();
  });

  afterAll(() => daemon?.close());

  async function using(options: LibvirtOptions, work: (libvirt: Libvirt) => Promise<void>): Promise<void> {
    const libvirt = await Libvirt.connect({ uri, ...options });
    try {
      await work(libvirt);
    } finally {
      await libvirt.close();
    }
  }

  async function withGuest(libvirt: Libvirt, work: (domain: Domain) => Promise<void>): Promise<void> {
    const domain = await libvirt.domains.define(echoDomainXml(uniqueName('restart'), null));
    try {
      await domain.start();
      await work(domain);
    } finally {
      await domain.destroy();
      await domain.undefine();
    }
  }

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'is found again after %s, with its guests and our events',
    async (signal) => {
      await using({ socketPath: daemon.socketPath, reconnectWaitMs: 30_000 }, async (libvirt) => {
        await withGuest(libvirt, async (domain) => {
          const { id } = await libvirt.domains.get(domain.uuid);
          const seen: number[] = [];
          await libvirt.subscribe('domain', 'lifecycle', ({ dom, event }) => {
            if (dom.uuid === domain.uuid) seen.push(event);
          });
          const lost = once(libvirt, 'disconnected');
          const back = once(libvirt, 'reconnected');
          await daemon.stop(signal);
          await lost;
          const waiting = domain.state();
          await daemon.start();
          await back;
          expect(await waiting).toMatchObject({ state: DomainState.RUNNING });
          expect((await libvirt.domains.get(domain.uuid)).id).toBe(id);
          await domain.suspend();
          while (!seen.includes(DomainLifecycle.SUSPENDED)) await setTimeout(5);
          expect((await libvirt.statistics.sweep({ timeoutMs: 30_000 })).domains).toHaveLength(1);
        });
      });
    },
  );

  it('leaves the outcome of a call open that was under way when it was killed', async () => {
    await using({ socketPath: daemon.socketPath, reconnectWaitMs: 30_000 }, async (libvirt) => {
      daemon.freeze();
      const call = libvirt.domains.getByName('nobody').catch((error: unknown) => error);
      await setTimeout(20);
      await daemon.stop('SIGKILL');
      const error = await call;
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error).toMatchObject({ sent: true, procedure: 'domainLookupByName' });
      await daemon.start();
      expect(isNotFound(await libvirt.domains.getByName('nobody').catch((reason: unknown) => reason))).toBe(true);
    });
  });

  it('counts as dead when it hangs', async () => {
    // Together more than a busy machine may hold up a daemon that is well.
    const keepalive = { intervalMs: 150, count: 20 };
    await using({ socketPath: daemon.socketPath, keepalive }, async (libvirt) => {
      await setTimeout(1.2 * keepalive.intervalMs * keepalive.count);
      expect(libvirt.connected).toBe(true);
      const lost = once(libvirt, 'disconnected');
      daemon.freeze();
      const [reason] = (await lost) as [Error];
      daemon.thaw();
      expect(reason.message).toContain('keepalive');
    });
  });

  it('is reached over TCP, and keeps a connection that answers its keepalive', async () => {
    await using({ uri: `qemu+tcp://127.0.0.1:${daemon.tcpPort}/session` }, async (libvirt) => {
      expect(await libvirt.host.type()).toBe('QEMU');
      // Its own interval is 1 s and its count 3: without our answers it would hang up after 4 s.
      await setTimeout(5_500);
      expect(libvirt.connected).toBe(true);
      expect(await libvirt.host.type()).toBe('QEMU');
    });
  });

  it('lets go of a client that reads nothing any more, where that has asked for it', async () => {
    // Lines of /proc/net/unix end in the path; 03 is a connection.
    const connections = async () =>
      (await readFile('/proc/net/unix', 'utf8'))
        .split('\n')
        .filter((line) => line.endsWith(` ${daemon.socketPath}`))
        .filter((line) => line.split(/\s+/)[5] === '03').length;
    const until = async (wanted: number) => {
      while ((await connections()) !== wanted) await setTimeout(50);
    };
    await until(0);
    const keepalive = { intervalMs: 600_000, count: 1, byDaemon: true };
    const transport = { kind: 'unix', socketPath: daemon.socketPath } as const;
    const session = await openSession({ transport, uri, connectTimeoutMs: 30_000, keepalive });
    await until(1);
    (session as unknown as { socket: net.Socket }).socket.pause();
    await until(0);
    session.destroy();
  });

  it('is reached over TLS with a certificate that it trusts', async () => {
    await using({ uri: `qemu+tls://localhost:${daemon.tlsPort}/session`, tls }, async (libvirt) => {
      expect(await libvirt.host.type()).toBe('QEMU');
      await withGuest(libvirt, async (domain) => {
        expect((await domain.screenshot()).data.length).toBeGreaterThan(100);
      });
    });
  });

  it('refuses TLS without a certificate, and says so', async () => {
    const options = { uri: `qemu+tls://localhost:${daemon.tlsPort}/session`, tls: { ca: tls.ca } };
    const error = await Libvirt.connect(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect(String(error)).toMatch(/refused the client certificate|certificate required|ECONNRESET/);
  });

  it('is reached through a command, as with ssh', async () => {
    const relay = `
      const socket = require('node:net').connect(${JSON.stringify(daemon.socketPath)});
      process.stdin.pipe(socket).pipe(process.stdout);`;
    const transport = commandTransport(process.execPath, ['-e', relay]);
    await using({ uri, transport }, async (libvirt) => {
      expect(await libvirt.host.type()).toBe('QEMU');
      expect(await libvirt.domains.list()).toEqual([]);
    });
  });

  it('is reached through any stream', async () => {
    const transport = { kind: 'custom', open: () => net.connect(daemon.socketPath) } as const;
    await using({ uri, transport }, async (libvirt) => {
      expect(await libvirt.host.type()).toBe('QEMU');
    });
  });
});
