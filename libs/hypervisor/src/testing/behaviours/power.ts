import { expect } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import { expectProblem, type Suite } from '../suite.ts';
import { TestOperation } from '../test-operation.ts';

const graceful = { force: false, timeoutSeconds: 2 };
const forced = { force: true, timeoutSeconds: 2 };

export function describePower(suite: Suite): void {
  suite.area('power', () => {
    // Nothing to boot is on its disk, so that its guest never hears the power button.
    const deaf = suite.shared(() => ({ name: suite.name('deaf') }));

    suite.behaviour('starts a VM that is off, and starting it again changes nothing', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'stopped');
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

    suite.feature(
      'suspend.pause',
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

    suite.feature(
      'suspend.suspend',
      'suspends a VM to disk and resumes it; each twice changes nothing more',
      async (suspend) => {
        const nativeId = await deaf();
        await suite.bring(nativeId, 'running');
        expect(await suite.run((context) => suspend.suspend(nativeId, context))).toBe('changed');
        expect(await suite.stateOf(nativeId)).toBe('suspended');
        expect(await suite.run((context) => suspend.suspend(nativeId, context))).toBe('unchanged');
        expect(await suite.run((context) => suspend.resume(nativeId, context))).toBe('changed');
        expect(await suite.stateOf(nativeId)).toBe('running');
      },
    );

    suite.suspended('lets a suspended VM go on by start', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'suspended');
      expect(await suite.run((context) => suite.driver.start(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('running');
    });

    suite.feature('suspend.pause', 'suspends a paused VM', async (suspend) => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'paused');
      expect(await suite.run((context) => suspend.suspend(nativeId, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('suspended');
    });

    suite.feature('suspend.pause', 'stops a paused VM by force', async () => {
      const nativeId = await deaf();
      await suite.bring(nativeId, 'paused');
      expect(await suite.run((context) => suite.driver.stop(nativeId, forced, context))).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('stopped');
    });

    suite.suspended('discards what was saved of a suspended VM when it is stopped with force', async () => {
      const before = await suite.bench.leftovers();
      const nativeId = await suite.make({ start: true });
      await suite.bring(nativeId, 'suspended');
      const stop = (force: boolean) =>
        suite.run((context) => suite.driver.stop(nativeId, { force, timeoutSeconds: 1 }, context));
      const { message } = await expectProblem('wrong-state', stop(false));
      expect(message).toContain('stop it with force, which discards its saved memory');
      expect(await suite.stateOf(nativeId)).toBe('suspended');
      expect(await stop(true)).toBe('changed');
      expect(await suite.stateOf(nativeId)).toBe('stopped');
      expect(await stop(true)).toBe('unchanged');
      await suite.bring(nativeId, 'running');
      await suite.remove(nativeId);
      expect(await suite.bench.leftovers()).toEqual(before);
    });

    suite.suspended('deletes a suspended VM with what was saved of it', async () => {
      const before = await suite.bench.leftovers();
      const nativeId = await suite.make({ start: true });
      await suite.bring(nativeId, 'suspended');
      const { effect } = await suite.run((context) => suite.driver.delete(nativeId, { disks: 'delete' }, context));
      expect(effect).toBe('changed');
      expect(await suite.bench.leftovers()).toEqual(before);
    });
  });
}
