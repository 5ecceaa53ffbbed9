import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NativeId } from '@polyvirt/contracts';
import { volumeIdOf, type OperationContext } from '@polyvirt/hypervisor';
import { Death, TestOperation } from '@polyvirt/hypervisor/testing';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { nativeIdOf } from '../inventory/identity.ts';
import { SimulatedWorkstation } from '../testing/simulated-workstation.ts';
import type { WorkstationDriver } from '../workstation.driver.ts';

describe('the deletion of a VM that linked clones stand on', () => {
  let host: SimulatedWorkstation;
  let driver: WorkstationDriver;
  let source = '';

  beforeEach(async () => {
    host = new SimulatedWorkstation();
    driver = await host.open();
    source = await host.foreignVm(host.vmFolder, 'source', {}, true);
    await host.vmrun('snapshot', source, 'base');
  });
  afterEach(() => host.close());

  const remove = (vmx: string) =>
    new TestOperation().run((context) => driver.delete(idOf(vmx), { disks: 'delete' }, context));
  const idOf = (vmx: string): NativeId => nativeIdOf(vmx, 'linux');
  const disksIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.vmdk'));
  /** A linked clone that another tool makes, where this agent looks or where it does not. */
  const cloneOf = async (vmx: string, folder: string) => {
    const clone = join(folder, basename(folder), `${basename(folder)}.vmx`);
    mkdirSync(dirname(clone), { recursive: true });
    await host.vmrun('clone', vmx, clone, 'linked', '-snapshot=base', `-cloneName=${basename(folder)}`);
    return clone;
  };
  const expectStarts = async (vmx: string) => {
    await host.vmrun('start', vmx, 'nogui');
    expect(await host.vmrun('list')).toContain(vmx);
    await host.vmrun('stop', vmx, 'hard');
  };

  it('keeps the disks of one that only its own list of clones tells of', async () => {
    const clone = await cloneOf(source, join(host.folder, 'elsewhere'));
    const { notes } = await remove(source);
    expect(notes).toEqual([expect.stringMatching(/Kept .*foreign-source\.vmdk: it is in use by "elsewhere"/)]);
    expect(existsSync(source)).toBe(false);
    expect(disksIn(dirname(source))).toEqual(['foreign-source.vmdk']);
    await expectStarts(clone);
  });

  it('keeps them also when the last clone that it knows of goes', async () => {
    const far = await cloneOf(source, join(host.folder, 'elsewhere'));
    const near = await cloneOf(source, join(host.vmFolder, 'near'));
    expect((await remove(source)).notes?.join()).toMatch(/"near".*"elsewhere"|"elsewhere".*"near"/);
    expect(await remove(near)).toMatchObject({ effect: 'changed' });
    expect(existsSync(dirname(near))).toBe(false);
    await expectStarts(far);
  });

  it('keeps them for a clone of a clone when that in between goes', async () => {
    const middle = await cloneOf(source, join(host.vmFolder, 'middle'));
    await host.vmrun('snapshot', middle, 'base');
    const far = await cloneOf(middle, join(host.folder, 'elsewhere'));
    await remove(middle);
    await remove(source);
    await expectStarts(far);
  });

  it('leaves nothing when the last clone goes that stood on it, and before that nothing of which none is left', async () => {
    await host.vmrun('snapshot', source, 'second');
    const early = await cloneOf(source, join(host.vmFolder, 'early'));
    const late = join(host.vmFolder, 'late', 'late.vmx');
    await host.vmrun('clone', source, late, 'linked', '-snapshot=second', '-cloneName=late');
    await remove(source);
    expect(disksIn(dirname(source))).toEqual(['foreign-source-000001.vmdk', 'foreign-source.vmdk']);
    await remove(late);
    expect(disksIn(dirname(source))).toEqual(['foreign-source.vmdk']);
    await expectStarts(early);
    await remove(early);
    expect([dirname(source), dirname(early), dirname(late)].filter((folder) => existsSync(folder))).toEqual([]);
  });

  it('keeps them for a disk that was kept when its VM was deleted, and what lies beside them by itself', async () => {
    const clone = await cloneOf(source, join(host.vmFolder, 'near'));
    const { notes = [] } = await new TestOperation().run((context) =>
      driver.delete(idOf(clone), { disks: 'keep' }, context),
    );
    const [kept] = disksIn(dirname(clone)).map((name) => join(dirname(clone), name));
    expect(notes).toContain(`Kept ${kept}, as asked.`);
    writeFileSync(join(dirname(source), 'mine.vmdk'), 'no disk');
    expect((await remove(source)).notes?.join('\n')).toMatch(/in use by ".*near.*Left .*mine\.vmdk: no VM uses it/s);
    expect(disksIn(dirname(source))).toEqual(['foreign-source.vmdk', 'mine.vmdk']);
    await host.call('vmware-vdiskmanager', '-e', kept!);
  });

  it('keeps what was to be kept whole, also when the last clone goes', async () => {
    const clone = await cloneOf(source, join(host.vmFolder, 'near'));
    await new TestOperation().run((context) => driver.delete(idOf(source), { disks: 'keep' }, context));
    const kept = disksIn(dirname(source));
    expect(kept).toEqual(['foreign-source-000001.vmdk', 'foreign-source.vmdk']);
    await remove(clone);
    expect(disksIn(dirname(source))).toEqual(kept);
    await host.call('vmware-vdiskmanager', '-e', join(dirname(source), kept[0]!));
    expect(await driver.list()).toEqual([]);
  });

  it('keeps what was to be kept for itself, and not only for the copy that names it', async () => {
    const disk = join(dirname(source), 'foreign-source-000001.vmdk');
    const copy = await host.foreignVm(host.vmFolder, 'copy', {
      'scsi0.present': 'TRUE',
      'scsi0:0.present': 'TRUE',
      'scsi0:0.fileName': disk,
    });
    await new TestOperation().run((context) => driver.delete(idOf(source), { disks: 'keep' }, context));
    expect((await driver.volumes.list()).map(({ path }) => path)).toEqual([]);
    await remove(copy);
    expect(existsSync(disk)).toBe(true);
  });

  it('keeps a disk of several parts as one volume', async () => {
    const split = join(host.vmFolder, 'split', 'split.vmdk');
    mkdirSync(dirname(split));
    await host.call('vmware-vdiskmanager', '-c', '-s', '64MB', '-a', 'lsilogic', '-t', '1', split);
    expect(disksIn(dirname(split)).length).toBeGreaterThan(1);
    expect((await driver.volumes.list()).map(({ path }) => path)).toEqual([split]);
    const volume = volumeIdOf(split);
    expect(await new TestOperation().run((context) => driver.volumes.delete(volume, context))).toBe('changed');
    expect(disksIn(dirname(split))).toEqual([]);
  });

  describe('and of which only a disk is left', () => {
    /** What the clone had, and all that it stands on, which is kept for it. */
    const onlyItsDisk = async (clone: string) => {
      await remove(source);
      const [disk] = disksIn(dirname(clone)).map((name) => join(dirname(clone), name));
      expect(disksIn(dirname(source))).toEqual(['foreign-source.vmdk']);
      return disk!;
    };
    const detach = (clone: string) => async (context: OperationContext) => {
      const { device } = (await driver.get(idOf(clone))).disks[0] ?? { device: 'scsi0:0' };
      return driver.reconfigure.apply(idOf(clone), { removeDisks: [{ device, keep: false }] }, context);
    };

    it.each<[string, string, (clone: string) => Promise<(context: OperationContext) => Promise<unknown>>]>([
      [
        'as a volume',
        'delete the volume',
        async (clone) => {
          const [name] = disksIn(dirname(clone));
          const path = join(dirname(clone), name!);
          await new TestOperation().run((context) => driver.delete(idOf(clone), { disks: 'keep' }, context));
          return (context) => driver.volumes.delete(volumeIdOf(path), context);
        },
      ],
      ['of a VM', 'delete ', async (clone) => detach(clone)],
    ])('takes them along %s, also when the agent died between the two', async (_, step, giveUp) => {
      const clone = await cloneOf(source, join(host.vmFolder, 'near'));
      const disk = await onlyItsDisk(clone);
      const act = await giveUp(clone);
      const operation = new TestOperation();
      for (let at = 0; !operation.steps.at(-1)?.startsWith(step); at += 1) {
        const next = operation.again();
        next.cut = { step: at, moment: 'before' };
        await expect(next.run(act)).rejects.toThrow(Death);
        operation.steps = next.steps;
      }
      // So far the one came that died.
      rmSync(disk);
      await operation.again().run(act);
      expect(existsSync(dirname(source))).toBe(false);
    });

    it('takes them along at the power-off, also when the agent died between the two', async () => {
      const clone = await cloneOf(source, join(host.vmFolder, 'near'));
      const disk = await onlyItsDisk(clone);
      await new TestOperation().run((context) => driver.start(idOf(clone), context));
      await new TestOperation().run(detach(clone));
      expect(existsSync(disk)).toBe(true);
      await host.vmrun('stop', clone, 'hard');
      rmSync(disk);
      await driver.list();
      expect(existsSync(dirname(source))).toBe(false);
    });
  });

  it('keeps the disks of one that names them by a symbolic link', async () => {
    const clone = await cloneOf(source, join(host.vmFolder, 'near'));
    // The list of clones can be lost, as with a copy.
    const vmsd = source.replace(/vmx$/, 'vmsd');
    writeFileSync(vmsd, readFileSync(vmsd, 'utf8').replace(/^.*lone\d*.*\n/gm, ''));
    symlinkSync(host.vmFolder, join(host.folder, 'link'));
    nameParentBy(clone, '/vms/', '/link/');
    expect((await remove(source)).notes?.join()).toMatch(/it is in use by "near"/);
    await expectStarts(clone);
  });

  it('keeps what a snapshot needs whose list cannot be read, and says which file that is', async () => {
    const vmsd = source.replace(/vmx$/, 'vmsd');
    const whole = readFileSync(vmsd);
    const disks = disksIn(dirname(source));
    rmSync(vmsd);
    symlinkSync(basename(vmsd), vmsd);
    const listed = (await driver.list()).find(({ nativeId }) => nativeId === idOf(source));
    expect(listed).toMatchObject({ unreadable: expect.stringContaining(`${vmsd} is a symbolic link`) });
    await expect(remove(source)).rejects.toThrow(vmsd);
    const change = new TestOperation().run((context) =>
      driver.snapshots!.create(idOf(source), { name: 'more' }, context),
    );
    await expect(change).rejects.toThrow(vmsd);
    expect(disksIn(dirname(source))).toEqual(disks);
    rmSync(vmsd);
    writeFileSync(vmsd, whole);
    expect((await driver.get(idOf(source))).snapshots).toMatchObject([{ name: 'base' }]);
  });
});

/** Spells the path of the disk below another way, in the descriptor that a sparse disk holds. */
function nameParentBy(vmx: string, from: string, to: string): void {
  const disk = readdirSync(dirname(vmx)).find((name) => name.endsWith('.vmdk'))!;
  const path = join(dirname(vmx), disk);
  const content = readFileSync(path, 'latin1');
  const hint = /parentFileNameHint="[^"]*"/.exec(content)![0];
  const other = hint.replace(from, to);
  // What comes behind the text keeps its place.
  const grown = content.replace(hint, other).replace(/\0{8}/, (zeros) => zeros.slice(other.length - hint.length));
  writeFileSync(path, Buffer.from(grown, 'latin1'));
}
