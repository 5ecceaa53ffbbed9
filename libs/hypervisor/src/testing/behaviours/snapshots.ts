import { expect } from '@jest/globals';
import { ProblemError, type CreateVm, type Firmware, type NativeId, type Snapshot } from '@polyvirt/contracts';
import type { SnapshotFacet } from '../../driver.ts';
import { expectProblem, type Suite } from '../suite.ts';

/** All of it for VMs of either firmware: one with UEFI has variables beside its disks, which a snapshot holds too. */
export function describeSnapshots(suite: Suite): void {
  for (const firmware of ['bios', 'uefi'] as const) describeSnapshotsOf(suite, firmware);
}

function describeSnapshotsOf(suite: Suite, firmware: Firmware): void {
  suite.area(firmware === 'uefi' ? 'snapshots with UEFI' : 'snapshots', () => {
    const shared = suite.shared(() => ({ name: suite.name('snap'), firmware }));
    const make = (input: Partial<CreateVm> = {}) => suite.make({ ...input, firmware });
    const promise = (
      behaviour: string,
      test: (snapshots: SnapshotFacet) => Promise<{ absent: string } | void>,
    ): void =>
      firmware === 'uefi'
        ? suite.feature<'snapshots'>('snapshots.uefi', behaviour, test)
        : suite.facet('snapshots', behaviour, test);

    const take = async (nativeId: NativeId, name: string, memory = false) => {
      const input = { name, memory, description: `before ${name}` };
      const { snapshot, effect } = await suite.run((context) =>
        suite.driver.snapshots!.create(nativeId, input, context),
      );
      expect(effect).toBe('changed');
      return snapshot;
    };
    const revert = (nativeId: NativeId, snapshot: string) =>
      suite.run(async (context) => (await suite.driver.snapshots!.revert(nativeId, snapshot, context)).effect);
    const drop = (nativeId: NativeId, snapshot: string, children = false) =>
      suite.run(
        async (context) => (await suite.driver.snapshots!.delete(nativeId, { snapshot, children }, context)).effect,
      );
    const tree = async (nativeId: NativeId): Promise<Snapshot[]> => (await suite.get(nativeId)).snapshots;
    const current = async (nativeId: NativeId) =>
      (await tree(nativeId)).filter((one) => one.current).map(({ id }) => id);

    promise('takes snapshots of a VM that is off; the list is a tree', async () => {
      const nativeId = await make({ name: suite.name('snap') });
      try {
        const a = await take(nativeId, 'first "one"');
        const b = await take(nativeId, 'second é 🚀');
        const list = await tree(nativeId);
        expect(list.find(({ id }) => id === a)).toMatchObject({
          name: 'first "one"',
          description: 'before first "one"',
          parent: null,
          current: false,
          memory: false,
          state: 'stopped',
        });
        expect(list.find(({ id }) => id === b)).toMatchObject({ name: 'second é 🚀', parent: a, current: true });
        expect(await revert(nativeId, a)).toBe('changed');
        expect(await current(nativeId)).toEqual([a]);
        const c = await take(nativeId, 'third');
        expect((await tree(nativeId)).find(({ id }) => id === c)).toMatchObject({ parent: a, current: true });
      } finally {
        await suite.remove(nativeId);
      }
    });

    promise('answers name-taken for the name of a snapshot in use on the VM', async (snapshots) => {
      const nativeId = await shared();
      await take(nativeId, 'taken');
      const again = suite.run((context) => snapshots.create(nativeId, { name: 'taken', memory: false }, context));
      await expectProblem('name-taken', again);
      expect((await tree(nativeId)).filter(({ name }) => name === 'taken')).toHaveLength(1);
    });

    promise('answers snapshot-not-found to a revert to one that is not there', async () => {
      await expectProblem('snapshot-not-found', revert(await shared(), 'no-such-snapshot'));
    });

    promise('moves the children of a deleted snapshot up, and deleting it again changes nothing', async () => {
      const nativeId = await make();
      try {
        const a = await take(nativeId, 'a');
        const b = await take(nativeId, 'b');
        const c = await take(nativeId, 'c');
        expect(await drop(nativeId, b)).toBe('changed');
        const list = await tree(nativeId);
        expect(list.map(({ id }) => id).sort()).toEqual([a, c].sort());
        expect(list.find(({ id }) => id === c)).toMatchObject({ parent: a, current: true });
        expect(await drop(nativeId, b)).toBe('unchanged');
      } finally {
        await suite.remove(nativeId);
      }
    });

    promise('deletes a snapshot with everything below it; the VM stays as it is', async () => {
      const nativeId = await make();
      try {
        const a = await take(nativeId, 'a');
        const b = await take(nativeId, 'b');
        await take(nativeId, 'c');
        await revert(nativeId, b);
        await take(nativeId, 'd');
        expect(await drop(nativeId, b, true)).toBe('changed');
        expect((await tree(nativeId)).map(({ id }) => id)).toEqual([a]);
        expect(await suite.stateOf(nativeId)).toBe('stopped');
        await suite.bring(nativeId, 'running');
      } finally {
        await suite.remove(nativeId);
      }
    });

    promise('brings the hardware of the snapshot back', async () => {
      const { reconfigure } = suite.driver;
      if (!reconfigure) return;
      const nativeId = await make({ cpus: 1 });
      try {
        const a = await take(nativeId, 'a');
        await suite.run((context) => reconfigure.apply(nativeId, { cpus: 2 }, context));
        expect(await revert(nativeId, a)).toBe('changed');
        expect(await suite.get(nativeId)).toMatchObject({ cpus: 1, state: 'stopped' });
      } finally {
        await suite.remove(nativeId);
      }
    });

    promise('keeps the memory of a running VM; a revert runs on from there', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      const before = await tree(nativeId);
      const taken = await take(nativeId, 'with memory', true).catch((error: unknown) => {
        // A product whose snapshots hold disks only says so, rather than take less than was asked for.
        if (error instanceof ProblemError && error.code === 'capability-missing') return error;
        throw error;
      });
      if (taken instanceof ProblemError) {
        expect(taken.message).toMatch(/\S/);
        expect(await tree(nativeId)).toEqual(before);
        return { absent: taken.message };
      }
      const a = taken;
      expect((await tree(nativeId)).find(({ id }) => id === a)).toMatchObject({ memory: true, state: 'running' });
      expect(await suite.stateOf(nativeId)).toBe('running');
      await suite.bring(nativeId, 'stopped');
      expect(await revert(nativeId, a)).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
      return undefined;
    });

    promise('takes one of a running VM when nothing is said of its memory', async (snapshots) => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      const input = { name: suite.name('as-can-be') };
      const { effect, snapshot } = await suite.run((context) => snapshots.create(nativeId, input, context));
      expect(effect).toBe('changed');
      expect((await tree(nativeId)).map(({ id }) => id)).toContain(snapshot);
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    promise('reverts to a snapshot without memory as a VM that is off', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'stopped');
      const a = await take(nativeId, 'without memory');
      await suite.bring(nativeId, 'running');
      expect(await revert(nativeId, a)).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('stopped');
    });

    promise('leaves nothing of a VM that is deleted with its snapshots', async () => {
      const before = await suite.bench.leftovers();
      const nativeId = await make();
      await take(nativeId, 'a');
      await take(nativeId, 'b');
      await suite.remove(nativeId);
      expect(await suite.bench.leftovers()).toEqual(before);
    });
  });
}
