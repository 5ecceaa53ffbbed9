import { expect } from '@jest/globals';
import {
  commandOfVerb,
  commands,
  ProblemError,
  type BootDevice,
  type FeatureRef,
  type NativeId,
  type Verb,
} from '@polyvirt/contracts';
import { planOf } from '../../plan.ts';
import type { Suite } from '../suite.ts';
import { TestOperation } from '../test-operation.ts';

/** That a plan is what the act does, every act of the suite shows; here is the rest. */
export function describePlans(suite: Suite): void {
  suite.area('plans', () => {
    /** The plan, or the code that it refuses with. */
    const plan = async (verb: Verb, nativeId: NativeId | undefined, given: object) => {
      const definition = commands.find((command) => command.verb === verb)!;
      const input: unknown = definition.input.parse(given);
      const { capabilities } = suite.status;
      return planOf(suite.driver, definition, { nativeId, input }, capabilities, suite.signal()).catch(
        (error: unknown) => {
          if (error instanceof ProblemError) return error.code;
          throw error;
        },
      );
    };

    suite.behaviour('change nothing, whatever is planned and in whatever state', async () => {
      const nic = { network: suite.bench.network, address: 'auto' as const };
      const nativeId = await suite.make({ nics: [{ ...nic, mac: suite.mac() }] });
      const { disks, nics } = await suite.get(nativeId);
      const inputs: Record<Verb, object> = {
        'vm.create': suite.body({
          disks: [{ sizeGiB: 1, copy: 'cow' }],
          nics: [nic],
          start: true,
        }),
        'vm.delete': { disks: 'delete' },
        'vm.start': {},
        'vm.stop': { force: true },
        'vm.restart': { force: true },
        'vm.reset': {},
        'vm.suspend': {},
        'vm.pause': {},
        'vm.resume': {},
        'vm.reconfigure': { name: suite.name('planned'), cpus: 2, bootOrder: ['cdrom'], autostart: true },
        'vm.disk-add': { sizeGiB: 1 },
        'vm.disk-grow': { device: disks[0]!.device, sizeGiB: 2 },
        'vm.disk-detach': { device: disks[0]!.device, keep: false },
        'vm.nic-add': nic,
        'vm.nic-change': { mac: nics[0]!.mac, connected: false },
        'vm.nic-remove': { mac: nics[0]!.mac },
        'vm.cdrom-set': { image: suite.bench.iso },
        'volume.delete': { volume: 'planned' },
        'image.create': { name: suite.name('planned'), url: 'https://images.invalid/planned.iso' },
        'image.delete': { image: 'planned' },
        'vm.pending-changes-drop': {},
        'vm.clone': { name: suite.name('planned') },
        'vm.snapshot-create': { name: 'planned' },
        'vm.snapshot-revert': { snapshot: 'planned' },
        'vm.snapshot-delete': { snapshot: 'planned' },
      };
      try {
        for (const state of ['stopped', 'running'] as const) {
          await suite.bring(nativeId, state);
          const [before, leftovers] = [await suite.get(nativeId), await suite.bench.leftovers()];
          for (const [verb, input] of Object.entries(inputs) as [Verb, object][])
            await plan(verb, commandOfVerb(verb)!.isOfVm ? nativeId : undefined, input);
          expect(await suite.get(nativeId)).toEqual(before);
          expect(await suite.bench.leftovers()).toEqual(leftovers);
        }
      } finally {
        await suite.remove(nativeId);
      }
    });

    suite.feature(
      'reconfigure.dropPending',
      'can be withdrawn as long as they wait for the power-off',
      async (facet) => {
        const nativeId = await suite.make({ cpus: 1, start: true });
        const drop = () => suite.run((context) => facet.drop!(nativeId, context));
        try {
          expect(await drop()).toBe('unchanged');
          const before = await suite.get(nativeId);
          const input = { cpus: 2, memoryMiB: suite.bench.memoryMiB * 2 };
          await suite.run((context) => facet.apply(nativeId, input, context));
          const { pendingChanges = [], cpus, memoryMiB } = await suite.get(nativeId);
          expect(pendingChanges).not.toEqual([]);
          expect(await drop()).toBe('changed');
          // What was changed live stays.
          expect(await suite.get(nativeId)).toEqual({ ...before, cpus, memoryMiB });
          expect(await drop()).toBe('unchanged');
          await suite.bring(nativeId, 'stopped');
          expect(await suite.get(nativeId)).toMatchObject({ cpus, memoryMiB });
        } finally {
          await suite.remove(nativeId);
        }
      },
    );

    suite.facet('reconfigure', 'come about as a whole, or not at all, wherever a change fails', async (facet) => {
      const nic = { network: suite.bench.network, address: 'auto' as const };
      const can = (ref: FeatureRef) => suite.lackOf(ref) === undefined;
      const blank = { sizeGiB: 1, copy: 'cow' as const };
      const kept = { mac: suite.mac(), connected: false };
      const nativeId = await suite.make({ disks: [blank], cpus: 1, nics: [{ ...nic, mac: kept.mac }, nic] });
      const before = await suite.get(nativeId);
      const leftovers = await suite.bench.leftovers();
      const input = {
        name: suite.name('renamed'),
        cpus: 2,
        memoryMiB: suite.bench.memoryMiB * 2,
        addNics: [{ ...nic, mac: suite.mac() }],
        removeNics: [before.nics[1]!.mac!],
        addDisks: [blank],
        ...(can('reconfigure.nicLink') && { changeNics: [kept] }),
        ...(can('reconfigure.cdrom') && { cdrom: suite.bench.iso }),
        ...(can('reconfigure.bootOrder') && { bootOrder: ['cdrom', 'disk'] as BootDevice[] }),
        ...(can('reconfigure.template') && { template: true }),
        ...(can('reconfigure.keepDisks') && { removeDisks: [{ device: before.disks[0]!.device, keep: true }] }),
      };
      try {
        for (let step = 0; ; step += 1) {
          const operation = new TestOperation();
          operation.failAfter = step;
          const failed = await operation
            .run((context) => facet.apply(nativeId, input, context))
            .then(
              () => false,
              (error: unknown) => {
                // Anything else is an undo that failed.
                expect(String(error)).toMatch(/was made to fail/);
                return true;
              },
            );
          if (!failed) break;
          expect({ after: operation.steps, vm: await suite.get(nativeId) }).toEqual({
            after: operation.steps,
            vm: before,
          });
          expect(await suite.bench.leftovers()).toEqual(leftovers);
        }
        const { name, cpus, memoryMiB } = input;
        const after = await suite.get(nativeId);
        expect(after).toMatchObject({ name, cpus, memoryMiB });
        expect(after.template ?? false).toBe(can('reconfigure.template'));
        expect(after.disks).toHaveLength(can('reconfigure.keepDisks') ? 1 : 2);
        if (!can('reconfigure.keepDisks')) return undefined;
        // What was kept goes with the VM again.
        const back = (await suite.driver.volumes!.list(suite.signal())).find(
          ({ path }) => path === before.disks[0]!.path,
        )!;
        const attach = { addDisks: [{ volume: back.id, copy: 'cow' as const }] };
        await suite.run((context) => facet.apply(nativeId, attach, context));
        return undefined;
      } finally {
        await suite.remove(nativeId);
      }
    });
  });
}
