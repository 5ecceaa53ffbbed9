import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createWriteStream } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import {
  cpuPercent,
  DomainState,
  ErrorCode,
  isNotFound,
  isWrongState,
  memoryUsage,
  ShutoffReason,
  type Domain,
  type EventOf,
  type Libvirt,
  type Pool,
  type Volume,
} from './index.ts';
import { echoBootSector, echoDomainXml } from './testing/echo-guest.ts';
import { connectReal, uniqueName } from './testing/real-daemon.ts';

const MIB = 1_048_576;
/** Guests share two slow cores with whatever else runs. */
jest.setTimeout(60_000);

/** Real guests of QEMU, without hardware virtualisation. */
describe('qemu:///system', () => {
  let libvirt: Libvirt;
  let directory: string;
  let pool: Pool;
  let boot: Volume;
  const domains: Domain[] = [];

  beforeAll(async () => {
    libvirt = await connectReal();
    // QEMU runs as a user of its own and has to reach the disks.
    directory = await mkdtemp('/var/tmp/node-libvirt-');
    const name = uniqueName('pool');
    pool = await libvirt.pools.createTransient(
      `<pool type='dir'><name>${name}</name><target><path>${directory}/pool</path></target></pool>`,
      { withBuild: true },
    );
    await chmod(directory, 0o755);
    boot = await pool.createVolume(volumeXml('boot.img', 'raw', MIB));
    await boot.upload([echoBootSector()]);
  });

  afterEach(async () => {
    await Promise.all(domains.splice(0).map(remove));
  });

  afterAll(async () => {
    await pool?.destroy();
    await libvirt?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  function volumeXml(name: string, format: string, capacity: number): string {
    const compat = format === 'qcow2' ? '<compat>1.1</compat>' : '';
    return `<volume><name>${name}</name><capacity>${capacity}</capacity>
      <target><format type='${format}'/>${compat}</target></volume>`;
  }

  async function remove(domain: Domain): Promise<void> {
    const ignoreGone = (error: unknown): void => {
      if (!isNotFound(error) && !isWrongState(error)) throw error;
    };
    await domain.destroy().catch(ignoreGone);
    await domain.undefine({ managedSave: true, snapshotsMetadata: true }).catch(ignoreGone);
  }

  /** A defined guest that echoes what its console receives. */
  async function guest(format: 'raw' | 'qcow2' | 'diskless' = 'diskless'): Promise<Domain> {
    const name = uniqueName('vm');
    let disk: Parameters<typeof echoDomainXml>[1] = null;
    if (format !== 'diskless') {
      const volume = await pool.cloneVolume(volumeXml(`${name}.${format}`, format, MIB), boot);
      disk = { path: await volume.path(), format };
    }
    const domain = await libvirt.domains.define(echoDomainXml(name, disk));
    domains.push(domain);
    return domain;
  }

  /** Reads until `text` has come. */
  async function expectText(console: Duplex, text: string): Promise<void> {
    let seen = '';
    while (!seen.includes(text)) {
      const chunk = (console.read() as Buffer | null)?.toString('latin1');
      if (chunk !== undefined) seen += chunk;
      else await new Promise((resolve) => console.once('readable', resolve));
    }
  }

  it('carries a guest through its life', async () => {
    const domain = await guest();
    const seen: [number, number][] = [];
    const subscription = await libvirt.subscribe('domain', 'lifecycle', ({ dom, event, detail }) => {
      if (dom.uuid === domain.uuid) seen.push([event, detail]);
    });
    const running = await domain.start({ paused: true });
    expect(running.id).toBeGreaterThan(0);
    expect(await domain.state()).toMatchObject({ state: DomainState.PAUSED });
    await domain.resume();
    expect(await domain.state()).toMatchObject({ state: DomainState.RUNNING });
    expect(isWrongState(await domain.start().catch((error: unknown) => error))).toBe(true);
    await domain.suspend();
    await domain.resume();
    await domain.reset();
    expect(await domain.xml()).toContain(`<uuid>${domain.uuid}</uuid>`);
    expect(await domain.info()).toMatchObject({ state: 1, vcpus: 1, maxMemoryKiB: 32_768 });
    await domain.destroy();
    expect(await domain.state()).toEqual({ state: DomainState.SHUTOFF, reason: ShutoffReason.DESTROYED });
    await domain.rename(`${domain.name}-renamed`);
    expect((await libvirt.domains.get(domain.uuid)).name).toBe(`${domain.name}-renamed`);
    await domain.undefine();
    await expect(domain.state()).rejects.toMatchObject({ code: ErrorCode.NO_DOMAIN });
    while (!seen.some(([event, detail]) => event === 1 && detail === 0)) await setTimeout(5);
    await subscription.close();
    // Started paused, resumed; suspended, resumed; stopped by force; renamed; undefined.
    expect(seen.filter(([event]) => event !== 6)).toEqual([
      [2, 0],
      [3, 0],
      [4, 0],
      [3, 0],
      [4, 0],
      [5, 1],
      [1, 1],
      [0, 2],
      [1, 0],
    ]);
  });

  it('saves a guest and restores it', async () => {
    const domain = await guest();
    await domain.start();
    await domain.managedSave();
    expect(await domain.state()).toEqual({ state: DomainState.SHUTOFF, reason: ShutoffReason.SAVED });
    expect(await domain.hasManagedSave()).toBe(true);
    await domain.start();
    expect(await domain.state()).toMatchObject({ state: DomainState.RUNNING });
    expect(await domain.jobStats()).toMatchObject({ type: 0 });
  });

  it('talks to a guest over its serial console', async () => {
    const domain = await guest('raw');
    await domain.start({ paused: true });
    const console = await domain.openConsole();
    await domain.resume();
    await expectText(console, 'ready');
    console.write('echo this');
    await expectText(console, 'echo this');

    await expect(domain.openConsole()).rejects.toMatchObject({ code: ErrorCode.OPERATION_FAILED });
    const ousted = new Promise((resolve) => console.once('close', resolve));
    console.on('error', () => {}).resume();
    const second = await domain.openConsole({ force: true });
    await ousted;
    second.write('second');
    await expectText(second, 'second');

    const ended = new Promise((resolve) => second.once('close', resolve));
    second.on('error', () => {}).resume();
    await domain.destroy();
    await ended;
  });

  it('leaves a console so that it can be opened again', async () => {
    const domain = await guest();
    await domain.start();
    const first = await domain.openConsole();
    const closed = new Promise((resolve) => first.once('close', resolve));
    first.resume().end();
    await closed;
    const second = await domain.openConsole();
    second.destroy();
  });

  it('takes a picture of the display', async () => {
    const domain = await guest();
    await domain.start();
    const { mime, data } = await domain.screenshot();
    expect(['image/png', 'image/x-portable-pixmap']).toContain(mime);
    expect(data.length).toBeGreaterThan(100);
    // One that is off has no display, and the refusal leaves nothing open.
    await domain.destroy();
    await expect(domain.screenshot()).rejects.toMatchObject({ code: ErrorCode.OPERATION_INVALID });
  });

  it('keeps memory and disk in snapshots of a running guest', async () => {
    const domain = await guest('qcow2');
    await domain.start();
    const first = await domain.createSnapshot('<domainsnapshot><name>first</name></domainsnapshot>');
    const second = await domain.createSnapshot(
      '<domainsnapshot><name>second</name><description>größer</description></domainsnapshot>',
    );
    expect((await domain.snapshots({ roots: true })).map(({ name }) => name)).toEqual(['first']);
    expect((await second.parent()).name).toBe('first');
    expect(await second.xml()).toContain('größer');
    await domain.destroy();
    await first.revert();
    expect(await domain.state()).toMatchObject({ state: DomainState.RUNNING });
    expect((await domain.currentSnapshot())?.name).toBe('first');
    await second.delete();
    await first.delete();
    expect(await domain.snapshots()).toEqual([]);
  });

  it('measures running guests in one sweep', async () => {
    const guests = await Promise.all([guest('raw'), guest(), guest()]);
    for (const each of guests) await each.start();
    const off = await guest();
    const sample = async () => {
      const { domains: all, suspects } = await libvirt.statistics.sweep({
        domains: [...guests, off],
        timeoutMs: 30_000,
      });
      expect(suspects).toEqual([]);
      expect(all).toHaveLength(4);
      return new Map(all.map((stats) => [stats.uuid, stats]));
    };
    const before = await sample();
    await setTimeout(100);
    const after = await sample();
    for (const { uuid } of guests) {
      const stats = after.get(uuid)!;
      expect(stats).toMatchObject({ state: DomainState.RUNNING, vcpuCurrent: 1 });
      expect(stats.vcpus[0]!.timeNs).toBeGreaterThan(0);
      expect(stats.balloon!.currentKiB).toBe(32_768);
      expect(cpuPercent(before.get(uuid)!, stats)).toBeGreaterThanOrEqual(0);
      expect(memoryUsage(stats)).toMatchObject({ source: 'host' });
    }
    expect(after.get(guests[0]!.uuid)!.blocks).toMatchObject([{ name: 'vda', capacityBytes: MIB }]);
    // Off: some daemons report their own CPU time for it.
    expect(after.get(off.uuid)!.cpu).toBeUndefined();
    expect(after.get(off.uuid)!.state).toBe(DomainState.SHUTOFF);
    const { domains: running } = await libvirt.statistics.sweep({ timeoutMs: 30_000 });
    expect(running.map(({ uuid }) => uuid)).toEqual(expect.arrayContaining(guests.map(({ uuid }) => uuid)));
  });

  it('asks the monitor, and hears its events', async () => {
    const domain = await guest();
    await domain.start();
    const seen: EventOf<'monitor', 'event'>[] = [];
    const subscription = await libvirt.subscribe('monitor', 'event', (event) => {
      if (event.dom.uuid === domain.uuid) seen.push(event);
    });
    expect(await domain.monitorCommand({ execute: 'query-name' })).toMatchObject({ return: { name: domain.name } });
    await domain.suspend();
    while (!seen.some(({ event }) => event === 'STOP')) await setTimeout(5);
    await subscription.close();
  });

  it('changes devices, memory and CPUs of a definition', async () => {
    const domain = await guest('raw');
    await domain.setMemory(65_536, { config: true, maximum: true });
    await domain.setMemory(65_536, { config: true });
    await domain.setVcpus(2, { config: true, maximum: true });
    await domain.setVcpus(2, { config: true });
    expect(await domain.vcpus({ config: true })).toBe(2);
    await domain.attachDevice(`<hostdev/>`, { config: true }).then(
      () => expect('a device without a type').toBe('refused'),
      (error: unknown) => expect(error).toMatchObject({ name: 'LibvirtError' }),
    );
    await domain.setMemoryStatsPeriod(5, { config: true });
    expect(await domain.xml({ inactive: true })).toContain("<stats period='5'/>");
    await domain.setAutostart(true);
    expect(await domain.autostart()).toBe(true);
    await domain.setAutostart(false);
    await domain.start();
    expect(await domain.blockInfo('vda')).toMatchObject({ capacityBytes: MIB });
    expect(await domain.blockJob('vda')).toBeNull();
    await domain.blockResize('vda', 2 * MIB);
    expect((await domain.blockInfo('vda')).capacityBytes).toBe(2 * MIB);
    await libvirt.call.domainSetBlockIoTune({
      dom: domain,
      disk: 'vda',
      params: [{ field: 'total_bytes_sec', type: 'ullong', value: 1_000_000n }],
      flags: 1,
    });
    const { nparams } = await libvirt.call.domainGetBlockIoTune({ dom: domain, disk: 'vda', nparams: 0 });
    const tune = await libvirt.call.domainGetBlockIoTune({ dom: domain, disk: 'vda', nparams, flags: 1 });
    expect(tune.params).toContainEqual({ field: 'total_bytes_sec', type: 'ullong', value: 1_000_000n });
  });

  it('says that a guest has no agent', async () => {
    const domain = await guest();
    await domain.start();
    await expect(domain.agentCommand({ execute: 'guest-ping' })).rejects.toMatchObject({
      code: ErrorCode.ARGUMENT_UNSUPPORTED,
    });
    await expect(domain.guestInfo()).rejects.toMatchObject({ name: 'LibvirtError' });
  });

  it('describes the host', async () => {
    expect(await libvirt.host.type()).toBe('QEMU');
    expect((await libvirt.host.memory()).totalKiB).toBeGreaterThan(100_000);
    expect(await libvirt.host.domainCapabilities({ type: 'qemu' })).toContain('<domainCapabilities>');
    expect((await libvirt.host.hypervisorVersion()).major).toBeGreaterThanOrEqual(4);
    const { cpumap, online } = await libvirt.call.nodeGetCpuMap({ needMap: 1, needOnline: 1 });
    expect(cpumap.length).toBeGreaterThan(0);
    expect(online).toBeGreaterThan(0);
  });

  describe('volumes', () => {
    it('come back as they were sent', async () => {
      const content = Buffer.alloc(5 * MIB + 12_345, 'node-libvirt');
      const volume = await pool.createVolume(volumeXml(uniqueName('vol'), 'raw', content.length));
      await volume.upload([content.subarray(0, 3 * MIB), content.subarray(3 * MIB)]);
      expect((await buffer(await volume.downloadStream())).equals(content)).toBe(true);
      const part = await buffer(await volume.downloadStream({ offset: 100, length: 1000 }));
      expect(part.equals(content.subarray(100, 1100))).toBe(true);
      const path = join(directory, 'download');
      await volume.download(createWriteStream(path));
      expect((await readFile(path)).equals(content)).toBe(true);
      expect((await libvirt.volumes.getByPath(await volume.path())).name).toBe(volume.name);
      await volume.delete();
    });

    it('take a sparse file with its holes, and give it back with them', async () => {
      const size = 64 * MIB;
      const source = join(directory, 'sparse');
      const content = Buffer.alloc(size);
      content.write('start');
      content.write('middle', 20 * MIB);
      await writeFile(source, content);
      const xml = volumeXml(uniqueName('sparse'), 'raw', size);
      const volume = await pool.createVolume(xml.replace('<capacity>', '<allocation>0</allocation><capacity>'));
      await volume.uploadFile(source, { sparse: true });
      const path = await volume.path();
      expect((await stat(path)).size).toBe(size);
      expect((await stat(path)).blocks * 512).toBeLessThan(4 * MIB);
      expect((await readFile(path)).equals(content)).toBe(true);
      const copy = join(directory, 'copy');
      await volume.downloadFile(copy);
      expect((await readFile(copy)).equals(content)).toBe(true);
      expect((await stat(copy)).blocks * 512).toBeLessThan(4 * MIB);
      await volume.delete();
    });

    it('are cut off by a sparse upload into old data, which is why that needs a new volume', async () => {
      const volume = await pool.createVolume(volumeXml(uniqueName('old'), 'raw', MIB));
      await volume.upload([Buffer.alloc(MIB, 'x')]);
      await volume.uploadSparse([{ hole: 65_536 }, { data: Buffer.from('new') }]);
      const path = await volume.path();
      const content = await readFile(path);
      expect(content.length).toBe(65_536 + 3);
      expect(content.subarray(0, 4).toString()).toBe('xxxx');
      await volume.delete();
    });

    it('refuse more than they were told to take', async () => {
      const volume = await pool.createVolume(volumeXml(uniqueName('small'), 'raw', MIB));
      const upload = volume.upload([Buffer.alloc(MIB)], { length: 1024 });
      await expect(upload).rejects.toMatchObject({ code: ErrorCode.SYSTEM_ERROR, procedure: 'storageVolUpload' });
      await volume.delete();
    });

    it('survive a transfer that is given up', async () => {
      const volume = await pool.createVolume(volumeXml(uniqueName('abort'), 'raw', 64 * MIB));
      const abort = new AbortController();
      const endless = (async function* () {
        for (;;) {
          yield Buffer.alloc(MIB);
          await setTimeout(1);
        }
      })();
      const upload = volume.upload(endless, { signal: abort.signal });
      await setTimeout(50);
      abort.abort();
      await expect(upload).rejects.toMatchObject({ name: 'AbortError' });
      const download = await volume.downloadStream();
      download.destroy();
      await volume.resize(80 * MIB);
      expect((await volume.info()).capacityBytes).toBe(80 * MIB);
      await volume.delete();
    });

    it('report what does not exist', async () => {
      const ghost = await pool.findVolume('ghost');
      expect(ghost).toBeNull();
      await expect(libvirt.volumes.getByPath(join(tmpdir(), 'ghost'))).rejects.toMatchObject({
        code: ErrorCode.NO_STORAGE_VOL,
      });
    });
  });
});
