import { expect } from '@jest/globals';
import type { DiskAddition, HardwareChange, NativeId } from '@polyvirt/contracts';
import { expectProblem, type Suite } from '../suite.ts';

const blank: DiskAddition = { sizeGiB: 1, copy: 'cow' };

/** Disks come and go, and what is on one is lost only when somebody has said so. */
export function describeDisks(suite: Suite): void {
  const apply = (nativeId: NativeId, change: HardwareChange) =>
    suite.run((context) => suite.driver.reconfigure!.apply(nativeId, change, context));
  const disksOf = async (nativeId: NativeId) => (await suite.get(nativeId)).disks;
  const volumes = async () => (await suite.driver.volumes?.list(suite.signal())) ?? [];
  const missing = async () => (await suite.bench.files()).filter((file) => file.missing);
  const withVms = async <Result>(
    bodies: Parameters<Suite['make']>[0][],
    test: (...ids: NativeId[]) => Promise<Result>,
  ) => {
    const before = await suite.bench.leftovers();
    const made: NativeId[] = [];
    let result: Result;
    try {
      for (const body of bodies) made.push(await suite.make(body));
      result = await test(...made);
    } finally {
      for (const id of made.reverse()) await suite.remove(id);
    }
    expect(await suite.bench.leftovers()).toEqual(before);
    return result;
  };

  suite.area('disks', () => {
    suite.facet(
      'reconfigure',
      'adds disks, blank and from an image, and takes them away with all that is on them',
      () =>
        withVms([{}], async (nativeId) => {
          const [before, left] = [await disksOf(nativeId), await suite.bench.leftovers()];
          expect(await apply(nativeId, { addDisks: [blank, { image: suite.bench.image, copy: 'cow' }] })).toMatchObject(
            {
              effect: 'changed',
            },
          );
          const after = await disksOf(nativeId);
          expect(after).toEqual(expect.arrayContaining(before));
          const added = after.filter(({ device }) => !before.some((disk) => disk.device === device));
          expect(added).toHaveLength(2);
          expect(new Set(after.map(({ device }) => device)).size).toBe(3);
          expect(added.map(({ sizeGiB }) => sizeGiB)).toContain(1);
          await suite.bring(nativeId, 'running');
          await suite.bring(nativeId, 'stopped');
          expect(await disksOf(nativeId)).toEqual(after);
          expect(
            await apply(nativeId, { removeDisks: added.map(({ device }) => ({ device, keep: false })) }),
          ).toMatchObject({
            effect: 'changed',
          });
          expect(await disksOf(nativeId)).toEqual(before);
          expect(await suite.bench.leftovers()).toEqual(left);
        }),
    );

    suite.facet('reconfigure', 'names what is not there: device, image, volume; and changes nothing', () =>
      withVms([{}], async (nativeId) => {
        const before = await suite.get(nativeId);
        const bad: [Parameters<typeof expectProblem>[0], HardwareChange][] = [
          ['device-not-found', { removeDisks: [{ device: 'nope', keep: false }] }],
          ['image-not-found', { addDisks: [blank, { image: 'no-such-image', copy: 'cow' }] }],
          ['image-not-found', { addDisks: [{ image: suite.bench.iso, copy: 'cow' }] }],
        ];
        for (const [code, change] of bad) await expectProblem(code, apply(nativeId, change));
        expect(await suite.get(nativeId)).toEqual(before);
      }),
    );

    suite.feature('reconfigure.attachVolumes', 'attaches no volume that there is not', () =>
      withVms([{}], async (nativeId) => {
        for (const volume of ['nope', 'x'.repeat(24)])
          await expectProblem('volume-not-found', apply(nativeId, { addDisks: [{ volume, copy: 'cow' }] }));
      }),
    );

    suite.facet(
      'reconfigure',
      'keeps a disk as a volume that another VM takes, and never two at a time; or says why not',
      () =>
        withVms([{ disks: [blank, blank] }, { disks: [] }, { disks: [] }], async (from, to, third) => {
          const { device, path } = (await disksOf(from))[1]!;
          const detach = { removeDisks: [{ device, keep: true }] };
          const absent = suite.lackOf('reconfigure.keepDisks');
          if (absent !== undefined) {
            const { message } = await expectProblem('capability-missing', apply(from, detach));
            expect(message).toBe(absent);
            return { absent };
          }
          const others = await volumes();
          const { notes = [] } = await apply(from, detach);
          const kept = (await volumes()).filter(({ id }) => !others.some((one) => one.id === id));
          expect(kept).toMatchObject([{ sizeGiB: 1, path }]);
          const volume = kept[0]!.id;
          expect(notes.join('\n')).toContain(volume);
          const attach = (nativeId: NativeId) => apply(nativeId, { addDisks: [{ volume, copy: 'cow' }] });
          expect((await attach(to)).effect).toBe('changed');
          const [disk] = await disksOf(to);
          expect(disk).toMatchObject({ sizeGiB: 1, path });
          expect((await volumes()).map(({ id }) => id)).not.toContain(volume);
          for (const other of [third, from, to]) await expectProblem('volume-in-use', attach(other));
          await suite.bring(to, 'running');
          await suite.bring(to, 'stopped');
          await suite.run((context) => suite.driver.delete(to, { disks: 'keep' }, context));
          expect((await volumes()).map(({ id }) => id)).toContain(volume);
          // What is left of it goes with the third.
          expect((await attach(third)).effect).toBe('changed');
          const doomed = suite.run((context) => suite.driver.volumes!.delete(volume, context));
          await expectProblem('volume-in-use', doomed);
          return undefined;
        }),
    );

    suite.facet('volumes', 'deletes a volume, and no other', (facet) =>
      withVms([{ disks: [blank, blank] }], async (nativeId) => {
        const left = await suite.bench.leftovers();
        const { device, path } = (await disksOf(nativeId))[1]!;
        await apply(nativeId, { removeDisks: [{ device, keep: true }] });
        const kept = (await volumes()).find((volume) => volume.path === path)!;
        expect(await suite.run((context) => facet.delete(kept.id, context))).toBe('changed');
        expect((await volumes()).map(({ id }) => id)).not.toContain(kept.id);
        expect((await suite.bench.leftovers()).length).toBeLessThan(left.length);
        expect(await missing()).toEqual([]);
        for (const id of [kept.id, 'nope'])
          await expectProblem(
            'volume-not-found',
            suite.run((context) => facet.delete(id, context)),
          );
      }),
    );

    suite.feature('clone.linked', 'loses no disk that another VM stands on', () => {
      if (!suite.driver.reconfigure) return Promise.resolve();
      return withVms([{ disks: [blank, blank] }], async (base) => {
        const input = { name: suite.name('copy'), linked: true, start: false };
        const { nativeId: copy } = await suite.run((context) => suite.driver.clone!.clone(base, input, context));
        try {
          const { device } = (await disksOf(base))[1]!;
          const count = (await suite.bench.files()).length;
          const outcome = await apply(base, { removeDisks: [{ device, keep: false }] }).catch(
            (error: unknown) => error as Error,
          );
          // Refused, or done without touching what the copy needs.
          if (!(outcome instanceof Error) && count > 0) expect(await missing()).toEqual([]);
          await suite.bring(copy, 'running');
          await suite.bring(copy, 'stopped');
          expect(await missing()).toEqual([]);
        } finally {
          await suite.remove(copy);
        }
      });
    });

    suite.facet('snapshots', 'loses no disk that a snapshot of the VM brings back', (snapshots) => {
      if (!suite.driver.reconfigure) return Promise.resolve();
      return withVms([{ disks: [blank, blank] }], async (nativeId) => {
        const before = await disksOf(nativeId);
        const name = suite.name('held');
        const { snapshot } = await suite.run((context) => snapshots.create(nativeId, { name, memory: false }, context));
        const { device } = (await disksOf(nativeId))[1]!;
        const detach = apply(nativeId, { removeDisks: [{ device, keep: false }] });
        const refused = await detach.then(
          () => false,
          () => true,
        );
        expect(await missing()).toEqual([]);
        await suite.run((context) => snapshots.revert(nativeId, snapshot, context));
        expect((await disksOf(nativeId)).map(({ sizeGiB }) => sizeGiB)).toEqual(before.map(({ sizeGiB }) => sizeGiB));
        await suite.bring(nativeId, 'running');
        await suite.bring(nativeId, 'stopped');
        if (refused) await expectProblem('wrong-state', apply(nativeId, { removeDisks: [{ device, keep: false }] }));
        await suite.run((context) => snapshots.delete(nativeId, { snapshot, children: false }, context));
      });
    });

    suite.facet('reconfigure', 'adds a disk to a running VM and takes it away, at once or at the next power-off', () =>
      withVms([{ disks: [{ image: suite.bench.image, copy: 'cow' }], start: true }], async (nativeId) => {
        const left = await suite.bench.leftovers();
        const [root] = await disksOf(nativeId);
        await suite.bench.guestReady(nativeId);
        const others = await volumes();
        const add = async () => {
          await apply(nativeId, { addDisks: [blank] });
          // One that waits is nobody else's, either.
          expect(await volumes()).toEqual(others);
        };
        await add();
        if (suite.lackOf('reconfigure.addDisksLive') !== undefined && suite.driver.reconfigure!.drop) {
          await suite.run((context) => suite.driver.reconfigure!.drop!(nativeId, context));
          expect(await suite.bench.leftovers()).toEqual(left);
          await add();
        }
        const { disks, pendingChanges = [] } = await suite.get(nativeId);
        const waits = pendingChanges.some(({ pointer }) => pointer === '/disks/-');
        expect(waits).toBe(suite.lackOf('reconfigure.addDisksLive') !== undefined);
        expect(disks).toHaveLength(waits ? 1 : 2);
        if (waits) {
          await suite.bring(nativeId, 'stopped');
          expect(await disksOf(nativeId)).toHaveLength(2);
          await suite.bring(nativeId, 'running');
        }
        const added = (await disksOf(nativeId)).find(({ device }) => device !== root!.device)!;
        await apply(nativeId, { removeDisks: [{ device: added.device, keep: false }] });
        await suite.bring(nativeId, 'stopped');
        await suite.eventually('power-off without the disk', suite.timeoutMs / 2, async () => {
          const vm = await suite.get(nativeId);
          const files = await suite.bench.leftovers();
          return vm.disks.length === 1 && files.length === left.length && (vm.pendingChanges ?? []).length === 0;
        });
        expect(await suite.bench.leftovers()).toEqual(left);
      }),
    );
  });
}
