import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CreateVm, type NativeId } from '@polyvirt/contracts';
import { expectProblem } from '@polyvirt/hypervisor/testing';
import type { Domain } from '@polyvirt/node-libvirt';
import { HostFiles } from '../storage/host-files.ts';
import { StoragePool } from '../storage/storage-pool.ts';
import { LiveHost } from '../testing/live-host.ts';
import { StateFiles } from './state-files.ts';

const timeoutMs = 60_000;
const NVRAM = '/var/lib/libvirt/qemu/nvram';
const OVMF = '/usr/share/OVMF/OVMF_CODE_4M.fd';

/** What a machine has beside its disks is the machine's, whatever it is called and whoever made it. */
describe('on libvirt, the state of a machine', () => {
  let host: LiveHost;
  let machines = 0;
  const left: string[] = [];

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(async () => {
    await host.close();
    for (const path of left) await rm(path, { recursive: true, force: true });
  }, timeoutMs);

  const name = () => `${host.prefix}vm-${(machines += 1)}`;
  const nvramOf = (domain: Domain) =>
    domain.xml({ inactive: true }).then((xml) => /<nvram[^>]*>([^<]+)/.exec(xml)?.[1]);
  const make = async (input: Partial<CreateVm> = {}): Promise<NativeId> => {
    const body = CreateVm.parse({ name: name(), memoryMiB: 64, firmware: 'uefi', ...input });
    return (await host.run((context) => host.driver.create(body, context))).nativeId;
  };
  /** As virt-install makes it: libvirt chooses the firmware, and names the file of its variables after the machine. */
  const foreign = (called: string, os = '') =>
    host.libvirt.domains.define(
      host
        .xml({ name: called, os })
        .replace('<os>', os === '' ? `<os firmware='efi'>` : '<os>')
        .replace(`machine='pc'`, `machine='q35'`),
    );
  const turnOnAndOff = async (domain: Domain) => {
    await domain.start();
    await domain.destroy();
  };
  const rename = (nativeId: NativeId, to: string) =>
    host.run((context) => host.driver.reconfigure.apply(nativeId, { name: to }, context));
  const remove = async (nativeId: NativeId) =>
    (await host.run((context) => host.driver.delete(nativeId, { disks: 'delete' }, context))).notes ?? [];
  const clone = async (from: NativeId, linked = false) => {
    const input = { name: name(), linked, start: false };
    return (await host.run((context) => host.driver.clone.clone(from, input, context))).nativeId;
  };
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );

  it(
    'is kept by a rename, copied by a clone, in the files of its definition, and gone with it',
    async () => {
      const nativeId = await make();
      const domain = host.libvirt.domains.reference(nativeId);
      const path = (await nvramOf(domain))!;
      expect(path).toContain(nativeId);
      await turnOnAndOff(domain);
      await writeFile(path, 'enrolled keys');
      await rename(nativeId, name());
      expect(await nvramOf(domain)).toBe(path);
      expect((await host.driver.export.definition(nativeId)).files).toContain(path);

      const copy = host.libvirt.domains.reference(await clone(nativeId));
      const copied = (await nvramOf(copy))!;
      expect(copied).toContain(copy.uuid);
      expect(await readFile(copied, 'utf8')).toBe('enrolled keys');
      const [{ uid, mode }, own] = [await stat(path), await stat(copied)];
      expect([own.uid, own.mode]).toEqual([uid, mode]);

      await remove(nativeId);
      expect([await isThere(path), await isThere(copied)]).toEqual([false, true]);
      await remove(copy.uuid);
      expect(await isThere(copied)).toBe(false);
    },
    timeoutMs,
  );

  it.each([
    ['that libvirt chooses by the name at each start', ''],
    ['that libvirt wrote into the definition', `<loader readonly='yes' type='pflash'>${OVMF}</loader>`],
  ])(
    'goes along when a machine of another tool is renamed, and the next of its name begins with nothing: a file %s',
    async (_, os) => {
      const called = name();
      const first = await foreign(called, os);
      await turnOnAndOff(first);
      const byName = join(NVRAM, `${called}_VARS.fd`);
      await writeFile(byName, 'of the first tenant');
      await rename(first.uuid, name());
      const path = (await nvramOf(first))!;
      expect(path).toContain(first.uuid);
      expect(await readFile(path, 'utf8')).toBe('of the first tenant');
      expect(await isThere(byName)).toBe(false);

      const second = await foreign(called, os);
      await turnOnAndOff(second);
      expect(await readFile(byName, 'utf8')).not.toContain('tenant');
      expect((await host.driver.export.definition(second.uuid)).files).toContain(byName);
      await remove(second.uuid);
      await remove(first.uuid);
      expect([await isThere(byName), await isThere(path)]).toEqual([false, false]);
    },
    timeoutMs,
  );

  it(
    'stays where somebody put it, also when two machines are given one file',
    async () => {
      const path = join(host.pool.path, 'chosen.fd');
      const os = `<loader readonly='yes' type='pflash'>${OVMF}</loader><nvram>${path}</nvram>`;
      const [one, other] = [await foreign(name(), os), await foreign(name(), os)];
      await turnOnAndOff(one);
      await rename(one.uuid, name());
      expect(await nvramOf(one)).toBe(path);
      expect(await remove(one.uuid)).toEqual([expect.stringContaining(`${path}): it is in use by "${host.prefix}`)]);
      expect(await isThere(path)).toBe(true);
      expect(await remove(other.uuid)).toEqual([]);
      expect(await isThere(path)).toBe(false);
    },
    timeoutMs,
  );

  it(
    'of a TPM is copied for a clone whole, and is in the files of a definition',
    async () => {
      // Without swtpm libvirt defines no such machine: here what we do with the files is tried alone.
      const files = new HostFiles({ local: true });
      const stateFiles = new StateFiles(host.libvirt, new StoragePool(host.libvirt, host.pool, files));
      const [uuid, copy] = [randomUUID(), randomUUID()];
      const xml = host
        .xml({ devices: `<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>` })
        .replace(/<uuid>.*?<\/uuid>/, `<uuid>${uuid}</uuid>`);
      const stateOf = (id: string) => `/var/lib/libvirt/swtpm/${id}/tpm2/tpm2-00.permall`;
      left.push(...[uuid, copy].map((id) => dirname(dirname(stateOf(id)))));
      expect(await stateFiles.of(xml)).toEqual([]);
      expect(await stateFiles.copy(xml, copy)).toEqual({ nvram: null, notes: [] });
      await mkdir(dirname(stateOf(uuid)), { recursive: true });
      await writeFile(stateOf(uuid), 'sealed', { mode: 0o600 });
      expect(await stateFiles.of(xml)).toEqual([stateOf(uuid)]);
      // A second time as well: the first may have been cut.
      for (let time = 0; time < 2; time += 1) await stateFiles.copy(xml, copy);
      expect(await readFile(stateOf(copy), 'utf8')).toBe('sealed');
      expect((await stat(stateOf(copy))).mode & 0o777).toBe(0o600);
      await stateFiles.removeCopies(copy);
      expect([await isThere(stateOf(uuid)), await isThere(stateOf(copy))]).toEqual([true, false]);

      const kept = await stateFiles.keep(xml, uuid, 'then');
      left.push(...kept.map(({ path }) => path));
      expect(await stateFiles.keptFor(uuid)).toEqual(kept.map(({ path }) => path));
      await writeFile(stateOf(uuid), 'sealed later');
      await writeFile(join(dirname(stateOf(uuid)), 'new'), '');
      for (let time = 0; time < 2; time += 1) await stateFiles.bringBack(xml, kept);
      expect(await readdir(dirname(stateOf(uuid)))).toEqual([basename(stateOf(uuid))]);
      expect(await readFile(stateOf(uuid), 'utf8')).toBe('sealed');
      expect((await stat(stateOf(uuid))).mode & 0o777).toBe(0o600);
      // Of a moment at which it had none it has none again.
      await stateFiles.bringBack(xml, []);
      expect(await isThere(stateOf(uuid))).toBe(false);
      await expectProblem('host-rejected', stateFiles.bringBack(xml, [{ kind: 'tpm', path: '/nowhere' }]));
    },
    timeoutMs,
  );

  it(
    'of a TPM that swtpm plays is kept by a rename, copied by a clone, in the files of a definition, and gone with it',
    async () => {
      const [devices, state] = [
        `<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>`,
        'tpm2-00.permall',
      ];
      const called = name();
      const { libvirt } = host;
      const define = () => libvirt.domains.define(host.xml({ name: called, devices }));
      if (!(await libvirt.host.domainCapabilities({ type: 'qemu' })).includes('<value>emulator</value>')) {
        // No swtpm on this machine, so that no VM of it has a TPM: apt-get install swtpm swtpm-tools.
        await expect(define()).rejects.toThrow(/TPM/i);
        return;
      }
      const domain = await define();
      const folderOf = (id: string) => `/var/lib/libvirt/swtpm/${id}`;
      const stateOf = (id: string) => join(folderOf(id), 'tpm2', state);
      const markOf = (id: string) => join(folderOf(id), 'tpm2', 'mark');
      left.push(folderOf(domain.uuid));
      await turnOnAndOff(domain);
      const sealed = await readFile(stateOf(domain.uuid));
      // Whoever begins anew with a TPM begins with an empty folder.
      await writeFile(markOf(domain.uuid), 'first');
      const files = async (nativeId: NativeId) => (await host.driver.export.definition(nativeId)).files;
      expect(await files(domain.uuid)).toContain(stateOf(domain.uuid));

      await rename(domain.uuid, name());
      expect(await readFile(stateOf(domain.uuid))).toEqual(sealed);
      const second = host.libvirt.domains.reference(await clone(domain.uuid));
      left.push(folderOf(second.uuid));
      expect(await readFile(stateOf(second.uuid))).toEqual(sealed);
      // Both run at once, each with its own, and neither begins anew.
      for (const machine of [domain, second]) await machine.start();
      for (const machine of [domain, second]) expect(await readFile(markOf(machine.uuid), 'utf8')).toBe('first');
      const one = async (path: string) => (await stat(path)).ino;
      expect(await one(stateOf(domain.uuid))).not.toBe(await one(stateOf(second.uuid)));

      await domain.destroy();
      await remove(domain.uuid);
      expect([await isThere(folderOf(domain.uuid)), await isThere(stateOf(second.uuid))]).toEqual([false, true]);
      await second.managedSave();
      const ofSecond = await files(second.uuid);
      expect(ofSecond).toEqual([stateOf(second.uuid), expect.stringMatching(/\.save$/)]);
      await remove(second.uuid);
      for (const path of [...ofSecond, folderOf(second.uuid)]) expect(await isThere(path)).toBe(false);
    },
    3 * timeoutMs,
  );

  it(
    'that is saved memory is in the files of its definition, and gone with it',
    async () => {
      const domain = await host.define({ name: 'saved' });
      await domain.start();
      await domain.managedSave();
      const path = `/var/lib/libvirt/qemu/save/${host.prefix}saved.save`;
      expect((await host.driver.export.definition(domain.uuid)).files).toEqual([path]);
      for (const change of [
        host.run((context) => host.driver.reconfigure.apply(domain.uuid, { name: name() }, context)),
        host.run((context) => host.driver.snapshots.create(domain.uuid, { name: 's' }, context)),
        clone(domain.uuid),
      ])
        await expectProblem('wrong-state', change);
      await remove(domain.uuid);
      expect(await isThere(path)).toBe(false);
    },
    timeoutMs,
  );
});
