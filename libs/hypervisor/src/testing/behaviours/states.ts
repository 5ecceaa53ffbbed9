import { expect } from '@jest/globals';
import {
  needsOf,
  ProblemError,
  verdictOn,
  vmActions,
  type NativeId,
  type Snapshot,
  type VmAction,
  type VmState,
} from '@polyvirt/contracts';
import type { Effect, HypervisorDriver, OperationContext } from '../../driver.ts';
import { requireConsole } from '../../facets.ts';
import type { StateRow } from '../report.ts';
import { expectProblem, type Suite } from '../suite.ts';

const graceful = { force: false, timeoutSeconds: 1 };
const forced = { force: true, timeoutSeconds: 1 };

type KnownState = Exclude<VmState, 'unknown'>;

interface Asked {
  readonly driver: HypervisorDriver;
  readonly id: NativeId;
  readonly context: OperationContext;
  readonly name: string;
  readonly snapshot: string | undefined;
}

/** How a driver is asked for each action of the table. Metrics have no state of their own to refuse. */
const asks: Partial<Record<VmAction, (asked: Asked) => Promise<Effect>>> = {
  start: ({ driver, id, context }) => driver.start(id, context),
  stop: ({ driver, id, context }) => driver.stop(id, graceful, context),
  'stop-force': ({ driver, id, context }) => driver.stop(id, forced, context),
  restart: ({ driver, id, context }) => driver.restart(id, graceful, context),
  'restart-force': ({ driver, id, context }) => driver.restart(id, forced, context),
  reset: ({ driver, id, context }) => driver.reset(id, context),
  suspend: ({ driver, id, context }) => driver.suspend!.suspend(id, context),
  pause: ({ driver, id, context }) => driver.suspend!.pause(id, context),
  resume: ({ driver, id, context }) => driver.suspend!.resume(id, context),
  reconfigure: async ({ driver, id, context, name }) => (await driver.reconfigure!.apply(id, { name }, context)).effect,
  clone: async ({ driver, id, context, name }) =>
    (await driver.clone!.clone(id, { name, linked: false, start: false }, context)).effect,
  'snapshot-create': async ({ driver, id, context, name }) =>
    (await driver.snapshots!.create(id, { name }, context)).effect,
  'snapshot-revert': async ({ driver, id, context, snapshot }) =>
    (await driver.snapshots!.revert(id, snapshot!, context)).effect,
  'snapshot-delete': async ({ driver, id, context, snapshot }) =>
    (await driver.snapshots!.delete(id, { snapshot: snapshot!, children: false }, context)).effect,
  console: async ({ driver, id, context }) => {
    (await (await requireConsole(driver, 'graphic'))(id, context.signal)).destroy();
    return 'unchanged';
  },
  'console-text': async ({ driver, id, context }) => {
    (await (await requireConsole(driver, 'text'))(id, context.signal)).destroy();
    return 'unchanged';
  },
  delete: async ({ driver, id, context }) => (await driver.delete(id, { disks: 'delete' }, context)).effect,
};

/** They are opened, which changes nothing. */
const consoles: readonly VmAction[] = ['console', 'console-text'];

/** What changes nothing of the state, also where it changes something else. */
const leaves: readonly VmAction[] = ['reconfigure', 'clone', 'snapshot-create', 'snapshot-delete', ...consoles];
/** Where an action ends that is told to have changed something. */
const leadsTo: Partial<Record<VmAction, VmState>> = {
  start: 'running',
  'stop-force': 'stopped',
  'restart-force': 'running',
  reset: 'running',
  suspend: 'suspended',
  pause: 'paused',
  resume: 'running',
};
/** Nothing to boot is on the disk, so no guest hears it. */
const asksGuest: readonly VmAction[] = ['stop', 'restart'];

