import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readDescriptor } from '../disks/disk-file.ts';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

const DONE = { exit: 0, stdout: '', stderr: '' };
const RUNNING = 'The virtual machine should not be powered on. It is already running.';

// Numbers are the rows of the reference's golden transcripts.
describe('clone and deleteVM', () => {
  let bench: Workbench;
  let source: string;
  let target: string;
  beforeEach(async () => {
    bench = new Workbench();
    source = bench.vm('web');
    target = join(bench.folder, 'copy', 'copy.vmx');
  });
  afterEach(() => bench.close());

  const refused = (text: string) => ({ exit: 255, stdout: `Error: ${text}\n`, stderr: '' });
  const clone = (...args: string[]) => bench.vmrun('clone', source, target, ...args);

  it('34: makes a full clone with a name, a disk and an identity of its own', async () => {
    await bench.runningVm('twin');
    await bench.vmrun('start', source, 'nogui');
    await bench.vmrun('stop', source, 'hard');
    expect(await clone('full', '-cloneName=c1')).toMatchObject(DONE);
    const [original, copy] = [bench.read(source), bench.read(target)];
    expect(copy.get('displayName')).toBe('c1');
    expect(copy.get('scsi0:0.fileName')).toBe('web-cl1.vmdk');
    expect(readDescriptor(join(dirname(target), 'web-cl1.vmdk')).parentHint).toBeUndefined();
    for (const key of ['uuid.bios', 'uuid.location', 'ethernet0.generatedAddress']) {
      expect(copy.get(key)).toBeTruthy();
      expect(copy.get(key)).not.toBe(original.get(key));
    }
    expect(bench.filesOf(target)).toEqual(['copy.nvram', 'copy.vmsd', 'copy.vmx', 'web-cl1.vmdk']);
    expect(await bench.vmrun('start', target, 'nogui')).toMatchObject(DONE);
  });

  it.each([
    ['clone-of', 'Clone of web'],
    ['source', 'web'],
    ['file', 'copy'],
  ] as const)('34: without a name the clone is called by cloneDisplayName %s', async (cloneDisplayName, name) => {
    bench.set({ cloneDisplayName });
    expect(await clone('full')).toMatchObject(DONE);
    expect(bench.read(target).get('displayName')).toBe(name);
  });

  it('34: flattens a chain, with qemu-img and without', async () => {
    await bench.vmrun('snapshot', source, 'base');
    for (const qemuImg of ['auto', 'never'] as const) {
      bench.set({ qemuImg });
      target = join(bench.folder, qemuImg, 'copy.vmx');
      expect(await clone('full')).toMatchObject(DONE);
      expect((await bench.vdiskmanager('-e', join(dirname(target), 'web-cl1.vmdk'))).exit).toBe(0);
    }
  });

  it('35: makes a linked clone that stands on the snapshot', async () => {
    await bench.vmrun('snapshot', source, 'base');
    expect(await clone('linked', '-snapshot=base')).toMatchObject(DONE);
    const own = bench.read(target.replace(/vmx$/, 'vmsd'));
    expect(own.get('cloneOf0')).toBe(source);
    const parent = bench.read(source.replace(/vmx$/, 'vmsd'));
    expect([parent.get('snapshot0.numClones'), parent.get('snapshot0.clone0')]).toEqual(['1', target]);
    const disk = join(dirname(target), 'web-cl1.vmdk');
    expect(readDescriptor(disk).parentHint).toBe(join(dirname(source), 'web.vmdk'));
    expect((await bench.vdiskmanager('-e', disk)).stdout).toBe('Disk chain is consistent.\n');
  });

  it('35: takes its options as two words too, and runs beside its parent', async () => {
    await bench.vmrun('snapshot', source, 'base');
    expect(await clone('linked', '-snapshot', 'base', '-cloneName', 'c2')).toMatchObject(DONE);
    expect(bench.read(target).get('displayName')).toBe('c2');
    for (const vmx of [source, target]) expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(0);
  });

  it('35: a clone sees the guest files of the state it was made from', async () => {
    await bench.vmrun('start', source, 'nogui');
    await bench.guest('createDirectoryInGuest', source, '/root/base');
    await bench.vmrun('stop', source, 'hard');
    await bench.vmrun('snapshot', source, 'base');
    await clone('linked', '-snapshot=base');
    await bench.vmrun('start', target, 'nogui');
    expect((await bench.guest('directoryExistsInGuest', target, '/root/base')).exit).toBe(0);
  });

  it('35: deleting the snapshot under a linked clone is refused, or breaks the clone, by knob', async () => {
    await bench.vmrun('snapshot', source, 'base');
    await clone('linked', '-snapshot=base');
    bench.set({ deleteSnapshotWithClones: 'refuse' });
    expect((await bench.vmrun('deleteSnapshot', source, 'base')).exit).toBe(255);
    bench.set({});
    expect(await bench.vmrun('deleteSnapshot', source, 'base')).toMatchObject(DONE);
    expect(await bench.vmrun('start', target, 'nogui')).toMatchObject(refused('The operation was canceled'));
    expect(bench.logOf(target)).toContain('has been modified since the child was created');
  });

  it.each([
    ['parameter-invalid', 'One of the parameters was invalid'],
    ['license', 'This operation is not supported with the current license'],
    ['not-supported', 'The operation is not supported'],
  ] as const)('36: Player does not clone, playerClone %s', async (playerClone, text) => {
    bench.set({ playerClone });
    const reply = await bench.run('vmrun', ['-T', 'player', 'clone', source, target, 'linked']);
    expect(reply).toMatchObject(refused(text));
  });

  it('37: does not clone what is alive', async () => {
    await bench.vmrun('snapshot', source, 'cold');
    await bench.vmrun('start', source, 'nogui');
    await bench.vmrun('snapshot', source, 'live');
    expect(await clone('full')).toMatchObject(refused(RUNNING));
    expect(await clone('linked', '-snapshot=cold')).toMatchObject(refused(RUNNING));
    await bench.vmrun('stop', source, 'hard');
    expect(await clone('linked', '-snapshot=live')).toMatchObject(refused(RUNNING));
    expect(await clone('full', '-snapshot=live')).toMatchObject(refused(RUNNING));
    bench.set({ cloneLiveSnapshot: 'allow-full' });
    expect(await clone('full', '-snapshot=live')).toMatchObject(DONE);
  });

  it('37: clones a running VM from a cold snapshot by knob', async () => {
    await bench.vmrun('snapshot', source, 'cold');
    await bench.vmrun('start', source, 'nogui');
    bench.set({ cloneRunning: 'allow-snapshot' });
    expect(await clone('linked', '-snapshot=cold')).toMatchObject(DONE);
  });

  it('38: deletes a VM that is off and leaves logs, locks, foreign files and the folder', async () => {
    await bench.vmrun('snapshot', source, 'base');
    await bench.vmrun('start', source, 'nogui');
    await bench.vmrun('suspend', source);
    writeFileSync(join(dirname(source), 'notes.txt'), 'mine');
    mkdirSync(`${source}.lck`);
    expect(await bench.vmrun('deleteVM', source)).toMatchObject(DONE);
    expect(bench.filesOf(source)).toEqual(['notes.txt', 'vmware.log', 'web.vmx.lck']);
  });

  it('38: removes the folder by knob when nothing of worth is left in it', async () => {
    bench.set({ deleteVmFolder: 'removed' });
    expect(await bench.vmrun('deleteVM', source)).toMatchObject(DONE);
    expect(existsSync(dirname(source))).toBe(false);
  });

  it('38: deleting a linked clone leaves its parent whole', async () => {
    await clone('linked');
    expect(await bench.vmrun('deleteVM', target)).toMatchObject(DONE);
    expect(bench.read(source.replace(/vmx$/, 'vmsd')).get('snapshot0.numClones')).toBeUndefined();
    expect(await bench.vmrun('start', source, 'nogui')).toMatchObject(DONE);
  });

  it('39: does not delete a running VM', async () => {
    await bench.vmrun('start', source, 'nogui');
    expect(await bench.vmrun('deleteVM', source)).toMatchObject(refused(RUNNING));
  });

  it('65: a linked clone of the present state gives the parent a snapshot', async () => {
    expect(await clone('linked', '-cloneName=c3')).toMatchObject(DONE);
    expect((await bench.vmrun('listSnapshots', source)).lines).toEqual(['Total snapshots: 1', 'Snapshot for c3']);
  });

  it('66: a suspended VM is cloned fully only', async () => {
    await bench.vmrun('start', source, 'nogui');
    await bench.vmrun('suspend', source);
    expect(await clone('linked')).toMatchObject(refused(RUNNING));
    expect(await clone('full')).toMatchObject(DONE);
    expect(bench.read(target).get('checkpoint.vmState')).toBeUndefined();
  });

  it('refuses a destination that exists, is relative, or has no folder, by knob', async () => {
    await clone('full');
    expect(await clone('full')).toMatchObject(refused('The file already exists'));
    bench.set({ cloneExisting: 'overwrite', cloneMakesFolder: 'no' });
    expect(await clone('full')).toMatchObject(DONE);
    expect(await bench.vmrun('clone', source, 'copy.vmx', 'full')).toMatchObject(
      refused('One of the parameters was invalid'),
    );
    target = join(bench.folder, 'nowhere', 'copy.vmx');
    expect(await clone('full')).toMatchObject(refused('A file was not found'));
  });

  it('upgrades the hardware, and says so or nothing when it is up to date', async () => {
    const old = bench.vm('old', { 'virtualHW.version': '19' });
    expect(await bench.vmrun('upgradevm', old)).toMatchObject(DONE);
    expect(bench.read(old).get('virtualHW.version')).toBe('21');
    expect(await bench.vmrun('upgradevm', old)).toMatchObject(refused('The virtual machine is already up-to-date'));
    bench.set({ upgradeCurrent: 'ok' });
    expect(await bench.vmrun('upgradevm', old)).toMatchObject(DONE);
  });

  it('makes a Photon VM that starts', async () => {
    expect(await bench.vmrun('downloadPhotonVM', bench.folder)).toMatchObject(DONE);
    expect(await bench.vmrun('start', join(bench.folder, 'photon', 'photon.vmx'), 'nogui')).toMatchObject(DONE);
  });
});
