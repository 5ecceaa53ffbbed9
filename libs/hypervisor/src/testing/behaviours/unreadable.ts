import { expect } from '@jest/globals';
import { ProblemError, type DriverVm, type NativeId } from '@polyvirt/contracts';
import { isReadable, type Change, type UnreadableVm } from '../../driver.ts';
import { stepsPerGiB } from '../../gib.ts';
import { expectProblem, type Suite } from '../suite.ts';

/** A change shows within a second. */
const noticedWithinMs = 1_000;

/** One VM that cannot be read is that VM's trouble, and nobody else's. */
export function describeUnreadable(suite: Suite): void {
  suite.area('unreadable VM', () => {
    const healthy = suite.shared(() => ({ name: suite.name('healthy'), disks: [] }));

    /** Spoils a VM, shows it to the test, and removes it. */
    const withOdd = async (test: (odd: { name: string; found: UnreadableVm | undefined }) => Promise<void>) => {
      await healthy();
      const name = suite.name('odd');
      const { nativeId, mend } = await suite.bench.otherTool.makeUnreadable(name);
      let isMended = false;
      const mendOnce = async () => {
        if (!isMended) await mend();
        isMended = true;
      };
      try {
        const found = await unreadableOf(nativeId, name);
        await test({ name, found });
        await mendOnce();
        const vm = await suite.eventually('mended VM in the list', suite.timeoutMs / 2, async () =>
          (await suite.driver.list(suite.signal())).filter(isReadable).find((one) => one.name === name),
        );
        expect(await suite.get(vm.nativeId)).toMatchObject({ name, state: 'stopped' });
        if (nativeId !== undefined) expect(vm.nativeId).toBe(nativeId);
      } finally {
        await mendOnce();
        for (const { nativeId: id } of await suite.named(name)) await suite.bench.otherTool.remove(id);
      }
    };
    const unreadableOf = async (nativeId: string | undefined, name: string) => {
      const listed = await suite.driver.list(suite.signal());
      const readable = listed.filter(isReadable).map((vm) => vm.nativeId);
      expect(readable).toContain(await healthy());
      const odd = listed.filter((vm): vm is UnreadableVm => !isReadable(vm));
      const found = odd.find((vm) => (nativeId === undefined ? vm.name === name : vm.nativeId === nativeId));
      if (nativeId !== undefined) expect(found).toBeDefined();
      for (const { unreadable } of odd) expect(unreadable).toMatch(/^\S[^\n]*[.!?]$/);
      return found;
    };

    suite.behaviour('lists it as unreadable with a sentence, `get` says the same, and mended it is back', () =>
      withOdd(async ({ found }) => {
        if (!found) return;
        const error = await suite.driver.get(found.nativeId, suite.signal()).then(
          () => undefined,
          (problem: unknown) => problem as ProblemError,
        );
        expect(error).toBeInstanceOf(ProblemError);
        expect(['host-rejected', 'timed-out']).toContain(error!.code);
        expect(error!.message).toBe(found.unreadable);
      }),
    );

    suite.behaviour('keeps nothing else from being made, named, changed and deleted', () =>
      withOdd(async () => {
        const { driver } = suite;
        const name = suite.name('beside');
        const nativeId = await suite.make({ name, disks: [] });
        try {
          await expectProblem(
            'name-taken',
            suite.run((context) => driver.create(suite.body({ name, disks: [] }), context)),
          );
          const renamed = suite.name('renamed');
          if (driver.reconfigure) {
            await suite.run((context) => driver.reconfigure!.apply(nativeId, { name: renamed }, context));
            expect((await suite.get(nativeId)).name).toBe(renamed);
          }
          await suite.bring(nativeId, 'running');
          await suite.bring(nativeId, 'stopped');
        } finally {
          await suite.remove(nativeId);
        }
        expect(await suite.find(nativeId)).toBeUndefined();
      }),
    );

    suite.facet('metrics', 'is left out of a sweep, which has all others', async (metrics) => {
      const nativeId = await healthy();
      await suite.bring(nativeId, 'running');
      await withOdd(async ({ found }) => {
        const readings = await suite.eventually('reading of another VM', suite.timeoutMs / 2, async () => {
          const all = await metrics.sweep(suite.signal());
          return all.some((one) => one.nativeId === nativeId) && all;
        });
        if (found) expect(readings.map((one) => one.nativeId)).not.toContain(found.nativeId);
      });
      await suite.bring(nativeId, 'stopped');
    });

    suite.feature('clone.linked', 'loses nothing that it may stand on, and what stays for it is told', async () => {
      const before = (await suite.bench.files()).map(({ path }) => path);
      const from = await suite.make();
      const input = { name: suite.name('copy'), linked: true, start: false };
      const { nativeId: copy } = await suite.run((context) => suite.driver.clone!.clone(from, input, context));
      const remove = async (nativeId: NativeId) => {
        const { notes = [] } = await suite.run((context) =>
          suite.driver.delete(nativeId, { disks: 'delete' }, context),
        );
        return notes;
      };
      const told: string[] = [];
      try {
        const shared = (await suite.bench.files()).filter(({ users }) =>
          [from, copy].every((id) => users.includes(id)),
        );
        const show = await suite.bench.otherTool.hide(copy);
        try {
          told.push(...(await remove(from)));
        } finally {
          await show();
        }
        const files = await suite.bench.files();
        expect(files.filter(({ missing }) => missing)).toEqual([]);
        for (const { path } of shared) expect(told.join('\n')).toContain(path);
        await suite.eventually('VM that is seen again', suite.timeoutMs / 2, () => suite.find(copy));
        await suite.bring(copy, 'running');
        await suite.bring(copy, 'stopped');
        told.push(...(await remove(copy)));
      } finally {
        await suite.remove(copy);
        await suite.remove(from);
      }
      for (const { path } of await suite.bench.files())
        if (!before.includes(path)) expect(told.join('\n')).toContain(path);
    });

    suite.facet('watch', 'keeps no change of another VM from being noticed', (watch) =>
      withOdd(async () => {
        const nativeId = await healthy();
        const stop = new AbortController();
        const seen: Change[] = [];
        const watching = (async () => {
          for await (const change of watch.changes(stop.signal)) seen.push(change);
        })();
        const turn = async () =>
          suite.bring(nativeId, (await suite.stateOf(nativeId)) === 'running' ? 'stopped' : 'running');
        try {
          await suite.eventually('first change', suite.timeoutMs / 2, async () => {
            await turn();
            return seen.length > 0;
          });
          seen.length = 0;
          await turn();
          await suite.eventually('notice of another VM', noticedWithinMs, async () =>
            seen.some((change) => change === 'everything' || change.nativeId === nativeId),
          );
        } finally {
          stop.abort();
          await watching;
        }
      }),
    );
  });

  suite.area('what is not known', () => {
    suite.behaviour('is absent and never zero, and sizes have no more than six decimals', async () => {
      const image = { image: suite.bench.image, copy: 'cow' as const };
      const nativeId = await suite.make({ disks: [image, { sizeGiB: 1, copy: 'cow' }] });
      try {
        const vms = (await suite.driver.list(suite.signal())).filter(isReadable);
        const images = (await suite.driver.images?.list(suite.signal())) ?? [];
        const templates = (await suite.driver.images?.templates(suite.signal())) ?? [];
        const told = (vm: DriverVm) => vm.disks.map(({ sizeGiB }) => sizeGiB);
        const sizes = [...vms.flatMap(told), ...images.map(sizeOf), ...templates.map(sizeOf)];
        expect(sizes.length).toBeGreaterThanOrEqual(2);
        for (const size of sizes) {
          if (size === undefined) continue;
          expect(size).toBeGreaterThan(0);
          expect(size).toBe(Math.round(size * stepsPerGiB) / stepsPerGiB);
        }
        for (const { cpus, memoryMiB, name } of vms) {
          expect({ name, cpus }).not.toEqual({ name, cpus: 0 });
          expect({ name, memoryMiB }).not.toEqual({ name, memoryMiB: 0 });
          expect(name).toMatch(/\S/);
        }
      } finally {
        await suite.remove(nativeId);
      }
    });

    suite.behaviour('device names are unique within a VM, MAC addresses are in one form', async () => {
      const nic = { network: suite.bench.network, address: 'auto' as const };
      const blank = { sizeGiB: 1, copy: 'cow' as const };
      const nativeId = await suite.make({ disks: [blank, blank, blank], nics: [nic, nic], cdrom: suite.bench.iso });
      try {
        const { disks, nics } = await suite.get(nativeId);
        expect(new Set(disks.map(({ device }) => device)).size).toBe(3);
        for (const { mac } of nics) expect(mac).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
      } finally {
        await suite.remove(nativeId);
      }
    });
  });
}

const sizeOf = ({ sizeGiB }: { sizeGiB?: number | undefined }) => sizeGiB;
