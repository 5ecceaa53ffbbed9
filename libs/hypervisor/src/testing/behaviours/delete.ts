import { expect } from '@jest/globals';
import { expectProblem, type Suite } from '../suite.ts';
import { TestOperation } from '../test-operation.ts';

export function describeDelete(suite: Suite): void {
  suite.area('delete', () => {
    suite.behaviour('deletes a VM with its disks, and finds it gone the next time', async () => {
      const before = await suite.bench.leftovers();
      const nativeId = await suite.make({
        disks: [
          { sizeGiB: 1, copy: 'cow' },
          { image: suite.bench.image, copy: 'cow' },
        ],
        cloudInit: { userData: '#cloud-config\n' },
      });
      const remove = (operation: TestOperation) =>
        operation.run((context) => suite.driver.delete(nativeId, { disks: 'delete' }, context));
      const first = new TestOperation();
      expect((await remove(first)).effect).toBe('changed');
      await expectProblem('vm-not-found', suite.driver.get(nativeId, suite.signal()));
      expect(await suite.bench.leftovers()).toEqual(before);
      await expectProblem('vm-not-found', remove(new TestOperation()));
      // The same operation, delivered once more, knows that it was itself.
      expect((await remove(first.again())).effect).toBe('changed');
    });

    suite.behaviour('keeps the image that a disk is a copy-on-write layer over', async () => {
      await suite.remove(await suite.make({ disks: [{ image: suite.bench.image, copy: 'cow' }] }));
      const again = await suite.make({ disks: [{ image: suite.bench.image, copy: 'full' }] });
      await suite.remove(again);
    });

    suite.behaviour('keeps the disks when asked to, and says which', async () => {
      const before = await suite.bench.leftovers();
      const nativeId = await suite.make();
      const { effect, notes } = await suite.run((context) => suite.driver.delete(nativeId, { disks: 'keep' }, context));
      expect(effect).toBe('changed');
      expect(notes?.join('\n')).toMatch(/\S/);
      await expectProblem('vm-not-found', suite.driver.get(nativeId, suite.signal()));
      expect((await suite.bench.leftovers()).length).toBeGreaterThan(before.length);
    });

    suite.behaviour('refuses a VM that is on with wrong-state, and it runs on', async () => {
      const nativeId = await suite.make({ start: true, disks: [] });
      try {
        const call = suite.run((context) => suite.driver.delete(nativeId, { disks: 'delete' }, context));
        await expectProblem('wrong-state', call);
        expect(await suite.stateOf(nativeId)).toBe('running');
      } finally {
        await suite.remove(nativeId);
      }
    });
  });
}