/** Every verb in every state: what it does, whether it says so, what it advises; and all of it into the report. */
export function describeStates(suite: Suite): void {
  suite.area('states', () => {
    let current: NativeId | undefined;
    const copies: string[] = [];
    const vm = async () => (current ??= await suite.make({ name: suite.name('stateful') }));
    const removeAll = async () => {
      for (const name of copies.splice(0))
        for (const { nativeId } of await suite.named(name)) await suite.remove(nativeId);
      if (current !== undefined) await suite.remove(current);
      current = undefined;
    };

    const snapshotOf = async (action: VmAction, nativeId: NativeId): Promise<string | undefined> => {
      if (!suite.driver.snapshots || !['snapshot-revert', 'snapshot-delete'].includes(action)) return undefined;
      const { snapshots } = await suite.get(nativeId);
      const disksOnly = snapshots.find(({ memory }: Snapshot) => !memory);
      if (disksOnly) return disksOnly.id;
      await suite.bring(nativeId, 'stopped');
      const input = { name: suite.name('of-disks'), memory: false };
      return (await suite.run((context) => suite.driver.snapshots!.create(nativeId, input, context))).snapshot;
    };

    const tryOne = async (action: VmAction, state: KnownState): Promise<StateRow> => {
      const nativeId = await vm();
      const snapshot = await snapshotOf(action, nativeId);
      await suite.bring(nativeId, state);
      const name = suite.name(action);
      if (action === 'clone') copies.push(name);
      const call = suite.run((context) =>
        asks[action]!({ driver: suite.driver, id: nativeId, context, name, snapshot }),
      );
      const { allowed, ...verdict } = verdictOn(action, state, suite.status.capabilities);
      const row = { state, action };
      if (!allowed) {
        const { message } = await expectProblem('wrong-state', call);
        expect(await suite.stateOf(nativeId)).toBe(state);
        expect(message).toMatch(/\S/);
        return { ...row, result: 'refused', after: state, advice: (verdict as { reason: string }).reason };
      }
      const outcome = await call.catch((error: unknown) => error as Error);
      const after = (await suite.find(nativeId))?.state;
      if (after === undefined) current = undefined;
      if (outcome instanceof ProblemError && outcome.code === 'timed-out' && asksGuest.includes(action)) {
        expect(after).toBe(state);
        return { ...row, result: 'timed-out', ...(after !== undefined && { after }), advice: outcome.message };
      }
      if (outcome instanceof ProblemError && outcome.code === 'capability-missing')
        return { ...row, result: 'missing', ...(after !== undefined && { after }), advice: outcome.message };
      if (outcome instanceof Error) throw outcome;
      const already = 'already' in verdict && verdict.already;
      if (already || leaves.includes(action)) expect(after).toBe(state);
      else if (leadsTo[action] !== undefined) expect(after).toBe(leadsTo[action]);
      if (action === 'delete') expect(after).toBeUndefined();
      // A verb that says it has changed something has.
      if (!consoles.includes(action)) expect(outcome).toBe(already ? 'unchanged' : 'changed');
      return { ...row, result: outcome, ...(after !== undefined && { after }) };
    };

    const tryAll = async (state: KnownState) => {
      try {
        for (const action of Object.keys(vmActions) as VmAction[]) {
          if (!asks[action]) continue;
          const needs = needsOf(action);
          const advice = needs === undefined ? undefined : suite.lackOf(needs);
          const facet = needs?.split('.')[0] as keyof HypervisorDriver | undefined;
          // A console of a kind that the host has not is no call at all.
          const isAbsent = facet === undefined || suite.driver[facet] === undefined || consoles.includes(action);
          if (advice !== undefined && isAbsent) suite.states.push({ state, action, result: 'missing', advice });
          else
            suite.states.push(
              await tryOne(action, state).catch((error: unknown) => {
                throw new Error(`${action} of a VM that is ${state}`, { cause: error });
              }),
            );
        }
      } finally {
        await removeAll();
      }
    };

    suite.behaviour('does with a VM that is off what the table says of each verb', () => tryAll('stopped'));
    suite.behaviour('does with a running VM what the table says of each verb', () => tryAll('running'));
    suite.feature('suspend.pause', 'does with a paused VM what the table says of each verb', () => tryAll('paused'));
    suite.suspended('does with a suspended VM what the table says of each verb', () => tryAll('suspended'));
    suite.behaviour('does with a VM that has crashed what the table says of each verb', async () => {
      const { crash } = suite.bench.otherTool;
      if (typeof crash !== 'function') return { absent: crash.none };
      return tryAll('crashed');
    });
  });
}
