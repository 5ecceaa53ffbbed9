import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readDescriptor } from '../disks/disk-file.ts';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

const DONE = { exit: 0, stdout: '', stderr: '' };

// Numbers are the rows of the reference's golden transcripts.
describe('snapshot commands', () => {
  let bench: Workbench;
  let vmx: string;
  beforeEach(async () => {
    bench = new Workbench();
    vmx = bench.vm('web');
  });
  afterEach(() => bench.close());

  const snapshot = async (...names: string[]) => {
    for (const name of names) expect(await bench.vmrun('snapshot', vmx, name)).toMatchObject(DONE);
  };
  const list = async () => (await bench.vmrun('listSnapshots', vmx)).lines;
  const tree = async () => (await bench.vmrun('listSnapshots', vmx, 'showTree')).lines;
  const currentDisk = () => join(dirname(vmx), bench.read(vmx).get('scsi0:0.fileName')!);
  const guestFile = (action: string, path: string) => bench.guest(action, vmx, path);
  const refused = (text: string) => ({ exit: 255, stdout: `Error: ${text}\n`, stderr: '' });

  it('24: lists no snapshots', async () => {
    expect(await bench.vmrun('listSnapshots', vmx)).toMatchObject({ exit: 0, stdout: 'Total snapshots: 0\n' });
  });

  it('25, 26: lists three snapshots flat and as a tree', async () => {
    await snapshot('base', 'app', 'test');
    expect((await bench.vmrun('listSnapshots', vmx)).stdout).toBe('Total snapshots: 3\nbase\napp\ntest\n');
    expect((await bench.vmrun('listSnapshots', vmx, 'showTree')).stdout).toBe(
      'Total snapshots: 3\nbase\n\tapp\n\t\ttest\n',
    );
  });

  it('27: a snapshot grows the .vmsd and puts a child disk under the VM', async () => {
    await snapshot('base');
    const metadata = bench.read(join(dirname(vmx), 'web.vmsd'));
    expect(metadata.get('snapshot0.displayName')).toBe('base');
    expect(metadata.get('snapshot0.disk0.fileName')).toBe('web.vmdk');
    expect(metadata.get('snapshot0.disk0.node')).toBe('scsi0:0');
    expect(metadata.get('snapshot.numSnapshots')).toBe('1');
    expect(metadata.get('snapshot.current')).toBe('1');
    expect(bench.read(vmx).get('scsi0:0.fileName')).toBe('web-000001.vmdk');
    expect(bench.filesOf(vmx)).toEqual(expect.arrayContaining(['web-000001.vmdk', 'web-Snapshot1.vmsn']));
    const [child, parent] = [readDescriptor(currentDisk()), readDescriptor(join(dirname(vmx), 'web.vmdk'))];
    expect(child.parentHint).toBe('web.vmdk');
    expect(child.parentContentId).toBe(parent.contentId);
    expect((await bench.vdiskmanager('-e', currentDisk())).stdout).toBe('Disk chain is consistent.\n');
  });

  it('27: a snapshot of a running VM keeps its memory', async () => {
    await bench.vmrun('start', vmx, 'nogui');
    await snapshot('live');
    expect(bench.read(join(dirname(vmx), 'web.vmsd')).get('snapshot0.type')).toBe('1');
    expect(bench.filesOf(vmx)).toContain('web-Snapshot1.vmem');
    expect((await bench.vmrun('stop', vmx, 'hard')).exit).toBe(0);
    expect(bench.filesOf(vmx).filter((name) => name.endsWith('.lck'))).toEqual([]);
  });

  it('28: a name can be used once, among siblings, or more often, by knob', async () => {
    await snapshot('base');
    expect(await bench.vmrun('snapshot', vmx, 'base')).toMatchObject(
      refused('A snapshot with the name already exists'),
    );
    bench.set({ duplicateSnapshotNames: 'refuse-siblings' });
    await snapshot('base');
    await bench.vmrun('revertToSnapshot', vmx, 'base/base');
    await snapshot('leaf');
    await bench.vmrun('revertToSnapshot', vmx, 'base/base');
    expect((await bench.vmrun('snapshot', vmx, 'leaf')).exit).toBe(255);
    bench.set({ duplicateSnapshotNames: 'allow' });
    await snapshot('leaf');
  });

  it('28: a name with a path separator is illegal by default', async () => {
    expect(await bench.vmrun('snapshot', vmx, 'a/b')).toMatchObject(refused("Invalid snapshot name 'a/b'"));
    bench.set({ snapshotSlash: 'allow' });
    await snapshot('a/b');
    expect((await bench.vmrun('revertToSnapshot', vmx, 'a/b')).exit).toBe(0);
  });

  it('29: an unknown name has two texts', async () => {
    expect(await bench.vmrun('revertToSnapshot', vmx, 'nope')).toMatchObject(refused("Invalid snapshot name 'nope'"));
    bench.set({ unknownSnapshotText: 'does-not-exist' });
    expect(await bench.vmrun('deleteSnapshot', vmx, 'nope')).toMatchObject(refused('The snapshot does not exist'));
  });

  it('30: reverts by path; hardware and guest files are those of the snapshot', async () => {
    await snapshot('base');
    await bench.vmrun('start', vmx, 'nogui');
    await guestFile('createDirectoryInGuest', '/root/app');
    await bench.vmrun('stop', vmx, 'hard');
    await snapshot('app');
    bench.read(vmx);
    writeFileSync(vmx, bench.read(vmx).bytes().toString().replace('memsize = "64"', 'memsize = "128"'));

    expect(await bench.vmrun('revertToSnapshot', vmx, 'base/app')).toMatchObject(DONE);
    expect(bench.read(vmx).get('memsize')).toBe('64');
    await bench.vmrun('start', vmx, 'nogui');
    expect((await guestFile('directoryExistsInGuest', '/root/app')).exit).toBe(0);
    await bench.vmrun('stop', vmx, 'hard');

    expect(await bench.vmrun('revertToSnapshot', vmx, 'base')).toMatchObject(DONE);
    await bench.vmrun('start', vmx, 'nogui');
    expect((await guestFile('directoryExistsInGuest', '/root/app')).exit).not.toBe(0);
    expect(await tree()).toEqual(['Total snapshots: 2', 'base', '\tapp']);
  });

  it('30: the next snapshot after a revert is a branch', async () => {
    await snapshot('base', 'one');
    await bench.vmrun('revertToSnapshot', vmx, 'base');
    await snapshot('two');
    expect(await tree()).toEqual(['Total snapshots: 3', 'base', '\tone', '\ttwo']);
    expect((await bench.vdiskmanager('-e', currentDisk())).exit).toBe(0);
  });

  it('31: a running VM is not reverted, or is stopped first, by knob', async () => {
    await snapshot('base');
    await bench.vmrun('start', vmx, 'nogui');
    expect(await bench.vmrun('revertToSnapshot', vmx, 'base')).toMatchObject(refused('The file is already in use'));
    bench.set({ revertRunning: 'allow' });
    expect(await bench.vmrun('revertToSnapshot', vmx, 'base')).toMatchObject(DONE);
    expect((await bench.vmrun('list')).lines).toHaveLength(1);
  });

  it.each([
    ['suspended', 1, true],
    ['stopped', 1, false],
    ['running', 2, false],
  ] as const)('31: after reverting to a live snapshot the VM is %s', async (revertLive, listed, hasState) => {
    await bench.vmrun('start', vmx, 'nogui');
    await bench.vmrun('writeVariable', vmx, 'guestVar', 'when', 'then');
    await snapshot('live');
    await bench.vmrun('stop', vmx, 'hard');
    bench.set({ revertLive });
    expect(await bench.vmrun('revertToSnapshot', vmx, 'live')).toMatchObject(DONE);
    expect((await bench.vmrun('list')).lines).toHaveLength(listed);
    expect(bench.filesOf(vmx).some((name) => name.endsWith('.vmss'))).toBe(hasState);
    if (listed === 1) await bench.vmrun('start', vmx, 'nogui');
    const { stdout } = await bench.vmrun('readVariable', vmx, 'guestVar', 'when');
    expect(stdout).toBe(revertLive === 'stopped' ? '\n' : 'then\n');
  });

  it('32: deletes a snapshot with its children and merges their disks', async () => {
    await snapshot('base', 'app', 'test');
    expect(await bench.vmrun('deleteSnapshot', vmx, 'base', 'andDeleteChildren')).toMatchObject(DONE);
    expect(await list()).toEqual(['Total snapshots: 0']);
    expect(bench.read(vmx).get('scsi0:0.fileName')).toBe('web.vmdk');
    expect(bench.filesOf(vmx).filter((name) => /\.(vmsn|vmem)$|-\d{6}/.test(name))).toEqual([]);
    expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(0);
  });

  it('32: children of a deleted snapshot move up, or it is refused', async () => {
    await snapshot('base', 'app', 'test');
    bench.set({ deleteSnapshotChildren: 'refuse' });
    expect((await bench.vmrun('deleteSnapshot', vmx, 'app')).exit).toBe(255);
    bench.set({});
    expect(await bench.vmrun('deleteSnapshot', vmx, 'app')).toMatchObject(DONE);
    expect(await tree()).toEqual(['Total snapshots: 2', 'base', '\ttest']);
    for (const name of ['test', 'base']) expect((await bench.vmrun('revertToSnapshot', vmx, name)).exit).toBe(0);
    expect((await bench.vdiskmanager('-e', currentDisk())).exit).toBe(0);
  });

  it('32: a branching point can go while both branches stay usable', async () => {
    await snapshot('base', 'one');
    await bench.vmrun('revertToSnapshot', vmx, 'base');
    await snapshot('two');
    expect(await bench.vmrun('deleteSnapshot', vmx, 'base')).toMatchObject(DONE);
    for (const name of ['one', 'two']) {
      expect((await bench.vmrun('revertToSnapshot', vmx, name)).exit).toBe(0);
      expect((await bench.vdiskmanager('-e', currentDisk())).exit).toBe(0);
    }
  });

  it('32: what was written after the snapshot survives its deletion', async () => {
    await snapshot('base');
    await bench.vmrun('start', vmx, 'nogui');
    await guestFile('createDirectoryInGuest', '/root/kept');
    await bench.vmrun('stop', vmx, 'hard');
    await bench.vmrun('deleteSnapshot', vmx, 'base');
    await bench.vmrun('start', vmx, 'nogui');
    expect((await guestFile('directoryExistsInGuest', '/root/kept')).exit).toBe(0);
  });

  it('33: a name that several snapshots have needs a path', async () => {
    bench.set({ duplicateSnapshotNames: 'allow' });
    await snapshot('base', 'base');
    expect(await bench.vmrun('deleteSnapshot', vmx, 'base')).toMatchObject(
      refused('The name does not uniquely identify one snapshot'),
    );
    expect(await bench.vmrun('deleteSnapshot', vmx, 'base/base')).toMatchObject(DONE);
    expect(await list()).toEqual(['Total snapshots: 1', 'base']);
  });

  it('a suspended VM is snapshotted once', async () => {
    await bench.vmrun('start', vmx, 'nogui');
    await bench.vmrun('suspend', vmx);
    await snapshot('asleep');
    expect((await bench.vmrun('snapshot', vmx, 'again')).stdout).toContain('has not changed since the last snapshot');
  });

  it('a running VM with an independent disk cannot be snapshotted, a stopped one can, without that disk', async () => {
    const other = bench.vm('other', { 'scsi0:0.mode': 'independent-persistent' });
    expect((await bench.vmrun('snapshot', other, 'cold')).exit).toBe(0);
    expect(bench.read(other).get('scsi0:0.fileName')).toBe('other.vmdk');
    await bench.vmrun('start', other, 'nogui');
    expect((await bench.vmrun('snapshot', other, 'hot')).stdout).toContain('with independent disks');
  });

  it('Player has no snapshots', async () => {
    const asPlayer = (...args: string[]) => bench.run('vmrun', ['-T', 'player', ...args]);
    expect(await asPlayer('snapshot', vmx, 'base')).toMatchObject(refused('The operation is not supported'));
    bench.set({ playerSnapshot: 'license' });
    expect((await asPlayer('listSnapshots', vmx)).stdout).toContain('not supported with the current license');
  });

  it('keeps what it does not know in the .vmsd', async () => {
    const path = join(dirname(vmx), 'web.vmsd');
    writeFileSync(
      path,
      '.encoding = "windows-1252"\n# note\nsnapshot.needConsolidate = "FALSE"\nmy.key = "\xe4"\n',
      'latin1',
    );
    await snapshot('base');
    await bench.vmrun('deleteSnapshot', vmx, 'base');
    expect(readFileSync(path, 'latin1')).toContain('# note\nsnapshot.needConsolidate = "FALSE"\nmy.key = "\xe4"\n');
    expect(existsSync(join(dirname(vmx), 'web-000001.vmdk'))).toBe(false);
  });
});
