import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import {
  closeSession,
  DomainLifecycle,
  DomainState,
  ErrorCode,
  findSocket,
  isAlreadyExists,
  isNotFound,
  isUnsupported,
  isWrongState,
  NetworkLifecycle,
  openSession,
  PoolLifecycle,
  PoolState,
  Program,
  type Libvirt,
} from './index.ts';
import { connectReal, uniqueName } from './testing/real-daemon.ts';

const TEST_UUID = '6695eb01-f6a4-8304-79aa-97f2502e193f';

/** The driver for tests within a real daemon: everything is in memory and vanishes with the last connection. */
describe('test:///default', () => {
  let libvirt: Libvirt;

  beforeAll(async () => {
    libvirt = await connectReal({ uri: 'test:///default' });
  });

  afterAll(() => libvirt?.close());

  function domainXml(name: string): string {
    return `<domain type='test'><name>${name}</name><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`;
  }

  /** Resolves when `count` events have come. */
  function collector<T>(count: number): { items: T[]; take: (item: T) => void; complete: Promise<void> } {
    const items: T[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    return { items, complete: promise, take: (item) => void (items.push(item) >= count && resolve()) };
  }

  it('tells about the daemon and its host', async () => {
    expect(await libvirt.host.type()).toBe('TEST');
    expect(libvirt.uri).toBe('test:///default');
    expect((await libvirt.host.libvirtVersion()).major).toBeGreaterThanOrEqual(6);
    expect(await libvirt.host.info()).toMatchObject({ model: 'i686', memoryKiB: 3_145_728, cpus: 16, numaNodes: 2 });
    expect((await libvirt.host.cpuTimes()).userNs).toBeGreaterThan(0n);
    expect(await libvirt.host.hostname()).toBeTruthy();
    expect(await libvirt.host.capabilities()).toContain('<capabilities>');
    expect(await libvirt.host.sysinfo()).toContain('<sysinfo');
    expect(await libvirt.host.cpuModels('x86_64')).toContain('qemu64');
  });

  it('carries a domain through its life and tells every step', async () => {
    const name = uniqueName('life');
    const seen = collector<[string, number, number]>(8);
    const subscription = await libvirt.subscribe('domain', 'lifecycle', ({ dom, event, detail }) => {
      if (dom.name === name) seen.take([dom.name, event, detail]);
    });
    const domain = await libvirt.domains.define(domainXml(name));
    expect(domain).toMatchObject({ name, id: -1 });
    expect(await domain.isActive()).toBe(false);
    const started = await domain.start();
    expect(started.id).toBeGreaterThan(0);
    expect((await domain.state()).state).toBe(DomainState.RUNNING);
    expect(await domain.info()).toMatchObject({ state: 1, memoryKiB: 65_536, vcpus: 1 });
    await domain.suspend();
    expect((await domain.state()).state).toBe(DomainState.PAUSED);
    await domain.resume();
    await domain.managedSave();
    expect(await domain.hasManagedSave()).toBe(true);
    await domain.removeManagedSave();
    expect(await domain.hasManagedSave()).toBe(false);
    await domain.start();
    await domain.destroy();
    await domain.undefine();
    await seen.complete;
    await subscription.close();
    expect(seen.items.map(([, event]) => event)).toEqual([
      DomainLifecycle.DEFINED,
      DomainLifecycle.STARTED,
      DomainLifecycle.SUSPENDED,
      DomainLifecycle.RESUMED,
      DomainLifecycle.STOPPED,
      DomainLifecycle.STARTED,
      DomainLifecycle.STOPPED,
      DomainLifecycle.UNDEFINED,
    ]);
  });

  it('finds, lists and filters', async () => {
    const test = await libvirt.domains.get(TEST_UUID);
    expect(test.name).toBe('test');
    expect(await libvirt.domains.find('test')).toMatchObject({ uuid: TEST_UUID });
    expect(await libvirt.domains.find(TEST_UUID)).toMatchObject({ name: 'test' });
    expect(await libvirt.domains.getById(test.id)).toMatchObject({ uuid: TEST_UUID });
    expect((await libvirt.domains.list({ active: true })).map(({ uuid }) => uuid)).toContain(TEST_UUID);
    expect((await libvirt.domains.list({ inactive: true })).map(({ uuid }) => uuid)).not.toContain(TEST_UUID);
    await expect(libvirt.domains.list({ flags: 0x80_0000 })).rejects.toMatchObject({ code: ErrorCode.INVALID_ARG });
  });

  it('sorts the errors that a daemon really sends', async () => {
    const missing = await libvirt.domains.getByName('nothing').catch((error: unknown) => error);
    expect(isNotFound(missing)).toBe(true);
    expect(missing).toMatchObject({ codeName: 'NO_DOMAIN', domainName: 'TEST', procedure: 'domainLookupByName' });
    const running = libvirt.domains.reference(TEST_UUID);
    expect(isWrongState(await running.rename('other').catch((error: unknown) => error))).toBe(true);
    const duplicate = await libvirt.domains.define(domainXml('test')).catch((error: unknown) => error);
    expect(duplicate).toMatchObject({ code: ErrorCode.OPERATION_FAILED });
    expect(isAlreadyExists(duplicate)).toBe(true);
    const unsupported = await running.attachDevice('<disk/>').catch((error: unknown) => error);
    expect(isUnsupported(unsupported)).toBe(true);
    await expect(libvirt.domains.define('<domain')).rejects.toMatchObject({ code: ErrorCode.XML_DETAIL });
  });

  it('keeps titles, descriptions and elements of our own', async () => {
    const domain = await libvirt.domains.define(domainXml(uniqueName('meta')));
    const config = { config: true };
    expect(await domain.title(config)).toBeNull();
    await domain.setTitle('Größe 🐧', config);
    await domain.setDescription('line one\nline two', config);
    await domain.setMetadataElement('urn:node-libvirt', 'nl', '<note a="1"/>', config);
    expect(await domain.title(config)).toBe('Größe 🐧');
    expect(await domain.description(config)).toBe('line one\nline two');
    expect(await domain.metadataElement('urn:node-libvirt', config)).toContain('a="1"');
    await domain.setMetadataElement('urn:node-libvirt', 'nl', null, config);
    expect(await domain.metadataElement('urn:node-libvirt', config)).toBeNull();
    await domain.undefine();
  });

  it('keeps a tree of snapshots', async () => {
    const domain = await libvirt.domains.define(domainXml(uniqueName('snap')));
    await domain.start();
    const create = (name: string) => domain.createSnapshot(`<domainsnapshot><name>${name}</name></domainsnapshot>`);
    expect(await domain.currentSnapshot()).toBeNull();
    const first = await create('first');
    const second = await create('second');
    expect((await domain.snapshots({ topological: true })).map(({ name }) => name)).toEqual(['first', 'second']);
    expect((await domain.currentSnapshot())?.name).toBe('second');
    expect((await second.parent()).name).toBe('first');
    expect((await first.children()).map(({ name }) => name)).toEqual(['second']);
    await expect(first.parent()).rejects.toMatchObject({ code: ErrorCode.NO_DOMAIN_SNAPSHOT });
    expect(await first.xml()).toContain('<domainsnapshot>');
    await first.revert({ paused: true });
    expect((await domain.state()).state).toBe(DomainState.PAUSED);
    expect(await first.isCurrent()).toBe(true);
    await first.delete({ children: true });
    expect(await domain.snapshots()).toEqual([]);
    await domain.destroy();
    await domain.undefine();
  });

  it('makes and removes networks and pools, whose events share numbers with those of domains', async () => {
    const name = uniqueName('net');
    const seen = collector<string>(8);
    const subscriptions = await Promise.all([
      libvirt.subscribe('network', 'lifecycle', ({ net, event }) => {
        if (net.name === name) seen.take(`network ${event}`);
      }),
      libvirt.subscribe('pool', 'lifecycle', ({ pool, event }) => {
        if (pool.name === name) seen.take(`pool ${event}`);
      }),
    ]);
    const network = await libvirt.networks.define(
      `<network><name>${name}</name><bridge name='nl0'/><ip address='192.168.77.1' netmask='255.255.255.0'/></network>`,
    );
    await network.start();
    expect(await network.isActive()).toBe(true);
    expect(await network.bridgeName()).toBe('nl0');
    await network.setAutostart(true);
    expect(await network.autostart()).toBe(true);
    expect((await libvirt.networks.list({ active: true })).map((each) => each.name)).toContain(name);
    expect(await libvirt.networks.find(network.uuid)).toMatchObject({ name });
    await network.destroy();
    await network.undefine();
    expect(await libvirt.networks.find(name)).toBeNull();

    const pool = await libvirt.pools.define(
      `<pool type='dir'><name>${name}</name><target><path>/nonexistent</path></target></pool>`,
    );
    await pool.start();
    expect(await pool.info()).toMatchObject({ state: PoolState.RUNNING });
    const volumeXml = (volume: string) => `<volume><name>${volume}</name><capacity>1048576</capacity></volume>`;
    const volume = await pool.createVolume(volumeXml('one'));
    await pool.cloneVolume(volumeXml('two'), volume);
    expect((await pool.volumes()).map((each) => each.name).sort()).toEqual(['one', 'two']);
    expect(isAlreadyExists(await pool.createVolume(volumeXml('one')).catch((error: unknown) => error))).toBe(true);
    expect(await volume.info()).toMatchObject({ capacityBytes: 1_048_576 });
    await volume.delete();
    expect(await pool.findVolume('one')).toBeNull();
    await pool.destroy();
    await pool.undefine();

    await seen.complete;
    const of = (kind: string) => seen.items.filter((item) => item.startsWith(kind)).map((item) => Number(item.at(-1)));
    const { DEFINED, STARTED, STOPPED, UNDEFINED } = NetworkLifecycle;
    expect(of('network')).toEqual([DEFINED, STARTED, STOPPED, UNDEFINED]);
    expect(of('pool')).toEqual([
      PoolLifecycle.DEFINED,
      PoolLifecycle.STARTED,
      PoolLifecycle.STOPPED,
      PoolLifecycle.UNDEFINED,
    ]);
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
  });

  it('registers every event that a daemon of this version has', async () => {
    const subscribed = await Promise.all([
      libvirt.subscribe('domain', 'lifecycle', () => {}),
      libvirt.subscribe('domain', 'metadataChange', () => {}),
      libvirt.subscribe('domain', 'memoryFailure', () => {}),
      libvirt.subscribe('nodeDevice', 'lifecycle', () => {}),
    ]);
    await Promise.all(subscribed.map((subscription) => subscription.close()));
  });

  it('takes a picture', async () => {
    const { mime, data } = await libvirt.domains.reference(TEST_UUID).screenshot();
    expect(mime).toBe('image/png');
    expect(data.subarray(1, 4).toString()).toBe('PNG');
  });

  it('reads addresses, memory statistics and 64-bit counters', async () => {
    const domain = libvirt.domains.reference(TEST_UUID);
    expect((await domain.memoryStats()).size).toBeGreaterThan(0);
    expect((await domain.info()).cpuTimeNs).toBeGreaterThan(2n ** 53n);
    expect(await domain.interfaceAddresses()).toBeInstanceOf(Array);
    await domain.sendKeys([29, 56, 111]);
  });

  it('keeps 500 calls apart', async () => {
    const domain = libvirt.domains.reference(TEST_UUID);
    const [states, versions] = await Promise.all([
      Promise.all(Array.from({ length: 250 }, () => domain.state())),
      Promise.all(Array.from({ length: 250 }, () => libvirt.host.libvirtVersion())),
    ]);
    expect(states.every(({ state }) => state > 0)).toBe(true);
    expect(versions.every(({ major }) => major > 0)).toBe(true);
  });

  it('comes back from the loss of its connection', async () => {
    const seen: string[] = [];
    const subscription = await libvirt.subscribe('domain', 'lifecycle', ({ dom }) => void seen.push(dom.name));
    const back = once(libvirt, 'reconnected');
    // The private field is the only way to break one connection of several.
    const { queries } = libvirt as unknown as { queries: { session: { destroy(reason: Error): void } } };
    queries.session.destroy(new Error('cable cut'));
    await back;
    const name = uniqueName('back');
    const domain = await libvirt.domains.define(domainXml(name));
    await domain.undefine();
    while (!seen.includes(name)) await new Promise(setImmediate);
    await subscription.close();
  });

  it('is refused what a read-only connection may not do', async () => {
    const reader = await connectReal({ uri: 'test:///default', readOnly: true });
    await expect(reader.domains.reference(TEST_UUID).suspend()).rejects.toMatchObject({
      code: ErrorCode.OPERATION_DENIED,
    });
    await expect(reader.domains.reference(TEST_UUID).state()).resolves.toBeDefined();
    await reader.close();
  });

  it('knows the answer to a procedure that is newer than the daemon, and goes on', async () => {
    const socketPath = await findSocket();
    // Together more than a busy machine may hold up a daemon that is well.
    const keepalive = { intervalMs: 150, count: 20 };
    const connection = await openSession({
      transport: { kind: 'unix', socketPath },
      uri: 'test:///default',
      connectTimeoutMs: 10_000,
      keepalive,
    });
    const procedure = { number: 9999, args: {}, ret: {}, pace: 'quick' } as const;
    const error = await connection
      .call({ name: 'future', program: Program.REMOTE, procedure }, {})
      .catch((e: unknown) => e);
    expect(isUnsupported(error)).toBe(true);
    // The daemon answers our own keepalive, which was not agreed on.
    await setTimeout(1.2 * keepalive.intervalMs * keepalive.count);
    expect(connection.closed).toBe(false);
    await closeSession(connection);
  });
});
