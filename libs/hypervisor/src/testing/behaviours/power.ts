import { expect } from '@jest/globals';
import { ProblemError, verdictOn, type NativeId, type VmAction, type VmState } from '@polyvirt/contracts';
import type { OperationContext } from '../../driver.ts';
import { expectProblem, type Suite } from '../suite.ts';
import { TestOperation } from '../test-operation.ts';

const graceful = { force: false, timeoutSeconds: 2 };
const forced = { force: true, timeoutSeconds: 2 };

/** Actions that a state can refuse, and how the driver is asked for each. */
const asks: Partial<Record<VmAction, (suite: Suite, id: NativeId, context: OperationContext) => Promise<unknown>>> = {
  start: ({ driver }, id, context) => driver.start(id, context),
  stop: ({ driver }, id, context) => driver.stop(id, graceful, context),
  'stop-force': ({ driver }, id, context) => driver.stop(id, forced, context),
  restart: ({ driver }, id, context) => driver.restart(id, graceful, context),
  'restart-force': ({ driver }, id, context) => driver.restart(id, forced, context),
  reset: ({ driver }, id, context) => driver.reset(id, context),
  delete: async ({ driver }, id, context) => (await driver.delete(id, { disks: 'delete' }, context)).effect,
};
const suspendAsks: typeof asks = {
  suspend: ({ driver }, id, context) => driver.suspend!.suspend(id, context),
  pause: ({ driver }, id, context) => driver.suspend!.pause(id, context),
  resume: ({ driver }, id, context) => driver.suspend!.resume(id, context),
};
const facetAsks: typeof asks = {
  reconfigure: ({ driver }, id, context) => driver.reconfigure!.apply(id, { cpus: 2 }, context),
  clone: (suite, id, context) =>
    suite.driver.clone!.clone(id, { name: suite.name(), linked: false, start: false }, context),
  'snapshot-create': ({ driver }, id, context) => driver.snapshots!.create(id, { name: 'x', memory: false }, context),
  console: ({ driver }, id, { signal }) => driver.console!.open(id, signal),
};
const facetOf: Partial<Record<VmAction, 'reconfigure' | 'clone' | 'snapshots' | 'console'>> = {
  reconfigure: 'reconfigure',
  clone: 'clone',
  'snapshot-create': 'snapshots',
  console: 'console',
};

