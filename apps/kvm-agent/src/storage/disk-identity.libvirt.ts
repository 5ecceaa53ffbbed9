import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, rename, rm, symlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { NativeId } from '@polyvirt/contracts';
import { expectProblem } from '@polyvirt/hypervisor/testing';
import { LiveHost, type Foreign } from '../testing/live-host.ts';

const run = promisify(execFile);
const timeoutMs = 60_000;

/** Machines of other tools that name one file in different ways. What the file is decides, and not how it is spelt. */
describe('a disk on libvirt', () => {
  let host: LiveHost;
  let machines = 0;

  beforeAll(async () => {
    host = await LiveHost.open();
    await symlink(host.pool.path, `${host.pool.path}-link`);
  }, timeoutMs);
  afterAll(async () => {
    await rm(`${host.pool.path}-link`, { force: true });
    await host.close();
  }, timeoutMs);

  const disk = (type: string, source: string, device = 'vda', format = 'qcow2') =>
    `<disk type='${type}' device='disk'><driver name='qemu' type='${format}'/><source ${source}/><target dev='${device}' bus='virtio'/></disk>`;
  const byFile = (path: string, device?: string, format?: string) => disk('file', `file='${path}'`, device, format);
  const byVolume = (name: string, device?: string) =>
    disk('volume', `pool='${host.pool.name}' volume='${name}'`, device);
  const machine = async (devices: string): Promise<NativeId> =>
    (await host.define({ name: `vm-${(machines += 1)}`, devices })).uuid;
  const at = (name: string) => `${host.pool.path}/${name}`;
  /** As qemu-img, cp or a restore would: libvirt does not know of it. */
  const late = async (name: string, ...options: string[]) => {
    await run('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      ...options,
      at(name),
      ...(options.includes('-b') ? [] : ['32M']),
    ]);
    return at(name);
  };
  const remove = async (nativeId: NativeId, disks: 'delete' | 'keep' = 'delete') =>
    (await host.run((context) => host.driver.delete(nativeId, { disks }, context))).notes ?? [];
  const clone = async (nativeId: NativeId, linked: boolean) => {
    const input = { name: `${host.prefix}vm-${(machines += 1)}`, linked, start: false };
    return host.run((context) => host.driver.clone.clone(nativeId, input, context));
  };
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );

  it(
    'that is a volume of a pool has its size and path, and is grown, cloned, linked and deleted',
    async () => {
      const path = await host.disk('volume.qcow2');
      const nativeId = await machine(byVolume('volume.qcow2'));
      const disks = async () => (await host.driver.get(nativeId)).disks;
      expect(await disks()).toEqual([{ device: 'vda', sizeGiB: 0.03125, path }]);
      await host.run((context) =>
        host.driver.reconfigure.apply(nativeId, { disks: [{ device: 'vda', sizeGiB: 1 }] }, context),
      );
      expect(await disks()).toEqual([{ device: 'vda', sizeGiB: 1, path }]);
      const full = await clone(nativeId, false);
      const linked = await clone(nativeId, true);
      expect((await host.driver.get(full.nativeId)).disks[0]!.sizeGiB).toBe(1);
      expect(await remove(nativeId)).toEqual([expect.stringContaining(path)]);
      expect(await isThere(path)).toBe(true);
      expect([...(await remove(full.nativeId)), ...(await remove(linked.nativeId))]).toEqual([]);
      expect(await isThere(path)).toBe(false);
    },
    timeoutMs,
  );

  it(
    'is kept for a machine that names it, or what stands on it, in another way',
    async () => {
      await late('base.qcow2');
      await late('over.qcow2', '-b', at('base.qcow2'), '-F', 'qcow2');
      await late('direct.qcow2');
      await late('by-link.qcow2');
      await late('by-folder.qcow2');
      await symlink(at('by-link.qcow2'), at('link.qcow2'));
      const names = ['base.qcow2', 'direct.qcow2', 'by-link.qcow2', 'by-folder.qcow2'];
      const template = await machine(
        names.map((name, index) => byFile(at(name), `vd${'abcd'.charAt(index)}`)).join(''),
      );
      await machine(
        [
          byVolume('over.qcow2', 'vda'),
          byVolume('direct.qcow2', 'vdb'),
          byFile(at('link.qcow2'), 'vdc'),
          byFile(`${host.pool.path}-link/by-folder.qcow2`, 'vdd'),
        ].join(''),
      );
      const notes = (await remove(template)).join('\n');
      for (const name of names) {
        expect(notes).toContain(`${at(name)}): it is in use by "${host.prefix}vm-`);
        expect(await isThere(at(name))).toBe(true);
      }
    },
    timeoutMs,
  );

  it(
    'is kept for a machine that hands it to QEMU by other elements than disks, or in formats that libvirt cannot read',
    async () => {
      const kept = new Map<string, string>();
      const doomed = async (name: string, user: (path: string) => Promise<Foreign>) => {
        const path = await late(name);
        kept.set(path, (await host.define({ name: `user-of-${name}`, ...(await user(path)) })).name);
      };
      const args = (...values: string[]): Foreign => ({
        tail: `<qemu:commandline>${values.map((value) => `<qemu:arg value='${value.replaceAll('"', '&quot;')}'/>`).join('')}</qemu:commandline>`,
      });
      const over = async (name: string, backing: string, ...options: string[]): Promise<Foreign> => {
        await run('qemu-img', ['create', '-q', '-u', ...options, '-b', backing, at(name), '32M']);
        return { devices: byFile(at(name)) };
      };
      const node = (path: string) => ({ driver: 'qcow2', file: { driver: 'file', filename: path } });
      await doomed('drive.qcow2', async (path) => args('-drive', `if=none,file=${path}`));
      await doomed('blockdev.qcow2', async (path) =>
        args('-blockdev', JSON.stringify({ ...node(path), 'node-name': 'n' })),
      );
      await doomed('config.qcow2', async (path) => ({
        tail: `<sysinfo type='fwcfg'><entry name='opt/polyvirt/config' file='${path}'/></sysinfo>`,
      }));
      await doomed('variables.qcow2', async (path) => ({
        os: `<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram template='${path}'/>`,
      }));
      await doomed('nodes.qcow2', (path) =>
        over(
          'over-nodes.qcow2',
          `json:${JSON.stringify({ driver: 'quorum', 'vote-threshold': 1, children: [node(at('none')), node(path)] })}`,
          ...['-f', 'qcow2', '-F', 'raw'],
        ),
      );
      await doomed('qed.qcow2', async (path) => {
        await over('over.qed', path, '-f', 'qed', '-F', 'qcow2');
        return over('over-qed.qcow2', at('over.qed'), '-f', 'qcow2', '-F', 'qed');
      });
      await doomed('pool.qcow2', async () => ({
        devices: disk('volume', `pool='${host.prefix}none' volume='pool.qcow2'`),
      }));
      const paths = [...kept.keys()];
      const notes = await remove(
        await machine(paths.map((path, index) => byFile(path, `vd${'abcdefgh'.charAt(index)}`)).join('')),
      );
      expect(notes).toEqual(
        paths.map((path) => expect.stringMatching(new RegExp(`${path}\\): .*"${kept.get(path)}"`))),
      );
      for (const path of paths) expect(await isThere(path)).toBe(true);
    },
    timeoutMs,
  );

  it(
    'is kept for the saved memory and the snapshots of a machine that has other disks since',
    async () => {
      const [saved, snapshotted] = [await late('saved.qcow2'), await late('snapshotted.qcow2')];
      const one = await host.define({ name: 'of-before', devices: byFile(snapshotted) });
      await one.createSnapshot('<domainsnapshot><name>s</name></domainsnapshot>');
      await one.detachDevice(byFile(snapshotted), { config: true });
      const other = await host.define({ name: 'saved', devices: byFile(saved) });
      await other.start();
      await other.detachDevice(byFile(saved), { config: true });
      await other.managedSave();
      const notes = (await remove(await machine(byFile(saved) + byFile(snapshotted, 'vdb')))).join('\n');
      expect(notes).toContain(`${saved}): it is in use by "${host.prefix}saved"`);
      expect(notes).toContain(`${snapshotted}): it is in use by "${host.prefix}of-before"`);
      expect([await isThere(saved), await isThere(snapshotted)]).toEqual([true, true]);
    },
    timeoutMs,
  );

  it(
    'that was made after libvirt last looked is cloned, grown and deleted',
    async () => {
      const path = await late('late.qcow2');
      const nativeId = await machine(byFile(`${host.pool.path}-link/late.qcow2`));
      const { nativeId: copy } = await clone(nativeId, false);
      await host.run((context) =>
        host.driver.reconfigure.apply(nativeId, { disks: [{ device: 'vda', sizeGiB: 1 }] }, context),
      );
      expect(await remove(copy)).toEqual([]);
      expect(await remove(nativeId)).toEqual([]);
      expect(await isThere(path)).toBe(false);
    },
    timeoutMs,
  );

  it(
    'goes with the overlays that stand on it when they are all of one machine, and is kept when it was there before',
    async () => {
      const golden = await late('golden.qcow2');
      const nativeId = await machine(byFile(await late('over-golden.qcow2', '-b', golden, '-F', 'qcow2')));
      expect(await remove(nativeId)).toEqual([expect.stringContaining(`${golden}): it was there before`)]);
      expect([await isThere(at('over-golden.qcow2')), await isThere(golden)]).toEqual([false, true]);

      const path = await late('chained.qcow2');
      const chained = await host.define({ name: 'chained', devices: byFile(path) });
      const external = (name: string) =>
        chained.createSnapshot(
          `<domainsnapshot><name>${name}</name><disks><disk name='vda' snapshot='external'><source file='${at(`chained.${name}`)}'/></disk></disks></domainsnapshot>`,
          { diskOnly: true },
        );
      await external('one');
      await external('two');
      const { snapshots } = await host.driver.get(chained.uuid);
      expect(snapshots.map(({ name, current, parent }) => [name, current, parent])).toEqual([
        ['one', false, null],
        ['two', true, 'one'],
      ]);
      const revert = host.run((context) => host.driver.snapshots.revert(chained.uuid, 'one', context));
      await expectProblem('host-rejected', revert);
      expect(await remove(chained.uuid)).toEqual([]);
      for (const file of ['chained.qcow2', 'chained.one', 'chained.two']) expect(await isThere(at(file))).toBe(false);
    },
    timeoutMs,
  );

  it(
    'that was to be kept stays when a machine of another tool goes that stands on it',
    async () => {
      const name = `${randomUUID()}-vda.qcow2`;
      const kept = await machine(byFile(await host.disk(name)));
      const above = await machine(byFile(await late('on-kept.qcow2', '-F', 'qcow2', '-b', at(name))));
      expect(await remove(kept, 'keep')).toEqual([expect.stringContaining(at(name))]);
      expect(await remove(above)).toEqual([expect.stringMatching(`the base of vda \\(${at(name)}\\)`)]);
      expect([await isThere(at(name)), await isThere(at('on-kept.qcow2'))]).toEqual([true, false]);
    },
    timeoutMs,
  );

  it(
    'that is nowhere on this host, or in no pool, is told by its path and stops nothing else',
    async () => {
      const outside = `${host.pool.path}-outside.qcow2`;
      await rename(await late('outside.qcow2'), outside);
      const nativeId = await machine(
        [
          `<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='rbd' name='pool1/img1'><host name='127.0.0.1' port='6789'/></source><target dev='vda' bus='virtio'/></disk>`,
          disk('block', `dev='/dev/polyvirt-none'`, 'vdb', 'raw'),
          disk('dir', `dir='${host.pool.path}'`, 'vdc', 'fat').replace('</disk>', '<readonly/></disk>'),
          byFile(at('gone.qcow2'), 'vdd'),
          byFile(outside, 'vde'),
        ].join(''),
      );
      await expectProblem('host-rejected', clone(nativeId, false));
      const notes = await remove(nativeId);
      expect(notes).toEqual([
        expect.stringContaining('rbd:pool1/img1'),
        expect.stringContaining(`folder ${host.pool.path}`),
        expect.stringContaining(`${outside}): it is in no storage pool`),
      ]);
      expect(await isThere(outside)).toBe(true);
      await rm(outside);
    },
    timeoutMs,
  );

  it(
    'that two machines write to is no base of a linked clone',
    async () => {
      const path = await late('shared.qcow2');
      const nativeId = await machine(byFile(path));
      await machine(byVolume('shared.qcow2'));
      const { message } = await expectProblem('host-rejected', clone(nativeId, true));
      expect(message).toContain(`${host.prefix}vm-`);
      await clone(nativeId, false);
    },
    timeoutMs,
  );

  it(
    'that is raw is copied as what it is, or not at all',
    async () => {
      await host.disk('honest.raw', 'raw');
      await host.disk('secret.qcow2');
      const nativeId = await machine(byFile(at('honest.raw'), 'vda', 'raw'));
      for (const linked of [false, true]) await clone(nativeId, linked);
      await late('forged.raw', '-b', at('secret.qcow2'), '-F', 'qcow2');
      const forged = await machine(byFile(at('forged.raw'), 'vda', 'raw'));
      const { message } = await expectProblem('host-rejected', clone(forged, false));
      expect(message).toContain('raw by the definition');
      expect(await remove(forged)).toEqual([]);
      expect(await isThere(at('secret.qcow2'))).toBe(true);
    },
    timeoutMs,
  );

  it(
    'is told with its path when it is kept as asked',
    async () => {
      const path = await host.disk('kept.qcow2');
      expect(await remove(await machine(byVolume('kept.qcow2')), 'keep')).toEqual([expect.stringContaining(path)]);
      expect(await isThere(path)).toBe(true);
    },
    timeoutMs,
  );
});
