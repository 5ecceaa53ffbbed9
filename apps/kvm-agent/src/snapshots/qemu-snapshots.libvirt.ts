import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateVm, type NativeId } from '@polyvirt/contracts';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import type { Domain } from '@polyvirt/node-libvirt';
import { snapshotsIn } from '../storage/qemu-img.ts';
import { LiveHost } from '../testing/live-host.ts';

const run = promisify(execFile);
/** For a machine that hangs. */
const timeoutMs = 400_000;
const NVRAM = '/var/lib/libvirt/qemu/nvram';
const TPM = '/var/lib/libvirt/swtpm';

/** A machine with state beside its disks: its firmware variables. */
describe('on libvirt, snapshots of a UEFI machine', () => {
  let host: LiveHost;
  let machines = 0;

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  const name = () => `${host.prefix}vm-${(machines += 1)}`;
  const make = async (disks = 1): Promise<Domain> => {
    const blank = { sizeGiB: 1, copy: 'cow' };
    const body = CreateVm.parse({
      name: name(),
      memoryMiB: 96,
      firmware: 'uefi',
      disks: Array.from({ length: disks }, () => blank),
    });
    return host.libvirt.domains.reference((await host.run((context) => host.driver.create(body, context))).nativeId);
  };
  const take = (nativeId: NativeId, called: string) =>
    host.run((context) => host.driver.snapshots.create(nativeId, { name: called }, context));
  const revert = (nativeId: NativeId, snapshot: string) =>
    host.run((context) => host.driver.snapshots.revert(nativeId, snapshot, context));
  const drop = (nativeId: NativeId, snapshot: string, children = false) =>
    host.run((context) => host.driver.snapshots.delete(nativeId, { snapshot, children }, context));
  const remove = async (nativeId: NativeId) =>
    (await host.run((context) => host.driver.delete(nativeId, { disks: 'delete' }, context))).notes ?? [];
  const current = async ({ uuid }: Domain) =>
    (await host.driver.get(uuid)).snapshots.filter((one) => one.current).map((one) => one.name);

  const nvramOf = ({ uuid }: Domain) => join(NVRAM, `${uuid}_VARS.fd`);
  const disksOf = async ({ uuid }: Domain) => (await host.driver.get(uuid)).disks.map(({ path }) => path!);
  const hash = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
  const nvramHash = (domain: Domain) =>
    readFile(nvramOf(domain)).then(hash, (error: NodeJS.ErrnoException) => error.code ?? 'unreadable');
  /** What a guest of a machine that is off would find there. */
  const blocks = 8;
  const diskHash = async (path: string) => {
    const reads = Array.from({ length: blocks }, (_, at) => ['-c', `read -v ${at}M 16`]).flat();
    return hash(
      (await run('qemu-io', ['-U', '-r', '-f', 'qcow2', ...reads, path])).stdout.replaceAll(/^.*ops;.*$/gm, ''),
    );
  };
  const write = (path: string, at: number, pattern: number) =>
    run('qemu-io', ['-f', 'qcow2', '-c', `write -q -P ${pattern} ${at}M 64k`, path]);
  const filesOf = async (domain: Domain) => (await readdir(NVRAM)).filter((one) => one.startsWith(domain.uuid)).sort();
  const tagsOf = async (domain: Domain) =>
    (await Promise.all((await disksOf(domain)).map(snapshotsIn))).map((all) => all.map((one) => one.name));

  it(
    'hold disks and variables of one that is off, and the lack of those that are not made yet',
    async () => {
      const domain = await make(2);
      const disks = await disksOf(domain);
      await take(domain.uuid, 'never started');
      await writeFile(nvramOf(domain), 'keys of one');
      await write(disks[0]!, 1, 17);
      await take(domain.uuid, '1');
      const then = [await nvramHash(domain), ...(await Promise.all(disks.map(diskHash)))];
      await writeFile(nvramOf(domain), 'keys of two');
      for (const path of disks) await write(path, 1, 34);
      await take(domain.uuid, '2');
      const later = [await nvramHash(domain), ...(await Promise.all(disks.map(diskHash)))];
      for (const [at, one] of later.entries()) expect(one).not.toBe(then[at]);

      expect(await revert(domain.uuid, '1')).toEqual({ effect: 'changed' });
      expect([await nvramHash(domain), ...(await Promise.all(disks.map(diskHash)))]).toEqual(then);
      expect(await current(domain)).toEqual(['1']);
      await revert(domain.uuid, 'never started');
      expect(await nvramHash(domain)).toBe('ENOENT');
      await domain.start();
      await domain.destroy();
      await revert(domain.uuid, '2');
      expect(await readFile(nvramOf(domain), 'utf8')).toBe('keys of two');

      const input = { name: name(), linked: false, start: false, snapshot: '1' };
      const copy = await host.run((context) => host.driver.clone.clone(domain.uuid, input, context));
      const clone = host.libvirt.domains.reference(copy.nativeId);
      expect([await nvramHash(clone), ...(await Promise.all((await disksOf(clone)).map(diskHash)))]).toEqual(then);
      expect(await remove(clone.uuid)).toEqual([]);

      const kept = (await filesOf(domain)).map((one) => join(NVRAM, one));
      expect(kept).toHaveLength(3);
      expect((await host.driver.export.definition(domain.uuid)).files).toEqual(expect.arrayContaining(kept));
      await drop(domain.uuid, 'never started', true);
      expect(await filesOf(domain)).toEqual([`${domain.uuid}_VARS.fd`]);
      expect(await tagsOf(domain)).toEqual([[], []]);
      expect(await remove(domain.uuid)).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'hold the memory of one that runs, with the hardware of then and the name of now',
    async () => {
      const domain = await make();
      const registers = async () => {
        const asked = { execute: 'human-monitor-command', arguments: { 'command-line': 'info registers' } };
        return ((await domain.monitorCommand(asked)) as { return: string }).return;
      };
      const apply = (input: object) =>
        host.run((context) => host.driver.reconfigure.apply(domain.uuid, input, context));
      await domain.start();
      await take(domain.uuid, 'runs');
      expect(await host.stateOf(domain.uuid)).toBe('running');
      await domain.suspend();
      const then = await registers();
      await take(domain.uuid, 'stands');
      expect(await registers()).toBe(then);
      expect((await host.driver.get(domain.uuid)).snapshots).toMatchObject([
        { name: 'runs', state: 'running', memory: true, current: false },
        { name: 'stands', state: 'paused', memory: true, current: true, parent: 'runs' },
      ]);
      const variables = await nvramHash(domain);
      await domain.destroy();
      const called = name();
      await apply({ cpus: 2, name: called });
      await writeFile(nvramOf(domain), 'of later');

      await revert(domain.uuid, 'stands');
      expect(await host.driver.get(domain.uuid)).toMatchObject({ name: called, state: 'paused', cpus: 1 });
      expect(await registers()).toBe(then);
      expect(await nvramHash(domain)).toBe(variables);
      expect(await domain.isPersistent()).toBe(true);
      expect((await host.driver.get(domain.uuid)).pendingChanges).toBeUndefined();
      await domain.resume();
      await host.until(async () => (await registers()) !== then);
      // From one that runs to one that ran.
      await revert(domain.uuid, 'runs');
      expect(await host.stateOf(domain.uuid)).toBe('running');
      await drop(domain.uuid, 'runs');
      expect(await tagsOf(domain)).toEqual([['stands']]);
      expect(await host.driver.get(domain.uuid)).toMatchObject({
        state: 'running',
        snapshots: [{ name: 'stands', parent: null }],
      });
      await domain.destroy();
      expect(await remove(domain.uuid)).toEqual([]);
      expect(await filesOf(domain)).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'that fail or are cut leave the machine as it was, running',
    async () => {
      const domain = await make();
      await domain.start();
      const input = { name: 'cut' };
      const create = (operation: TestOperation) =>
        operation.run((context) => host.driver.snapshots.create(domain.uuid, input, context));
      const failing = new TestOperation();
      failing.failAfter = 1;
      await expectProblem('host-rejected', create(failing));
      expect(await host.stateOf(domain.uuid)).toBe('running');
      expect([await tagsOf(domain), await filesOf(domain)]).toEqual([[[]], [`${domain.uuid}_VARS.fd`]]);
      // As if the process had died when QEMU had it and libvirt not.
      const cut = new TestOperation();
      cut.cut = { step: 1, moment: 'before' };
      await expect(create(cut)).rejects.toThrow();
      await domain.suspend();
      const job = { 'job-id': 'of-before', tag: 'cut' };
      const nodes = (await domain.monitorCommand({
        execute: 'query-named-block-nodes',
        arguments: { flat: true },
      })) as {
        return: { 'node-name': string; drv: string }[];
      };
      const [node] = nodes.return.filter(({ drv }) => drv === 'qcow2').map((one) => one['node-name']);
      await domain.monitorCommand({ execute: 'snapshot-save', arguments: { ...job, vmstate: node, devices: [node] } });
      await host.until(async () => (await tagsOf(domain))[0]!.length === 1);
      await create(cut.again());
      expect(await host.stateOf(domain.uuid)).toBe('running');
      expect(await tagsOf(domain)).toEqual([['cut']]);
      await domain.destroy();
      await remove(domain.uuid);
    },
    timeoutMs,
  );

  it(
    'are refused, before anything happens, for a name that a disk has already; and a revert, when a part is gone',
    async () => {
      const domain = await make();
      const [disk] = (await disksOf(domain)) as [string];
      await run('qemu-img', ['snapshot', '-c', 'foreign', disk]);
      expect((await expectProblem('name-taken', take(domain.uuid, 'foreign'))).message).toContain(
        'qemu-img snapshot -d',
      );
      await take(domain.uuid, 'ours');
      await run('qemu-img', ['snapshot', '-d', 'ours', disk]);
      await domain.start();
      expect((await expectProblem('host-rejected', revert(domain.uuid, 'ours'))).message).toContain(disk);
      expect(await host.stateOf(domain.uuid)).toBe('running');
      await domain.destroy();
      await drop(domain.uuid, 'ours');
      expect(await tagsOf(domain)).toEqual([['foreign']]);
      await remove(domain.uuid);
    },
    timeoutMs,
  );

  it(
    'outlast what others do to the machine: edits, renames, a definition that was taken away and given again',
    async () => {
      const domain = await make();
      const [disk] = (await disksOf(domain)) as [string];
      await write(disk, 1, 51);
      await writeFile(nvramOf(domain), 'keys of then');
      await take(domain.uuid, 'then');
      await take(domain.uuid, 'other');
      const then = [await nvramHash(domain), await diskHash(disk)];
      const change = async () => {
        await write(disk, 1, 68);
        await writeFile(nvramOf(domain), 'keys of later');
      };
      const isThen = async () => {
        await revert(domain.uuid, 'then');
        expect([await nvramHash(domain), await diskHash(disk)]).toEqual(then);
      };
      const all = await domain.snapshots({ topological: true });
      const [xml, ...others] = await Promise.all(all.map((snapshot) => snapshot.xml({ secure: true })));
      // virsh snapshot-edit
      await domain.createSnapshot(xml!.replace('<state>', '<description>by hand</description><state>'), {
        redefine: true,
      });
      await change();
      await isThen();
      await domain.rename(name());
      await change();
      await isThen();
      expect((await host.driver.get(domain.uuid)).snapshots).toMatchObject([
        { name: 'then', description: 'by hand', current: true },
        { name: 'other', parent: 'then' },
      ]);
      // virsh undefine, and define of what was dumped before
      const definition = await domain.xml({ inactive: true, secure: true });
      await domain.undefine({ snapshotsMetadata: true, keepNvram: true });
      await host.libvirt.domains.define(definition);
      expect((await host.driver.get(domain.uuid)).snapshots).toEqual([]);
      await expectProblem('name-taken', take(domain.uuid, 'then'));
      for (const one of [xml!, ...others]) await domain.createSnapshot(one, { redefine: true });
      await change();
      await isThen();
      // virsh snapshot-delete
      await (await domain.snapshot('other')).delete();
      expect(await tagsOf(domain)).toEqual([['then']]);
      await change();
      await isThen();
      expect(await remove(domain.uuid)).toEqual([]);
      expect(await filesOf(domain)).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'hold the state of a TPM, where swtpm plays one, with any firmware',
    async () => {
      const path = await host.disk('tpm.qcow2');
      const devices = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${path}'/><target dev='vda' bus='virtio'/></disk>
        <tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>`;
      if (!(await host.libvirt.host.domainCapabilities({ type: 'qemu' })).includes('<value>emulator</value>')) {
        // No swtpm on this machine, so that no VM of it has a TPM: apt-get install swtpm swtpm-tools.
        await expect(host.define({ name: 'tpm', devices })).rejects.toThrow(/TPM/i);
        return;
      }
      const domain = await host.define({ name: 'tpm', devices });
      const folders = async () => (await readdir(TPM)).filter((one) => one.startsWith(domain.uuid));
      const mark = join(TPM, domain.uuid, 'tpm2', 'mark');
      await domain.start();
      await domain.destroy();
      await writeFile(mark, 'off');
      await take(domain.uuid, 'off');
      await domain.start();
      await writeFile(mark, 'on');
      await take(domain.uuid, 'on');
      for (const [then, state] of [
        ['off', 'stopped'],
        ['on', 'running'],
        ['off', 'stopped'],
      ] as const) {
        await writeFile(mark, 'later');
        await revert(domain.uuid, then);
        expect([await readFile(mark, 'utf8'), await host.stateOf(domain.uuid)]).toEqual([then, state]);
      }
      // swtpm takes it for its own.
      await domain.start();
      await domain.destroy();
      await drop(domain.uuid, 'on');
      expect(await folders()).toHaveLength(2);
      expect(await remove(domain.uuid)).toEqual([]);
      expect(await folders()).toEqual([]);
    },
    timeoutMs,
  );
});
