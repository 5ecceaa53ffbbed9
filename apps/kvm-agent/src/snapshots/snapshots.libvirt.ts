import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { NativeId } from '@polyvirt/contracts';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import type { Domain } from '@polyvirt/node-libvirt';
import { LiveHost } from '../testing/live-host.ts';

const run = promisify(execFile);
const timeoutMs = 60_000;

/** Machines that other tools have taken snapshots of, in ways that we do not. */
describe('on libvirt, a machine', () => {
  let host: LiveHost;

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  const diskXml = (path: string, device = 'vda', format = 'qcow2') =>
    `<disk type='file' device='disk'><driver name='qemu' type='${format}'/><source file='${path}'/><target dev='${device}' bus='virtio'/></disk>`;
  const machine = async (name: string): Promise<Domain> =>
    host.define({ name, devices: diskXml(await host.disk(`${name}.qcow2`)) });
  /** libvirt makes qcow2 files of the kind of 2008 unless it is asked for another. */
  const newDisk = async (name: string) => {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', `${host.pool.path}/${name}`, '32M']);
    return `${host.pool.path}/${name}`;
  };
  const external = (domain: Domain, name: string, file: string) =>
    domain.createSnapshot(
      `<domainsnapshot><name>${name}</name><disks><disk name='vda' snapshot='external'><source file='${host.pool.path}/${file}'/></disk></disks></domainsnapshot>`,
      { diskOnly: true },
    );
  const take = (nativeId: NativeId, name: string, memory?: boolean) =>
    host.run((context) =>
      host.driver.snapshots.create(nativeId, { name, ...(memory === undefined ? {} : { memory }) }, context),
    );
  const revert = (nativeId: NativeId, snapshot: string) =>
    host.run((context) => host.driver.snapshots.revert(nativeId, snapshot, context));
  const drop = (nativeId: NativeId, snapshot: string) =>
    host.run((context) => host.driver.snapshots.delete(nativeId, { snapshot, children: false }, context));
  const refusedAlike = async (nativeId: NativeId, snapshot: string) => {
    const request = { nativeId, vm: await host.driver.get(nativeId), input: { snapshot, children: false } };
    const { signal } = new AbortController();
    const plan = await expectProblem('host-rejected', host.driver.plans['vm.snapshot-delete']!(request, signal));
    const act = await expectProblem('host-rejected', drop(nativeId, snapshot));
    return { plan: plan.message, message: act.message };
  };
  const remove = async (nativeId: NativeId) =>
    (await host.run((context) => host.driver.delete(nativeId, { disks: 'delete' }, context))).notes ?? [];
  const clone = (from: NativeId, as: string) => {
    const input = { name: `${host.prefix}${as}`, linked: false, start: false };
    return host.run((context) => host.driver.clone.clone(from, input, context));
  };
  const isThere = (name: string) =>
    access(`${host.pool.path}/${name}`).then(
      () => true,
      () => false,
    );

  it(
    'with external snapshots loses the last one and no file that another needs',
    async () => {
      const domain = await machine('external');
      await external(domain, 'one', 'external.1');
      await external(domain, 'two', 'external.2');
      await drop(domain.uuid, 'two');
      expect((await host.driver.get(domain.uuid)).snapshots).toMatchObject([{ name: 'one', current: true }]);
      const needed = (await domain.xml({ inactive: true })).match(/<source file='([^']+)'/)![1]!;
      expect(await isThere(needed.slice(host.pool.path.length + 1))).toBe(true);
      expect(await isThere('external.qcow2')).toBe(true);
      await domain.start();
      await domain.destroy();
      expect(await remove(domain.uuid)).toEqual([]);
      for (const file of ['external.qcow2', 'external.1', 'external.2']) expect(await isThere(file)).toBe(false);
    },
    timeoutMs,
  );

  it(
    'with an external snapshot over an internal one loses no file by a revert, and none is left when it goes',
    async () => {
      const domain = await machine('mixed');
      await take(domain.uuid, 'internal');
      await external(domain, 'external', 'mixed.1');
      await revert(domain.uuid, 'internal');
      expect([await isThere('mixed.qcow2'), await isThere('mixed.1')]).toEqual([true, true]);
      const path = (await host.driver.get(domain.uuid)).disks[0]!.path!;
      const { plan, message } = await refusedAlike(domain.uuid, 'external');
      expect(message).toBe(plan);
      expect(message).toMatch(/"external" is in .*mixed\.1, .*virsh snapshot-delete --metadata/);
      expect(await isThere('mixed.qcow2')).toBe(true);
      expect((await host.driver.get(domain.uuid)).disks[0]!.path).toBe(path);
      await domain.start();
      await domain.destroy();
      const told = (await remove(domain.uuid)).join('\n');
      for (const file of ['mixed.qcow2', 'mixed.1'])
        if (await isThere(file)) expect(told).toContain(`${host.pool.path}/${file}`);
      expect(await isThere('mixed.qcow2')).toBe(false);
    },
    timeoutMs,
  );

  it(
    'whose disk another one stands on is not reverted under that, in plan and act',
    async () => {
      const domain = await machine('below');
      await take(domain.uuid, 'then');
      const overlay = `${host.pool.path}/above.qcow2`;
      await run('qemu-img', [
        ...['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', `${host.pool.path}/below.qcow2`],
        overlay,
      ]);
      const above = await host.define({ name: 'above', devices: diskXml(overlay) });
      const request = { nativeId: domain.uuid, vm: await host.driver.get(domain.uuid), input: { snapshot: 'then' } };
      const { signal } = new AbortController();
      for (const asked of [host.driver.plans['vm.snapshot-revert']!(request, signal), revert(domain.uuid, 'then')]) {
        const { message } = await expectProblem('wrong-state', asked);
        expect(message).toMatch(new RegExp(`"${host.prefix}above" stands on its disks`));
      }
      await remove(above.uuid);
      expect(await revert(domain.uuid, 'then')).toEqual({ effect: 'changed' });
      expect(await remove(domain.uuid)).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'whose revert libvirt refuses keeps the memory that it was suspended with',
    async () => {
      const domain = await machine('suspended');
      await external(domain, 'one', 'suspended.1');
      await domain.start();
      await domain.managedSave();
      await expectProblem('host-rejected', revert(domain.uuid, 'one'));
      expect(await host.stateOf(domain.uuid)).toBe('suspended');
    },
    timeoutMs,
  );

  it(
    'with a raw disk is told which one no snapshot can be kept in, and its clone has none such',
    async () => {
      const domain = await host.define({
        name: 'raw',
        devices: diskXml(await host.disk('raw-a.qcow2')) + diskXml(await host.disk('raw-b.raw', 'raw'), 'vdb', 'raw'),
      });
      const { message } = await expectProblem('capability-missing', take(domain.uuid, 's'));
      expect(message).toContain('vdb is raw');
      const { nativeId } = await clone(domain.uuid, 'raw-copy');
      await take(nativeId, 's');
      expect((await host.driver.get(nativeId)).snapshots).toHaveLength(1);
    },
    timeoutMs,
  );

  it(
    'without a disk, or on and without its memory, is told so before anything happens',
    async () => {
      const diskless = await host.define({ name: 'diskless' });
      await expectProblem('capability-missing', take(diskless.uuid, 's'));
      const running = await machine('running');
      await running.start();
      await expectProblem('capability-missing', take(running.uuid, 's', false));
      expect((await host.driver.get(running.uuid)).snapshots).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'with a disk that it has only until it is off keeps that in a snapshot, and shows that it waits',
    async () => {
      const domain = await machine('hot');
      await domain.start();
      await domain.attachDevice(diskXml(await host.disk('hot-b.qcow2'), 'vdb'), { live: true });
      expect((await host.driver.get(domain.uuid)).pendingChanges).toMatchObject([
        { pointer: '/disks/1', from: { device: 'vdb' } },
      ]);
      await take(domain.uuid, 's');
      const [snapshot] = await domain.snapshots();
      expect(await snapshot!.xml()).toMatch(/<disk name='vdb' snapshot='internal'/);
    },
    timeoutMs,
  );

  it(
    'with a checkpoint is cloned, renamed, kept in a snapshot and deleted',
    async () => {
      const domain = await host.define({ name: 'checkpoint', devices: diskXml(await newDisk('checkpoint.qcow2')) });
      await domain.start();
      for (const name of ['c', 'd'])
        await host.libvirt.call.domainCheckpointCreateXml({
          dom: domain,
          xmlDesc: `<domaincheckpoint><name>${name}</name></domaincheckpoint>`,
          flags: 0,
        });
      const checkpoints = async () =>
        (await host.libvirt.call.domainListAllCheckpoints({ dom: domain, flags: 2 })).checkpoints;
      const parents = async () =>
        Promise.all(
          (await checkpoints()).map(async (checkpoint) => {
            const { xml } = await host.libvirt.call.domainCheckpointGetXmlDesc({ checkpoint, flags: 2 });
            return [checkpoint.name, /<parent>\s*<name>(.*)<\/name>/.exec(xml)?.[1]];
          }),
        );
      await take(domain.uuid, 'while it runs');
      // QEMU would find it out when it is too late for the one that runs.
      expect((await expectProblem('host-rejected', revert(domain.uuid, 'while it runs'))).message).toContain('c, d');
      expect(await host.stateOf(domain.uuid)).toBe('running');
      await domain.destroy();
      const { notes } = await take(domain.uuid, 'while it is off');
      expect(notes).toEqual([expect.stringContaining('virsh checkpoint-delete')]);
      expect(await parents()).toEqual([
        ['c', undefined],
        ['d', 'c'],
      ]);
      await expectProblem('host-rejected', revert(domain.uuid, 'while it is off'));
      // Made to fail, it brings them back all the same.
      const failing = new TestOperation();
      failing.failAfter = 2;
      const again = failing.run((context) => host.driver.snapshots.create(domain.uuid, { name: 'in vain' }, context));
      await expectProblem('host-rejected', again);
      expect((await parents()).map(([name]) => name)).toEqual(['c', 'd']);
      // Bitmaps that no checkpoint is left of are in the way as well.
      for (const checkpoint of (await checkpoints()).reverse())
        await host.libvirt.call.domainCheckpointDelete({ checkpoint, flags: 2 });
      expect((await expectProblem('host-rejected', revert(domain.uuid, 'while it is off'))).message).toContain(
        'qemu-img bitmap --remove',
      );
      for (const name of ['c', 'd'])
        await run('qemu-img', ['bitmap', '--remove', `${host.pool.path}/checkpoint.qcow2`, name]);
      expect(await revert(domain.uuid, 'while it is off')).toEqual({ effect: 'changed' });
      await clone(domain.uuid, 'checkpoint-copy');
      await host.run((context) =>
        host.driver.reconfigure.apply(domain.uuid, { name: `${host.prefix}checkpoint-2` }, context),
      );
      expect((await host.driver.get(domain.uuid)).name).toBe(`${host.prefix}checkpoint-2`);
      expect(await remove(domain.uuid)).toEqual([]);
      expect(await isThere('checkpoint.qcow2')).toBe(false);
    },
    timeoutMs,
  );

  it(
    'grows with its snapshots where the kind of its disk lets it, and else is told what would help',
    async () => {
      const grow = ({ uuid }: Domain) =>
        host.run((context) => host.driver.reconfigure.apply(uuid, { disks: [{ device: 'vda', sizeGiB: 1 }] }, context));
      const modern = await host.define({ name: 'modern', devices: diskXml(await newDisk('modern.qcow2')) });
      const old = await machine('old');
      for (const { uuid } of [modern, old]) await take(uuid, 's');
      expect((await grow(modern)).effect).toBe('changed');
      const { message } = await expectProblem('host-rejected', grow(old));
      expect(message).toContain('qemu-img amend');
      await drop(old.uuid, 's');
      expect((await grow(old)).effect).toBe('changed');
    },
    timeoutMs,
  );

  it(
    'that is transient is neither cloned nor deleted, and the advice ends it as little',
    async () => {
      const { uuid } = await host.libvirt.domains.createTransient(
        host.xml({ name: `${host.prefix}transient`, devices: diskXml(await host.disk('transient.qcow2')) }),
      );
      for (const asked of [clone(uuid, 'of-transient'), remove(uuid)]) {
        const { message } = await expectProblem('wrong-state', asked);
        expect(message).toContain('virsh define');
        expect(message).not.toMatch(/stop it/i);
      }
      expect(await host.stateOf(uuid)).toBe('running');
    },
    timeoutMs,
  );
});