export function describePower(suite: Suite): void {
  suite.area('power', () => {
    // Nothing to boot is on its disk, so that its guest never hears the power button.
    const deaf = suite.shared(() => ({ name: suite.name('deaf') }));

    /** In a state, what the table of contracts forbids is refused, and what already is changes nothing. */
    const holdsTable = async (state: VmState, table: typeof asks) => {
      const nativeId = await deaf();
      await suite.bring(nativeId, state as 'running');
      for (const [action, ask] of Object.entries(table) as [VmAction, NonNullable<(typeof asks)[VmAction]>][]) {
        const facet = facetOf[action];
        if (facet !== undefined && suite.driver[facet] === undefined) continue;
        const verdict = verdictOn(action, state);
        const call = () => suite.run((context) => ask(suite, nativeId, context));
        if (!verdict.allowed) await expectProblem('wrong-state', call());
        else if (verdict.already) expect({ action, effect: await call() }).toEqual({ action, effect: 'unchanged' });
        expect({ action, state: await suite.stateOf(nativeId) }).toEqual({ action, state });
      }
    };
    const everything = { ...asks, ...facetAsks };

    suite.behaviour('starts a VM that is off, and starting it again changes nothing', async () => {
      const nativeId = await deaf();
      expect(await suite.run((context) => suite.driver.start(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
      expect(await suite.run((context) => suite.driver.start(nativeId, context))).toBe('unchanged');
    });

    suite.behaviour(
      'lets a graceful stop run into timed-out when the guest does not listen; the VM stays on',
      async () => {
        const nativeId = await deaf();
        await suite.bring(nativeId, 'running');
        await expectProblem(
          'timed-out',
          suite.run((context) => suite.driver.stop(nativeId, graceful, context)),
        );
        expect(await suite.stateOf(nativeId)).toBe('running');
      },
    );

    suite.behaviour('lets a graceful restart run into timed-out just so', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'running');
      await expectProblem(
        'timed-out',
        suite.run((context) => suite.driver.restart(nativeId, graceful, context)),
      );
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.behaviour('gives up a graceful stop at once when it is cancelled; the VM stays on', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'running');
      const operation = new TestOperation();
      const stopping = operation.run((context) =>
        suite.driver.stop(nativeId, { force: false, timeoutSeconds: 600 }, context),
      );
      const refused = expect(stopping).rejects.toThrow(ProblemError);
      setTimeout(() => operation.cancel(), 200);
      await refused;
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.behaviour('resets a VM that is on; it is on afterwards', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'running');
      expect(await suite.run((context) => suite.driver.reset(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.behaviour('restarts by force; the VM is on afterwards', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'running');
      expect(await suite.run((context) => suite.driver.restart(nativeId, forced, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.behaviour('stops by force, and stopping again, either way, changes nothing', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'running');
      expect(await suite.run((context) => suite.driver.stop(nativeId, forced, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('stopped');
      expect(await suite.run((context) => suite.driver.stop(nativeId, forced, context))).toBe('unchanged');
      expect(await suite.run((context) => suite.driver.stop(nativeId, graceful, context))).toBe('unchanged');
    });

    suite.behaviour('refuses with wrong-state what makes no sense for a VM that is off', () =>
      holdsTable('stopped', everything),
    );
    suite.behaviour('refuses with wrong-state what makes no sense for a running VM', () =>
      holdsTable('running', everything),
    );

    suite.facet(
      'suspend',
      'pauses a running VM and lets it go on; each twice changes nothing more',
      async (suspend) => {
        const nativeId = await deaf();
        await suite.bring(nativeId, 'running');
        expect(await suite.run((context) => suspend.pause(nativeId, context))).toBe('changed');
        expect(await suite.stateOf(nativeId)).toBe('paused');
        expect(await suite.run((context) => suspend.pause(nativeId, context))).toBe('unchanged');
        expect(await suite.run((context) => suspend.resume(nativeId, context))).toBe('changed');
        expect(await suite.stateOf(nativeId)).toBe('running');
        expect(await suite.run((context) => suspend.resume(nativeId, context))).toBe('unchanged');
      },
    );

    suite.facet('suspend', 'suspends a VM to disk and resumes it; each twice changes nothing more', async (suspend) => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'running');
      expect(await suite.run((context) => suspend.suspend(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('suspended');
      expect(await suite.run((context) => suspend.suspend(nativeId, context))).toBe('unchanged');
      expect(await suite.run((context) => suspend.resume(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.facet('suspend', 'lets a suspended VM go on by start', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'suspended');
      expect(await suite.run((context) => suite.driver.start(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.facet('suspend', 'suspends a paused VM', async (suspend) => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'paused');
      expect(await suite.run((context) => suspend.suspend(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('suspended');
    });

    suite.facet('suspend', 'refuses with wrong-state what makes no sense for a suspended VM', () =>
      holdsTable('suspended', { ...everything, ...suspendAsks }),
    );
    suite.facet('suspend', 'refuses with wrong-state what makes no sense for a paused VM', () =>
      holdsTable('paused', { ...everything, ...suspendAsks }),
    );
    suite.facet('suspend', 'refuses to suspend, pause or resume a VM that is off', () =>
      holdsTable('stopped', suspendAsks),
    );

    suite.facet('suspend', 'stops a paused VM by force', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'paused');
      expect(await suite.run((context) => suite.driver.stop(nativeId, forced, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('stopped');
    });

    suite.facet('suspend', 'deletes a suspended VM with what was saved of it', async () => {
      const before = await suite.bench.leftovers();
      const nativeId = await suite.make({ start: true });
      await suite.bring(nativeId, 'suspended');
      const { effect } = await suite.run((context) => suite.driver.delete(nativeId, { disks: 'delete' }, context));
      expect(effect).toBe('changed');
      expect(await suite.bench.leftovers()).toEqual(before);
    });
  });
}
