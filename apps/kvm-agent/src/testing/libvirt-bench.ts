import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NativeId } from '@polyvirt/contracts';
import { buildIso } from '@polyvirt/hypervisor';
import type { Bench } from '@polyvirt/hypervisor/testing';
import { Libvirt, type Pool, type Volume } from '@polyvirt/node-libvirt';
import { ensureLibvirt, ensureTinyLinux, imageCache, makeIsolatedNetwork, POOL, removeNetwork } from '@polyvirt/tools';
import { LibvirtDriver } from '../libvirt.driver.ts';
import { buildXml } from '../xml.ts';
import { HostLook } from './host-look.ts';
import { watchPower } from './power-watch.ts';

const LOOK_EVERY_MS = 200;
const run = promisify(execFile);

/** A host for the conformance suite: this machine's libvirt, with a storage pool and images of the suite's own. */
export async function openLibvirtBench(): Promise<Bench> {
  await ensureLibvirt({ log: () => undefined });
  const prefix = `pvbench-${randomBytes(4).toString('hex')}-`;
  const images = await mkdtemp(join(tmpdir(), 'polyvirt-images-'));
  const pool = { name: `${prefix}pool`, path: `/var/lib/libvirt/images/${prefix}pool` };
  await ensureTinyLinux({
    cacheDir: imageCache,
    target: join(images, 'tiny-linux.qcow2'),
    log: () => undefined,
  });
  await writeFile(join(images, 'tools.iso'), buildIso('TOOLS', [{ name: 'readme', content: Buffer.from('tools\n') }]));
  const network = await makeIsolatedNetwork(`${prefix}net`);
  const libvirt = await Libvirt.connect({ uri: 'qemu:///system' });
  const templateName = `pvtemplate-${prefix.slice('pvbench-'.length, -1)}`;

  const open = async () =>
    new LibvirtDriver({ uri: 'qemu:///system', acceleration: 'auto', pool, imageFolder: images });
  const look = new HostLook(libvirt, { prefix, pool: pool.path });
  const findPool = async (): Promise<Pool | null> => libvirt.pools.find(pool.name);

  let clones = 0;
  const templateDisk = await makeTemplate(libvirt, templateName);
  return {
    open,
    prefix,
    image: 'tiny-linux',
    iso: 'tools',
    network: network.name,
    fixedAddresses: network.fixedAddresses,
    template: templateName,
    memoryMiB: 160,
    guestReady: async (nativeId) => {
      const domain = libvirt.domains.reference(nativeId);
      for (;;) {
        const answered = await domain.agentCommand({ execute: 'guest-ping' }).then(
          () => true,
          () => false,
        );
        if (answered) return;
        await delay(LOOK_EVERY_MS);
      }
    },
    watchPower: (nativeId) => watchPower(libvirt, nativeId),
    otherTool: {
      make: async (name) => (await libvirt.domains.define(foreignDomain(name))).uuid,
      clone: async (nativeId, name) => {
        const path = topDiskIn(await libvirt.domains.reference(nativeId).xml({ inactive: true }));
        if (path === undefined) return undefined;
        clones += 1;
        const file = `${prefix}by-hand-${clones}.qcow2`;
        // In turn as virt-clone, and as Terraform makes them.
        const own = await libvirt.pools.getByName(pool.name);
        if (clones % 2 === 0) {
          await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', path, join(pool.path, file)]);
          return (await libvirt.domains.define(foreignDomain(name, { '@file': join(pool.path, file) }))).uuid;
        }
        await own.createVolume(overlayXml(file, path));
        return (await libvirt.domains.define(foreignDomain(name, { '@pool': pool.name, '@volume': file }))).uuid;
      },
      rename: (nativeId, name) => libvirt.domains.reference(nativeId).rename(name),
      powerOff: (nativeId) => libvirt.domains.reference(nativeId).destroy(),
      remove: (nativeId) =>
        libvirt.domains.reference(nativeId).undefine({ nvram: true, snapshotsMetadata: true, managedSave: true }),
      see: () => look.see(),
      makeUnreadable: async (name) => {
        const { uuid } = await libvirt.domains.define(foreignDomain(name));
        return { nativeId: uuid, mend: await hide(libvirt, uuid) };
      },
      hide: (nativeId) => hide(libvirt, nativeId),
      refuseStart: async (nativeId) => {
        const [disk] = (await look.files()).filter(({ users }) => users.includes(nativeId));
        if (!disk) throw new Error('a machine without files starts always');
        await rename(disk.path, `${disk.path}.away`);
        return () => rename(`${disk.path}.away`, disk.path);
      },
      suspend: (nativeId) => libvirt.domains.reference(nativeId).managedSave(),
      crash: async (nativeId) => {
        const domain = await libvirt.domains.get(nativeId);
        process.kill(Number(await readFile(`/run/libvirt/qemu/${domain.name}.pid`, 'utf8')), 'SIGKILL');
        while (await domain.isActive()) await delay(LOOK_EVERY_MS);
      },
    },
    files: () => look.files(),
    leftovers: async () => {
      const names = (await look.ours()).map(({ name }) => name);
      return [...names, ...(await look.paths()).map((path) => basename(path))].sort();
    },
    clean: async () => {
      for (const domain of [...(await look.ours()), await libvirt.domains.getByName(templateName)]) {
        if (await domain.isActive()) await domain.destroy();
        await domain.undefine({ nvram: true, snapshotsMetadata: true, managedSave: true, checkpointsMetadata: true });
      }
      const own = await findPool();
      for (const volume of [templateDisk, ...((await own?.volumes()) ?? [])]) await volume.delete();
      for (const path of await look.paths()) await rm(path, { recursive: true, force: true });
    },
    close: async () => {
      const own = await findPool();
      if (own) {
        if (await own.isActive()) await own.destroy();
        await own.undefine();
      }
      await libvirt.close();
      await removeNetwork(network.name);
      await rm(pool.path, { recursive: true, force: true });
      await rm(images, { recursive: true, force: true });
    },
  };
}

