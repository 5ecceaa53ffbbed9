import { expect } from '@jest/globals';
import { ProblemError, type BootDevice, type CreateVm, type FeatureRef, type NativeId } from '@polyvirt/contracts';
import type { HypervisorDriver, OperationContext } from '../../driver.ts';
import type { Suite } from '../suite.ts';
import { Death, TestOperation, type Cut } from '../test-operation.ts';

/** One command that may be interrupted anywhere, and how to see that it left the host as it should. */
interface Attempt {
  run(driver: HypervisorDriver, context: OperationContext): Promise<unknown>;
  /** After it has ended as asked. */
  ended(): Promise<void>;
  /** After it was taken back. */
  undone?(): Promise<void>;
  /** Removes what it stands on. */
  cleanUp(): Promise<void>;
}

export function describeInterruption(suite: Suite): void {
  const countSteps = async (begin: () => Promise<Attempt>): Promise<number> => {
    const attempt = await begin();
    const operation = new TestOperation();
    await operation.run((context) => attempt.run(suite.driver, context));
    await attempt.ended();
    await attempt.cleanUp();
    return operation.steps.length;
  };
  const cutsOf = (steps: number): Cut[] =>
    Array.from({ length: steps }, (_, step) => [
      { step, moment: 'before' } as const,
      { step, moment: 'after' } as const,
    ]).flat();

  /** The driver of a process that has been started anew. */
  const inNewProcess = async <Result>(work: (driver: HypervisorDriver) => Promise<Result>): Promise<Result> => {
    const driver = await suite.bench.open();
    try {
      return await work(driver);
    } finally {
      await driver.close();
    }
  };
  const cutAt = async (attempt: Attempt, cut: Cut): Promise<TestOperation> => {
    const operation = new TestOperation();
    operation.cut = cut;
    await expect(operation.run((context) => attempt.run(suite.driver, context))).rejects.toThrow(Death);
    return operation;
  };
  const tell = (cut: Cut, error: unknown) => new Error(`cut ${cut.moment} step ${cut.step}`, { cause: error });

  const resumes = async (begin: () => Promise<Attempt>) => {
    for (const cut of cutsOf(await countSteps(begin))) {
      const before = await suite.bench.leftovers();
      const attempt = await begin();
      try {
        const dead = await cutAt(attempt, cut);
        await inNewProcess((driver) => dead.again().run((context) => attempt.run(driver, context)));
        await attempt.ended();
      } catch (error) {
        throw tell(cut, error);
      } finally {
        await attempt.cleanUp();
      }
      expect(await suite.bench.leftovers()).toEqual(before);
    }
  };
  const takesBack = async (
    begin: () => Promise<Attempt>,
    fail: (attempt: Attempt, step: number) => Promise<unknown>,
    steps: number,
  ) => {
    for (let step = 0; step < steps; step += 1) {
      const attempt = await begin();
      const before = await suite.bench.leftovers();
      try {
        await fail(attempt, step);
        await attempt.undone!();
        expect(await suite.bench.leftovers()).toEqual(before);
      } catch (error) {
        throw new Error(`at step ${step}`, { cause: error });
      } finally {
        await attempt.cleanUp();
      }
    }
  };
  const failsAt = (attempt: Attempt, step: number) => {
    const operation = new TestOperation();
    operation.failAfter = step;
    return expect(operation.run((context) => attempt.run(suite.driver, context))).rejects.toThrow('made to fail');
  };
  const cancelledAt = (attempt: Attempt, step: number) => {
    const operation = new TestOperation();
    operation.cancelAfter = step;
    return expect(operation.run((context) => attempt.run(suite.driver, context))).rejects.toThrow('cancelled');
  };
  const cancelledAfterCut = async (attempt: Attempt, step: number) => {
    const dead = await cutAt(attempt, { step, moment: 'after' });
    const again = dead.again();
    again.cancelAfter = -1;
    await inNewProcess((driver) =>
      expect(again.run((context) => attempt.run(driver, context))).rejects.toThrow('cancelled'),
    );
  };

  /** A create with all that a create can make. */
  const create = async (): Promise<Attempt> => {
    const body = suite.body({
      disks: [
        { image: suite.bench.image, copy: 'cow' },
        { sizeGiB: 1, copy: 'cow' },
      ],
      nics: [{ network: suite.bench.network, address: 'auto' }],
      cloudInit: { userData: '#cloud-config\n' },
      start: true,
    });
    return {
      run: (driver, context) => driver.create(body, context),
      ended: async () => {
        const vms = await suite.named(body.name);
        expect(vms).toHaveLength(1);
        expect(vms[0]).toMatchObject({ state: 'running' });
        expect(vms[0]!.disks).toHaveLength(2);
      },
      undone: async () => expect(await suite.named(body.name)).toEqual([]),
      cleanUp: async () => {
        for (const { nativeId } of await suite.named(body.name)) await suite.remove(nativeId);
      },
    };
  };

  suite.area('interruption', () => {
    const source = suite.shared(() => ({ name: suite.name('standing') }));
    const clone = (linked: boolean) => async (): Promise<Attempt> => {
      const from = await source();
      const input = { name: suite.name('cut'), linked, start: false };
      return {
        run: (driver, context) => driver.clone!.clone(from, input, context),
        ended: async () => expect(await suite.named(input.name)).toHaveLength(1),
        undone: async () => expect(await suite.named(input.name)).toEqual([]),
        cleanUp: async () => {
          for (const { nativeId } of await suite.named(input.name)) await suite.remove(nativeId);
        },
      };
    };
    const snapshotOf = (from: () => Promise<NativeId>) => async (): Promise<Attempt> => {
      const nativeId = await from();
      const input = { name: suite.name('photo'), memory: false };
      const found = async () => (await suite.get(nativeId)).snapshots.filter(({ name }) => name === input.name);
      return {
        run: (driver, context) => driver.snapshots!.create(nativeId, input, context),
        ended: async () => expect(await found()).toHaveLength(1),
        undone: async () => expect(await found()).toEqual([]),
        cleanUp: async () => {
          for (const { id } of await found())
            await suite.run((context) =>
              suite.driver.snapshots!.delete(nativeId, { snapshot: id, children: false }, context),
            );
        },
      };
    };
    const onOwnVm = async (
      prepare: (nativeId: NativeId) => Promise<void>,
      run: (nativeId: NativeId) => Attempt['run'],
      ended: (nativeId: NativeId) => Promise<void>,
      input: Partial<CreateVm> = {},
    ): Promise<Attempt> => {
      const nativeId = await suite.make(input);
      await prepare(nativeId);
      return { run: run(nativeId), ended: () => ended(nativeId), cleanUp: () => suite.remove(nativeId) };
    };

    suite.behaviour('ends a create that was cut at any step with exactly one VM', () => resumes(create));
    suite.behaviour('leaves nothing of a create that fails at any step', async () =>
      takesBack(create, failsAt, await countSteps(create)),
    );
    suite.behaviour('leaves nothing of a create that is cancelled at any step boundary', async () =>
      // When the last step has ended there is nothing left to cancel.
      takesBack(create, cancelledAt, (await countSteps(create)) - 1),
    );
    suite.behaviour('leaves nothing of a create that was cut at any step and then cancelled', async () =>
      takesBack(create, cancelledAfterCut, await countSteps(create)),
    );

    for (const linked of [false, true]) {
      const kind = linked ? 'linked' : 'full';
      suite.facet('clone', `ends a ${kind} clone that was cut at any step with exactly one VM`, () =>
        resumes(clone(linked)),
      );
      suite.facet('clone', `leaves nothing of a ${kind} clone that fails or is cancelled at any step`, async () => {
        const steps = await countSteps(clone(linked));
        await takesBack(clone(linked), failsAt, steps);
        await takesBack(clone(linked), cancelledAt, steps - 1);
      });
    }

    suite.facet(
      'clone',
      'ends a linked clone that was cut at any step, or leaves nothing of it, when its source was started since',
      async () => {
        const from = await source();
        // What is done and not noted is what a repeat may trip over.
        const cuts = cutsOf(await countSteps(clone(true))).filter(({ moment }) => moment === 'after');
        for (const cut of cuts) {
          const before = await suite.bench.leftovers();
          const attempt = await clone(true)();
          try {
            const dead = await cutAt(attempt, cut);
            await suite.bring(from, 'running');
            const going = inNewProcess((driver) => dead.again().run((context) => attempt.run(driver, context)));
            const problem = await going.then(
              () => undefined,
              (error: unknown) => error,
            );
            if (problem !== undefined && !(problem instanceof ProblemError)) throw problem;
            await (problem ? attempt.undone!() : attempt.ended());
            expect(await suite.stateOf(from)).toBe('running');
          } catch (error) {
            throw tell(cut, error);
          } finally {
            await suite.bring(from, 'stopped');
            await attempt.cleanUp();
          }
          expect(await suite.bench.leftovers()).toEqual(before);
        }
      },
    );

    for (const firmware of ['bios', 'uefi'] as const) {
      const isUefi = firmware === 'uefi';
      const of = isUefi ? ' of a UEFI VM' : '';
      const from = isUefi ? suite.shared(() => ({ name: suite.name('standing'), firmware })) : source;
      const promise = (behaviour: string, test: () => Promise<void>): void =>
        isUefi ? suite.feature('snapshots.uefi', behaviour, test) : suite.facet('snapshots', behaviour, test);
      const snapshot = snapshotOf(from);
      const onOneWithASnapshot = (
        run: (nativeId: NativeId, taken: string) => Attempt['run'],
        ended: (nativeId: NativeId, taken: string) => Promise<void>,
      ): Promise<void> => {
        let taken = '';
        return resumes(() =>
          onOwnVm(
            async (id) => {
              const input = { name: 'kept', memory: false };
              taken = (await suite.run((context) => suite.driver.snapshots!.create(id, input, context))).snapshot;
            },
            (id) => run(id, taken),
            (id) => ended(id, taken),
            { firmware },
          ),
        );
      };

      promise(`ends a snapshot${of} that was cut at any step with exactly one`, () => resumes(snapshot));
      promise(`leaves nothing of a snapshot${of} that fails or is cancelled at any step`, async () => {
        const steps = await countSteps(snapshot);
        await takesBack(snapshot, failsAt, steps);
        await takesBack(snapshot, cancelledAt, steps - 1);
      });
      promise(`ends a revert to a snapshot${of} that was cut at any step`, () =>
        onOneWithASnapshot(
          (id, taken) => (driver, context) => driver.snapshots!.revert(id, taken, context),
          async (id, taken) =>
            expect(await suite.get(id)).toMatchObject({ state: 'stopped', snapshots: [{ id: taken, current: true }] }),
        ),
      );
      promise(`ends a deletion of a snapshot${of} that was cut at any step`, () =>
        onOneWithASnapshot(
          (id, taken) => (driver, context) =>
            driver.snapshots!.delete(id, { snapshot: taken, children: false }, context),
          async (id) => expect((await suite.get(id)).snapshots).toEqual([]),
        ),
      );
    }

    suite.behaviour('ends a deletion that was cut at any step, with nothing left', () =>
      resumes(() =>
        onOwnVm(
          async () => {},
          (id) => (driver, context) => driver.delete(id, { disks: 'delete' }, context),
          async (id) => expect(await suite.find(id)).toBeUndefined(),
        ),
      ),
    );

    suite.behaviour('ends a restart that was cut at any step with a VM that is on', () =>
      resumes(() =>
        onOwnVm(
          (id) => suite.bring(id, 'running'),
          (id) => (driver, context) => driver.restart(id, { force: true, timeoutSeconds: 1 }, context),
          async (id) => expect(await suite.stateOf(id)).toBe('running'),
        ),
      ),
    );

    suite.facet('reconfigure', 'ends a reconfiguration that was cut at any step as asked', () => {
      const asked = { cpus: 2, memoryMiB: 2 * suite.bench.memoryMiB };
      const can = (ref: FeatureRef) => suite.lackOf(ref) === undefined;
      let [name, device] = ['', ''];
      return resumes(() =>
        onOwnVm(
          async () => {
            name = suite.name('as asked');
            device = '';
          },
          (id) => async (driver, context) => {
            // What a repeat is asked for does not depend on how far it has come.
            device ||= (await driver.get(id, context.signal)).disks[0]!.device;
            const nics = [{ network: suite.bench.network, address: 'auto' as const }];
            const input = {
              ...asked,
              name,
              addNics: nics,
              disks: [{ device, sizeGiB: 2 }],
              addDisks: [{ sizeGiB: 1, copy: 'cow' as const }],
              ...(can('reconfigure.cdrom') && { cdrom: suite.bench.iso }),
              ...(can('reconfigure.bootOrder') && { bootOrder: ['cdrom', 'disk'] as BootDevice[] }),
              // A template does not start with its host.
              ...(can('reconfigure.autostart') ? { autostart: true } : { template: true }),
            };
            return driver.reconfigure!.apply(id, input, context);
          },
          async (id) => {
            const vm = await suite.get(id);
            expect(vm).toMatchObject({ ...asked, name });
            expect(vm.disks.map(({ sizeGiB }) => sizeGiB)).toEqual([2, 1]);
            expect(vm.nics).toHaveLength(1);
            if (can('reconfigure.cdrom')) expect(vm.cdrom).toBe(suite.bench.iso);
            expect(vm).toMatchObject(can('reconfigure.autostart') ? { autostart: true } : { template: true });
            if (can('reconfigure.bootOrder')) expect(vm.bootOrder).toEqual(['cdrom', 'disk']);
          },
        ),
      );
    });

    suite.facet('reconfigure', 'ends a disk that goes, cut at any step, with nothing left of it', () => {
      let device = '';
      return resumes(() =>
        onOwnVm(
          async (id) => {
            const blank = { sizeGiB: 1, copy: 'cow' as const };
            await suite.run((context) => suite.driver.reconfigure!.apply(id, { addDisks: [blank] }, context));
            device = (await suite.get(id)).disks[1]!.device;
          },
          (id) => (driver, context) =>
            driver.reconfigure!.apply(id, { removeDisks: [{ device, keep: false }] }, context),
          async (id) => expect((await suite.get(id)).disks).toHaveLength(1),
        ),
      );
    });
  });
}
