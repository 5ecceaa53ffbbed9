import { randomUUID } from 'node:crypto';
import type { OperationContext } from '../../driver.ts';
import { expectProblem, type Suite } from '../suite.ts';

const graceful = { force: false, timeoutSeconds: 1 };

/** Every legal native id is a question that deserves an answer, also one that this hypervisor would never give. */
const unknownIds = [randomUUID(), 'nope', 'A_b-9', '0', 'x'.repeat(128)];

export function describeUnknown(suite: Suite): void {
  const refuses = (nativeId: string, method: (context: OperationContext) => Promise<unknown>) =>
    expectProblem('vm-not-found', suite.run(method)).catch((error: unknown) => {
      throw new Error(`with the id ${nativeId}`, { cause: error });
    });
  const each = async (test: (nativeId: string) => Promise<unknown>) => {
    for (const nativeId of unknownIds) await test(nativeId);
  };

  suite.area('unknown VM', () => {
    suite.behaviour('answers vm-not-found to get', () =>
      each((id) => expectProblem('vm-not-found', suite.driver.get(id, suite.signal()))),
    );
    suite.behaviour('answers vm-not-found to start, stop, restart and reset', () =>
      each(async (id) => {
        await refuses(id, (context) => suite.driver.start(id, context));
        await refuses(id, (context) => suite.driver.stop(id, graceful, context));
        await refuses(id, (context) => suite.driver.stop(id, { ...graceful, force: true }, context));
        await refuses(id, (context) => suite.driver.restart(id, graceful, context));
        await refuses(id, (context) => suite.driver.restart(id, { ...graceful, force: true }, context));
        await refuses(id, (context) => suite.driver.reset(id, context));
      }),
    );
    suite.behaviour('answers vm-not-found to delete', () =>
      each((id) => refuses(id, (context) => suite.driver.delete(id, { disks: 'delete' }, context))),
    );
    suite.facet('suspend', 'answers vm-not-found to suspend, pause and resume', (suspend) =>
      each(async (id) => {
        await refuses(id, (context) => suspend.suspend(id, context));
        await refuses(id, (context) => suspend.pause(id, context));
        await refuses(id, (context) => suspend.resume(id, context));
      }),
    );
    suite.facet('reconfigure', 'answers vm-not-found to reconfigure', (reconfigure) =>
      each((id) => refuses(id, (context) => reconfigure.apply(id, { cpus: 1 }, context))),
    );
    suite.facet('clone', 'answers vm-not-found to clone', (clone) =>
      each((id) => {
        const input = { name: suite.name(), linked: false, start: false };
        return refuses(id, (context) => clone.clone(id, input, context));
      }),
    );
    suite.facet('snapshots', 'answers vm-not-found to every call about snapshots', (snapshots) =>
      each(async (id) => {
        await refuses(id, (context) => snapshots.create(id, { name: 'a', memory: false }, context));
        await refuses(id, (context) => snapshots.revert(id, 'a', context));
        await refuses(id, (context) => snapshots.delete(id, { snapshot: 'a', children: false }, context));
      }),
    );
    suite.facet('console', 'answers vm-not-found to a console', (console) =>
      each(async (id) => {
        for (const kind of ['graphic', 'text'] as const)
          if (console[kind]) await expectProblem('vm-not-found', console[kind](id, suite.signal()));
      }),
    );
    suite.facet('guest', 'answers vm-not-found to questions for the guest', (guest) =>
      each((id) => expectProblem('vm-not-found', guest.read(id, suite.signal()))),
    );
    suite.facet('export', 'answers vm-not-found to an export', (exporting) =>
      each((id) => expectProblem('vm-not-found', exporting.definition(id, suite.signal()))),
    );
  });
}
