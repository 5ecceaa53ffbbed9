import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NativeId } from '@polyvirt/contracts';
import { isReadable, type OperationContext } from '@polyvirt/hypervisor';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SimulatedWorkstation } from '../testing/simulated-workstation.ts';
import type { WorkstationDriver } from '../workstation.driver.ts';
import { nativeIdOf } from './identity.ts';

const inputs = fileURLToPath(new URL('../testing/foreign/', import.meta.url));
const idOf = (vmx: string): NativeId => nativeIdOf(vmx, 'linux');
const run = <Result>(method: (context: OperationContext) => Promise<Result>) => new TestOperation().run(method);

/** Files as people have them, made by other releases, other products, other tools and by hand. */
describe('a machine that others made', () => {
  let host: SimulatedWorkstation;
  let driver: WorkstationDriver;
  beforeEach(async () => {
    host = new SimulatedWorkstation();
    driver = await host.open();
  });
  afterEach(() => host.close());

  /** Puts an input into a folder of its own below the folder of VMs. */
  const place = (name: string, folder = join(host.vmFolder, name)) => {
    mkdirSync(folder, { recursive: true });
    const vmx = join(folder, `${name}.vmx`);
    cpSync(join(inputs, `${name}.vmx`), vmx);
    return vmx;
  };
  const shown = async (vmx: string) => (await driver.list()).filter(isReadable).find((vm) => vm.nativeId === idOf(vmx));
  const remove = (vmx: string) => run((context) => driver.delete(idOf(vmx), { disks: 'delete' }, context));

  it('without an encoding is read in the code page of the host', async () => {
    const vmx = place('no-encoding-latin1');
    expect(await shown(vmx)).toMatchObject({ name: 'Serveur été' });
    const russian = await host.open({ codePage: 'windows-1251' });
    expect(await russian.get(idOf(vmx))).toMatchObject({ name: 'Serveur йtй' });
    await run((context) => driver.reconfigure.apply(idOf(vmx), { cpus: 2 }, context));
    expect(readFileSync(vmx, 'latin1')).toContain('displayName = "Serveur été"');
  });

  it('from an ESXi is shown with what its file says', async () => {
    expect(await shown(place('esxi-origin'))).toMatchObject({
      name: 'esx-origin',
      cpus: 4,
      memoryMiB: 4_096,
      disks: [{ device: 'scsi0:0', path: expect.stringContaining('esx.vmdk') }],
      nics: [{ mac: '00:50:56:9a:00:01', network: 'VM Network', addresses: [] }],
    });
    expect((await shown(place('esxi-origin')))!.disks[0]).not.toHaveProperty('sizeGiB');
  });

  it('has MAC addresses in one form, or none', async () => {
    const { nics } = (await shown(place('mac-forms')))!;
    expect(nics.slice(0, 2)).toMatchObject([{ mac: '00:50:56:12:34:56' }, { mac: '00:50:56:12:34:57' }]);
    for (const { mac } of nics) expect(mac ?? 'none').toMatch(/^([0-9a-f]{2}(:[0-9a-f]{2}){5}|none)$/);
  });

  it('that is encrypted has neither CPUs nor memory, and is told and refused', async () => {
    const vmx = place('encrypted');
    const vm = (await shown(vmx))!;
    expect(vm.name).toBe('case-34-encrypted');
    for (const field of ['cpus', 'memoryMiB', 'firmware']) expect(vm).not.toHaveProperty(field);
    expect((await driver.probe()).notes.join()).toMatch(/Encrypted.*case-34-encrypted/);
    const starting = run((context) => driver.start(idOf(vmx), context));
    expect((await expectProblem('host-rejected', starting)).message).toMatch(/encrypted/);
  });

  it('with an empty name is called like its file', async () => {
    expect(await shown(place('empty-name'))).toMatchObject({ name: 'empty-name' });
  });

  it('in a folder that is a symbolic link is found like any other', async () => {
    const vmx = place('empty-name', join(host.folder, 'big', 'empty-name'));
    symlinkSync(dirname(vmx), join(host.vmFolder, 'linked'));
    symlinkSync(host.vmFolder, join(host.vmFolder, 'circle'));
    expect(await shown(vmx)).toMatchObject({ name: 'empty-name' });
    expect(await driver.list()).toHaveLength(1);
  });

  it('has disks of every kind, of unknown size where that is so, and is deleted without those elsewhere', async () => {
    const vmx = place('disk-kinds');
    for (const name of ['phys.vmdk', 'split.vmdk']) cpSync(join(inputs, name), join(dirname(vmx), name));
    for (const part of ['s001', 's002', 's003']) writeFileSync(join(dirname(vmx), `split-${part}.vmdk`), '');
    const { disks } = (await shown(vmx))!;
    expect(Object.fromEntries(disks.map(({ device, sizeGiB }) => [device, sizeGiB]))).toEqual({
      'ide0:0': undefined,
      'nvme0:0': 8,
      'sata0:1': undefined,
      'scsi0:0': 1,
      'scsi0:1': undefined,
    });
    for (const { device, ...rest } of disks)
      if (device !== 'nvme0:0' && device !== 'scsi0:0') expect(rest).not.toHaveProperty('sizeGiB');
    const { files } = await driver.export.definition(idOf(vmx));
    expect(files).toEqual(
      expect.arrayContaining(['s001', 's002', 's003'].map((part) => join(dirname(vmx), `split-${part}.vmdk`))),
    );
    const { notes = [] } = await remove(vmx);
    expect(notes.join('\n')).toMatch(/Kept sata0:1 .*other disk\.vmdk/);
    expect(notes.join('\n')).toMatch(/Kept scsi0:1 .*nas/);
    expect(existsSync(dirname(vmx))).toBe(false);
  });

  it('is found in the inventory of the window beside entries that lead nowhere', async () => {
    const vmx = place('empty-name', join(host.folder, 'big', 'empty-name'));
    const inventory = readFileSync(join(inputs, 'inventory.vmls'), 'utf8');
    writeFileSync(join(host.home, 'inventory.vmls'), inventory.replace(/"[^"]*case-36\.vmx"/, `"${vmx}"`));
    expect(await driver.list()).toMatchObject([{ name: 'empty-name' }]);
  });

  it.each([
    ['a link to itself', (vmx: string) => symlinkSync('x.vmx', vmx), /x\.vmx is a symbolic link that leads to itself/],
    ['a pipe', (vmx: string) => void execFileSync('mkfifo', [vmx]), /x\.vmx cannot be read: it is no file/],
    ['nonsense', (vmx: string) => writeFileSync(vmx, Buffer.from([0, 1, 2, 255, 34, 61])), /x\.vmx cannot be read/],
    [
      'an inventory that cannot be read',
      () => mkdirSync(join(host.home, 'inventory.vmls')),
      /inventory\.vmls cannot be read: it is a folder/,
    ],
  ])('is listed, watched, made, renamed and deleted beside %s, which is told', async (_, spoil, told) => {
    mkdirSync(join(host.vmFolder, 'x'));
    spoil(join(host.vmFolder, 'x', 'x.vmx'));
    const vmx = place('empty-name');
    expect(await shown(vmx)).toMatchObject({ name: 'empty-name' });
    const { health, notes } = await driver.probe();
    const unreadable = (await driver.list()).flatMap((vm) => (isReadable(vm) ? [] : vm.unreadable));
    expect(health.status).toBe('healthy');
    expect([...notes, ...unreadable].join('\n')).toMatch(told);
    await run((context) => driver.reconfigure.apply(idOf(vmx), { name: 'renamed' }, context));
    expect(await shown(vmx)).toMatchObject({ name: 'renamed' });
    for await (const change of driver.watch.changes(new AbortController().signal)) {
      expect(change).toBe('everything');
      break;
    }
    expect(await remove(vmx)).toMatchObject({ effect: 'changed' });
  });

  it('that names files which no file system can have is like one whose files are gone, and keeps no other from anything', async () => {
    const names = { nul: 'a|00b', long: 'x'.repeat(5_000), folder: '..' };
    for (const [kind, stem] of Object.entries(names)) {
      const folder = join(host.vmFolder, kind);
      mkdirSync(folder);
      const lines = [
        ['scsi0:0.fileName', 'vmdk'],
        ['nvram', 'nvram'],
        ['checkpoint.vmState', 'vmss'],
        ['sata0:1.fileName', 'iso'],
      ].map(([key, ending]) => `${key} = "${stem}.${ending}"\n`);
      const whole = readFileSync(join(inputs, 'empty-name.vmx'), 'utf8');
      const drives = 'scsi0.present = "TRUE"\nscsi0:0.present = "TRUE"\nsata0:1.present = "TRUE"\n';
      writeFileSync(join(folder, `${kind}.vmx`), `${whole}${drives}${lines.join('')}`);
      writeFileSync(
        join(folder, `${kind}.vmsd`),
        `snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.filename = "${stem}.vmsn"\nsnapshot0.disk0.fileName = "${stem}.vmdk"\nsnapshot0.numDisks = "1"\n`,
      );
      // A disk that ends before the place at which it says that its description is.
      const header = Buffer.alloc(512);
      header.write('KDMV');
      header.writeBigUInt64LE(2n ** 63n, 28);
      writeFileSync(join(folder, 'spoilt.vmdk'), header);
    }
    const entries = Object.values(names).map((stem, at) => `vmlist${at}.config = "/${stem}.vmx"\n`);
    writeFileSync(join(host.home, 'inventory.vmls'), entries.join(''));
    const vmx = place('no-encoding-latin1');
    expect((await driver.list()).filter(isReadable)).toHaveLength(4);
    expect((await driver.probe()).health.status).toBe('healthy');
    await run((context) => driver.reconfigure.apply(idOf(vmx), { name: 'renamed' }, context));
    expect(await shown(vmx)).toMatchObject({ name: 'renamed' });
    expect(await remove(vmx)).toMatchObject({ effect: 'changed' });
    for (const kind of Object.keys(names)) {
      const odd = join(host.vmFolder, kind, `${kind}.vmx`);
      expect((await shown(odd))!.disks).toEqual([{ device: 'scsi0:0', path: expect.any(String) }]);
    }
    expect(await driver.list()).toHaveLength(3);
  });

  it('is as good as gone only when its file is', async () => {
    const vmx = place('empty-name');
    await driver.list();
    const whole = `${vmx}.whole`;
    renameSync(vmx, whole);
    symlinkSync('empty-name.vmx', vmx);
    // It was known, so it is known which machine cannot be read.
    expect(await driver.list()).toMatchObject([
      { nativeId: idOf(vmx), unreadable: expect.stringMatching(/leads to itself/) },
    ]);
    await expectProblem('host-rejected', driver.get(idOf(vmx)));
    rmSync(vmx);
    expect(await driver.list()).toEqual([]);
    renameSync(whole, vmx);
    expect(await driver.list()).toMatchObject([{ nativeId: idOf(vmx), state: 'stopped' }]);
  });

  it('is deleted without what another one of its folder uses', async () => {
    const web = await host.foreignVm(host.vmFolder, 'web', { nvram: 'web.nvram' }, true);
    const folder = dirname(web);
    const second = join(folder, 'web - before upgrade.vmx');
    const text = readFileSync(join(inputs, 'second-in-folder.vmx'), 'utf8');
    writeFileSync(second, text.replace('web.vmdk', 'foreign-web.vmdk'));
    for (const name of ['web.nvram', 'web.vmxf', 'foreign-web.vmxf', 'foreign-web-1.nvram'])
      writeFileSync(join(folder, name), '');
    writeFileSync(join(folder, 'foreign-web-1.vmx'), text.replace(/^scsi.*\n/gm, ''));
    const { notes } = await remove(second);
    expect(notes).toEqual([
      expect.stringMatching(/Kept .*foreign-web\.vmdk: it is in use by "web"/),
      expect.stringMatching(/Kept .*web\.nvram: another VM/),
      expect.stringMatching(/Kept .*web\.vmxf: another VM/),
    ]);
    for (const name of ['foreign-web.vmdk', 'web.nvram', 'foreign-web.vmx'])
      expect(existsSync(join(folder, name))).toBe(true);
    await remove(web);
    // The longer name is that of another machine.
    for (const name of ['foreign-web-1.nvram', 'foreign-web-1.vmx']) expect(existsSync(join(folder, name))).toBe(true);
    expect(existsSync(join(folder, 'foreign-web.vmdk'))).toBe(false);
  });

  it('has snapshots with slashes in their names, which are found by their ids', async () => {
    const vmx = await host.foreignVm(host.vmFolder, 'v', {}, true);
    const vmsd = vmx.replace(/vmx$/, 'vmsd');
    writeFileSync(vmsd, readFileSync(join(inputs, 'snapshot-slash.vmsd')));
    expect((await shown(vmx))!.snapshots).toMatchObject([
      { id: '2', name: '2024/05/01 clean', parent: null },
      { id: '3', name: 'third', parent: '2', current: true },
    ]);
    host.set({ snapshotSlash: 'allow' });
    rmSync(vmsd);
    await host.vmrun('snapshot', vmx, '2024/05/01 clean');
    const { id } = (await shown(vmx))!.snapshots[0]!;
    expect(await run((context) => driver.snapshots!.revert(idOf(vmx), id, context))).toMatchObject({
      effect: 'changed',
    });
    const drop = run((context) => driver.snapshots!.delete(idOf(vmx), { snapshot: id, children: false }, context));
    expect(await drop).toEqual({ effect: 'changed' });
  });

  it('that is a copy with the disk of its original leaves that, and tells of the file that nobody uses', async () => {
    const original = await host.foreignVm(host.vmFolder, 'original', {}, true);
    const disk = join(dirname(original), 'foreign-original.vmdk');
    const copy = place('copied-folder');
    cpSync(disk, join(dirname(copy), 'd.vmdk'));
    writeFileSync(copy, readFileSync(copy, 'utf8').replace(/"[^"]*d\.vmdk"/, `"${disk}"`));
    const { notes = [] } = await remove(copy);
    expect(existsSync(disk)).toBe(true);
    expect(notes.join('\n')).toMatch(/Left .*copied-folder\/d\.vmdk: no VM uses it/);
    await host.vmrun('start', original, 'nogui');
  });
});
