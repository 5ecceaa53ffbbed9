import { expect } from '@jest/globals';
import type { CreateSnapshot, FeatureRef, NativeId, ReconfigureVm } from '@polyvirt/contracts';
import { expectProblem, type Suite } from '../suite.ts';

/** What a host says of its features is what happens: one that it has works, one that it lacks is refused in the same words. */
export function describeFeatures(suite: Suite): void {
  /** The call works, or is refused with the reason that the probe gives. */
  const holds = async (ref: FeatureRef, call: () => Promise<unknown>) => {
    const absent = suite.lackOf(ref);
    if (absent === undefined) {
      await call();
      return undefined;
    }
    const { message } = await expectProblem('capability-missing', call());
    expect(message).toBe(absent);
    return { absent };
  };
  const snap = (nativeId: NativeId, input: Omit<CreateSnapshot, 'name'>) => {
    const name = suite.name('snap');
    return suite.run((context) => suite.driver.snapshots!.create(nativeId, { name, ...input }, context));
  };
  const apply = (nativeId: NativeId, input: ReconfigureVm) =>
    suite.run((context) => suite.driver.reconfigure!.apply(nativeId, input, context));
  const clone = async (from: NativeId, more: { linked?: boolean; snapshot?: string }) => {
    const input = { name: suite.name('copy'), linked: false, start: false, ...more };
    const { nativeId } = await suite.run((context) => suite.driver.clone!.clone(from, input, context));
    await suite.remove(nativeId);
  };
  const withVm = async <Result>(
    input: Parameters<Suite['make']>[0],
    test: (nativeId: NativeId) => Promise<Result>,
  ): Promise<Result> => {
    const nativeId = await suite.make(input);
    try {
      return await test(nativeId);
    } finally {
      await suite.remove(nativeId);
    }
  };

  suite.area('features', () => {
    const shared = suite.shared(() => ({ name: suite.name('featured') }));

    suite.facet('snapshots', 'memory: keeps the memory of a running VM when told to, or says why not', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      return holds('snapshots.memory', () => snap(nativeId, { memory: true }));
    });

    suite.facet('snapshots', 'runningWithoutMemory: leaves it out when told to, or says why not', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      return holds('snapshots.runningWithoutMemory', () => snap(nativeId, { memory: false }));
    });

    suite.facet('snapshots', 'uefi: takes and brings back snapshots of a UEFI VM, or says why not', async (snapshots) =>
      withVm({ firmware: 'uefi' }, (nativeId) =>
        holds('snapshots.uefi', async () => {
          const { snapshot } = await snap(nativeId, { memory: false });
          expect(await suite.run((context) => snapshots.revert(nativeId, snapshot, context))).toBe('changed');
          await suite.bring(nativeId, 'running');
        }),
      ),
    );

    suite.facet(
      'snapshots',
      'of a VM without a disk are taken, or refused beforehand with what they lack',
      async () => {
        await withVm({ disks: [] }, async (nativeId) => {
          // The plan of each act is compared with it.
          const refused = await snap(nativeId, { memory: false }).then(
            () => undefined,
            (error: unknown) => error,
          );
          const { snapshots } = await suite.get(nativeId);
          if (refused === undefined) expect(snapshots).toHaveLength(1);
          else await expectProblem('capability-missing', Promise.reject(refused));
        });
      },
    );

    suite.behaviour('a network configuration reaches the guest, or is refused at its field beforehand', async () => {
      const before = await suite.bench.leftovers();
      const cloudInit = { userData: '#cloud-config\n', networkConfig: 'version: 2\n' };
      const made = await suite.make({ disks: [], cloudInit }).catch((error: unknown) => error);
      if (typeof made === 'string') await suite.remove(made);
      else {
        const { extras, message } = await expectProblem('invalid-input', Promise.reject(made));
        expect(extras).toMatchObject({ errors: [{ pointer: '/cloudInit/networkConfig' }] });
        expect(message).not.toContain('version: 2');
      }
      expect(await suite.bench.leftovers()).toEqual(before);
    });

    suite.facet('clone', 'linked: shares the disks of the source, or says why not', async () => {
      const nativeId = await suite.make();
      try {
        return await holds('clone.linked', () => clone(nativeId, { linked: true }));
      } finally {
        await suite.remove(nativeId);
      }
    });

    suite.facet('clone', 'linkedOfSnapshot: makes a linked clone of a snapshot, or says why not', async () => {
      if (!suite.driver.snapshots) return;
      return withVm({}, async (nativeId) => {
        const { snapshot } = await snap(nativeId, { memory: false });
        return holds('clone.linkedOfSnapshot', () => clone(nativeId, { linked: true, snapshot }));
      });
    });

    suite.facet('clone', 'running: copies a VM that is on, or says that it has to be off', async () => {
      const nativeId = await shared();
      await suite.bring(nativeId, 'running');
      const absent = suite.lackOf('clone.running');
      if (absent === undefined) await clone(nativeId, {});
      else await expectProblem('wrong-state', clone(nativeId, {}));
      expect(await suite.stateOf(nativeId)).toBe('running');
      return absent === undefined ? undefined : { absent };
    });

    suite.facet('suspend', 'pause and suspend: work, or say why not whatever the state', async (suspend) => {
      const nativeId = await shared();
      for (const [ref, verb] of [
        ['suspend.pause', 'pause'],
        ['suspend.suspend', 'suspend'],
      ] as const) {
        const call = () => suite.run((context) => suspend[verb](nativeId, context));
        await suite.bring(nativeId, 'running');
        const outcome = await holds(ref, call);
        await suite.bring(nativeId, 'stopped');
        if (outcome) await holds(ref, call);
      }
    });

    suite.facet(
      'reconfigure',
      'nameLive, cpusLive, memoryLive, disksLive, nicsLive: at once exactly if the host says so',
      () =>
        withVm({ cpus: 1, start: true }, async (nativeId) => {
          const { device } = (await suite.get(nativeId)).disks[0]!;
          const { network } = suite.bench;
          const changes: [FeatureRef, field: string, ReconfigureVm][] = [
            ['reconfigure.nameLive', '/name', { name: suite.name('renamed') }],
            ['reconfigure.disksLive', '/disks', { disks: [{ device, sizeGiB: 2 }] }],
            ['reconfigure.cpusLive', '/cpus', { cpus: 2 }],
            ['reconfigure.memoryLive', '/memoryMiB', { memoryMiB: suite.bench.memoryMiB * 2 }],
            ['reconfigure.nicsLive', '/nics', { addNics: [{ network, address: 'auto' }] }],
          ];
          for (const [ref, field, input] of changes) {
            await apply(nativeId, input);
            const { pendingChanges = [] } = await suite.get(nativeId);
            const waits = pendingChanges.some(({ pointer }) => pointer.startsWith(field));
            expect({ ref, waits }).toEqual({ ref, waits: suite.lackOf(ref) !== undefined });
          }
        }),
    );

    suite.facet('reconfigure', 'growWithSnapshots: grows a disk that snapshots hang on, or says why not', async () => {
      if (!suite.driver.snapshots) return;
      return withVm({}, async (nativeId) => {
        await snap(nativeId, { memory: false });
        const [{ device }] = (await suite.get(nativeId)).disks as [{ device: string }];
        return holds('reconfigure.growWithSnapshots', () => apply(nativeId, { disks: [{ device, sizeGiB: 2 }] }));
      });
    });

    suite.facet(
      'networks',
      'fixedAddresses: some network of the host gives them, or it says why not',
      async (networks) => {
        const absent = suite.lackOf('networks.fixedAddresses');
        const list = await networks.list(suite.signal());
        if (absent === undefined) return;
        expect(list.filter(({ fixedAddresses }) => fixedAddresses)).toEqual([]);
        return { absent };
      },
    );
  });
}