/**
 * libvirt takes the definition and cannot give it: a quote is one byte in it and six on the way out, where a text has at most
 * 4 MiB.
 */
async function hide(libvirt: Libvirt, nativeId: NativeId): Promise<() => Promise<void>> {
  const xml = await (await libvirt.domains.get(nativeId)).xml({ inactive: true, secure: true });
  const description = '"'.repeat(700_000);
  await libvirt.domains.define(xml.replace('</uuid>', `</uuid><description>${description}</description>`));
  return async () => void (await libvirt.domains.define(xml));
}

/** As virt-install or virsh would make it: nothing of ours in it. */
const foreignDomain = (name: string, disk?: Readonly<Record<string, string>>): string =>
  buildXml({
    domain: {
      '@type': 'qemu',
      name,
      memory: { '@unit': 'MiB', '#text': '32' },
      vcpu: '1',
      os: { type: { '@arch': 'x86_64', '#text': 'hvm' } },
      devices: {
        memballoon: { '@model': 'virtio' },
        ...(disk === undefined
          ? {}
          : {
              disk: {
                '@type': '@file' in disk ? 'file' : 'volume',
                driver: { '@name': 'qemu', '@type': 'qcow2' },
                source: disk,
                target: { '@dev': 'vda', '@bus': 'virtio' },
              },
            }),
      },
    },
  });

const overlayXml = (name: string, path: string): string =>
  buildXml({
    volume: {
      name,
      capacity: { '@unit': 'MiB', '#text': '64' },
      target: { format: { '@type': 'qcow2' } },
      backingStore: { path, format: { '@type': 'qcow2' } },
    },
  });

/** The file of the first disk, where the definition names one. */
const topDiskIn = (xml: string): string | undefined =>
  /<disk type='file' device='disk'>(?:(?!<\/disk>)[^])*?<source file='([^']+)'/.exec(xml)?.[1];

/** A machine of another tool, with a disk in another pool than the driver's. */
async function makeTemplate(libvirt: Libvirt, name: string): Promise<Volume> {
  const pool = await libvirt.pools.getByName(POOL.name);
  const disk = await pool.createVolume(
    buildXml({
      volume: {
        name: `${name}.qcow2`,
        capacity: { '@unit': 'MiB', '#text': '64' },
        target: { format: { '@type': 'qcow2' } },
      },
    }),
  );
  await libvirt.domains.define(foreignDomain(name, { '@file': await disk.path() }));
  return disk;
}
