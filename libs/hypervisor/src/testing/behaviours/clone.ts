import { expect } from '@jest/globals';
import type { CloneVm, NativeId } from '@polyvirt/contracts';
import { expectProblem, type Suite } from '../suite.ts';

export function describeClone(suite: Suite): void {
  suite.area('clone', () => {
    const source = suite.shared(() => ({
      name: suite.name('source'),
      cpus: 2,
      nics: [{ network: suite.bench.network, address: 'auto' }],
    }));
    const clone = (from: NativeId, input: Partial<CloneVm>) => {
      const body = { name: suite.name('clone'), linked: false, start: false, ...input };
      return suite.run((context) => suite.driver.clone!.clone(from, body, context));
    };

    for (const linked of [false, true]) {
      const kind = linked ? 'linked' : 'full';
      suite.facet('clone', `makes a ${kind} clone with an id, MAC addresses and disks of its own`, async () => {
        const from = await source();
        const name = suite.name(`${kind} é`);
        const { nativeId, effect } = await clone(from, { name, linked });
        try {
          expect(effect).toBe('changed');
          expect(nativeId).not.toBe(from);
          const [original, copy] = [await suite.get(from), await suite.get(nativeId)];
          const { cpus, memoryMiB, firmware } = original;
          expect(copy).toMatchObject({ nativeId, name, state: 'stopped', cpus, memoryMiB, firmware });
          expect(copy.disks.map(({ sizeGiB }) => sizeGiB)).toEqual(original.disks.map(({ sizeGiB }) => sizeGiB));
          expect(copy.nics.map(({ network }) => network)).toEqual(original.nics.map(({ network }) => network));
          for (const { mac } of copy.nics) expect(original.nics.map((nic) => nic.mac)).not.toContain(mac);
          for (const { path } of copy.disks)
            if (path !== undefined) expect(original.disks.map((disk) => disk.path)).not.toContain(path);
          expect(await suite.named(original.name)).toHaveLength(1);
          await suite.bring(nativeId, 'running');
        } finally {
          await suite.remove(nativeId);
        }
      });
    }

    suite.facet('clone', 'powers the clone on when asked to', async () => {
      const { nativeId } = await clone(await source(), { linked: true, start: true });
      try {
        expect(await suite.stateOf(nativeId)).toBe('running');
        expect(await suite.stateOf(await source())).toBe('stopped');
      } finally {
        await suite.remove(nativeId);
      }
    });

    suite.facet('clone', 'gives a clone what is asked for in the place of what its source has', async () => {
      const from = await source();
      const before = await suite.get(from);
      const asked = { cpus: 1, memoryMiB: 2 * suite.bench.memoryMiB };
      const nics = [{ network: suite.bench.network, address: 'auto' as const, mac: suite.mac() }];
      const { nativeId } = await clone(from, { ...asked, nics, cloudInit: { userData: '#cloud-config\n' } });
      try {
        const copy = await suite.get(nativeId);
        expect(copy).toMatchObject({ ...asked, state: 'stopped' });
        expect(copy.nics.map(({ mac }) => mac)).toEqual(nics.map(({ mac }) => mac));
        // Of the user data a record shows nothing.
        expect(copy.cdrom ?? null).toBe(before.cdrom ?? null);
        expect(await suite.get(from)).toEqual(before);
        await suite.bring(nativeId, 'running');
      } finally {
        await suite.remove(nativeId);
      }
      const bare = await clone(from, { nics: [] });
      expect((await suite.get(bare.nativeId)).nics).toEqual([]);
      await suite.remove(bare.nativeId);
    });

    suite.facet('clone', 'gives a clone of a snapshot another size as well', async () => {
      const { snapshots } = suite.driver;
      if (!snapshots) return;
      const from = await suite.make({ cpus: 1 });
      try {
        const input = { name: 'to resize', memory: false };
        const { snapshot } = await suite.run((context) => snapshots.create(from, input, context));
        const asked = { cpus: 2, memoryMiB: 2 * suite.bench.memoryMiB };
        const { nativeId } = await clone(from, { snapshot, ...asked });
        expect(await suite.get(nativeId)).toMatchObject(asked);
        await suite.remove(nativeId);
      } finally {
        await suite.remove(from);
      }
    });

    suite.facet('clone', 'refuses what a clone cannot be given, and makes nothing', async () => {
      const from = await source();
      const before = await suite.bench.leftovers();
      const nics = [{ network: 'no-such-network', address: 'auto' as const }];
      await expectProblem('network-not-found', clone(from, { nics }));
      await expectProblem('insufficient-capacity', clone(from, { memoryMiB: 16_777_216 }));
      expect(await suite.bench.leftovers()).toEqual(before);
    });

    suite.facet('clone', 'answers name-taken for a name in use, and makes nothing', async () => {
      const from = await source();
      const { name } = await suite.get(from);
      const before = await suite.bench.leftovers();
      await expectProblem('name-taken', clone(from, { name }));
      expect(await suite.bench.leftovers()).toEqual(before);
    });

    suite.facet(
      'clone',
      'clones from a snapshot, and answers snapshot-not-found for one that is not there',
      async () => {
        const from = await source();
        const before = await suite.bench.leftovers();
        await expectProblem('snapshot-not-found', clone(from, { snapshot: 'no-such-snapshot' }));
        expect(await suite.bench.leftovers()).toEqual(before);
        const { snapshots } = suite.driver;
        if (!snapshots) return;
        const { snapshot } = await suite.run((context) =>
          snapshots.create(from, { name: 'to clone', memory: false }, context),
        );
        const { nativeId } = await clone(from, { snapshot });
        try {
          expect((await suite.get(nativeId)).snapshots).toEqual([]);
          await suite.bring(nativeId, 'running');
        } finally {
          await suite.remove(nativeId);
        }
      },
    );

    suite.facet('clone', 'keeps the disks of a deleted VM that a linked clone needs, and says so', async () => {
      const before = await suite.bench.leftovers();
      const from = await suite.make();
      const { nativeId } = await clone(from, { linked: true });
      try {
        const { effect, notes } = await suite.run((context) => suite.driver.delete(from, { disks: 'delete' }, context));
        expect(effect).toBe('changed');
        expect(notes?.join('\n')).toMatch(/\S/);
        await suite.bring(nativeId, 'running');
      } finally {
        await suite.remove(nativeId);
      }
      expect(await suite.find(from)).toBeUndefined();
      // What was kept for the clone went with it.
      expect(await suite.bench.leftovers()).toEqual(before);
    });
  });
}
