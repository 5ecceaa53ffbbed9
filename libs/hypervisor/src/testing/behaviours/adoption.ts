import { expect } from '@jest/globals';
import type { NativeId } from '@polyvirt/contracts';
import type { Change } from '../../driver.ts';
import { expectProblem, type Suite } from '../suite.ts';

/** A hand edit shows within a second. */
const noticedWithinMs = 1_000;

export function describeAdoption(suite: Suite): void {
  suite.area('other tools', () => {
    /** With a VM that another tool made. */
    const withForeign = async (test: (nativeId: NativeId) => Promise<void>): Promise<void> => {
      const nativeId = await suite.bench.otherTool.make(suite.name('foreign'));
      try {
        await test(nativeId);
      } finally {
        await suite.remove(nativeId);
      }
    };

    suite.behaviour('adopts a VM that another tool made', () =>
      withForeign(async (nativeId) => {
        const vm = await suite.get(nativeId);
        expect(vm.state).toBe('stopped');
        expect(await suite.named(vm.name)).toHaveLength(1);
        expect(await suite.run((context) => suite.driver.start(nativeId, context))).toBe('changed');
        expect(await suite.stateOf(nativeId)).toBe('running');
      }),
    );

    suite.behaviour('sees what another tool did to a VM', () =>
      withForeign(async (nativeId) => {
        const { otherTool } = suite.bench;
        await suite.bring(nativeId, 'running');
        await otherTool.powerOff(nativeId);
        expect(await suite.stateOf(nativeId)).toBe('stopped');
        const name = suite.name('renamed');
        await otherTool.rename(nativeId, name);
        expect((await suite.get(nativeId)).name).toBe(name);
      }),
    );

    suite.facet('watch', 'tells within a second what other tools and it itself change', (watch) =>
      withForeign(async (nativeId) => {
        const { otherTool } = suite.bench;
        await suite.bring(nativeId, 'stopped');
        const stop = new AbortController();
        const seen: Change[] = [];
        const watching = (async () => {
          for await (const change of watch.changes(stop.signal)) seen.push(change);
        })();
        const notices = async (what: string, id: NativeId | undefined, act: () => Promise<unknown>) => {
          seen.length = 0;
          await act();
          await suite.eventually(what, noticedWithinMs, async () =>
            seen.some((change) => change === 'everything' || change.nativeId === id),
          );
        };
        try {
          // The subscription itself may take a moment; from the first notice on it stands.
          await suite.eventually('first change', suite.timeoutMs / 2, async () => {
            await suite.bring(nativeId, (await suite.stateOf(nativeId)) === 'running' ? 'stopped' : 'running');
            return seen.length > 0;
          });
          await suite.bring(nativeId, 'stopped');
          await notices('notice of a start', nativeId, () => suite.bring(nativeId, 'running'));
          await notices('notice of a power-off by another tool', nativeId, () => otherTool.powerOff(nativeId));
          await notices('notice of a rename by another tool', nativeId, () =>
            otherTool.rename(nativeId, suite.name('again')),
          );
          seen.length = 0;
          const other = await otherTool.make(suite.name('other'));
          await suite.eventually('notice of a VM made by another tool', noticedWithinMs, async () =>
            seen.some((change) => change === 'everything' || change.nativeId === other),
          );
          await notices('notice of a VM removed by another tool', other, () => otherTool.remove(other));
        } finally {
          stop.abort();
          await watching;
        }
      }),
    );

    suite.behaviour('answers vm-not-found for a VM that another tool removed', () =>
      withForeign(async (nativeId) => {
        await suite.bring(nativeId, 'stopped');
        await suite.bench.otherTool.remove(nativeId);
        await expectProblem('vm-not-found', suite.driver.get(nativeId, suite.signal()));
        const removal = suite.run((context) => suite.driver.delete(nativeId, { disks: 'delete' }, context));
        await expectProblem('vm-not-found', removal);
      }),
    );
  });
}
