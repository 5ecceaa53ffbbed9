import { describe, expect, it } from '@jest/globals';
import { hindranceTo, vmActions, verdictOn, type Capabilities, type VmAction, type VmState } from '@polyvirt/contracts';
import type { Host, Vm } from '../api/client.ts';
import { obstacleTo, type MachineAction } from './actions.ts';

const states: readonly VmState[] = ['running', 'stopped', 'paused', 'suspended', 'crashed', 'unknown'];
const named: Record<Exclude<MachineAction, 'dropPending' | 'template'>, VmAction> = {
  ...({
    start: 'start',
    stop: 'stop',
    stopForce: 'stop-force',
    restart: 'restart',
    restartForce: 'restart-force',
    reset: 'reset',
    suspend: 'suspend',
    pause: 'pause',
  } as const),
  ...({ resume: 'resume', console: 'console', consoleText: 'console-text', delete: 'delete', clone: 'clone' } as const),
  ...({ snapshot: 'snapshot-create', edit: 'reconfigure' } as const),
  ...({ revert: 'snapshot-revert', removeSnapshot: 'snapshot-delete' } as const),
  ...({ addDisk: 'reconfigure', growDisk: 'reconfigure', detachDisk: 'reconfigure' } as const),
  ...({ cdrom: 'reconfigure', bootOrder: 'reconfigure', autostart: 'reconfigure' } as const),
  ...({ addNic: 'reconfigure', changeNic: 'reconfigure', removeNic: 'reconfigure' } as const),
};
const vm = (state: VmState, more: Partial<Vm> = {}) => ({ state, protected: false, ...more }) as Vm;

describe('an action of a machine', () => {
  it.each(Object.entries(named))('%s is offered in exactly the states in which the API takes it', (action, theirs) => {
    expect(Object.keys(vmActions)).toContain(theirs);
    for (const state of states) {
      const verdict = verdictOn(theirs, state);
      const isChange = verdict.allowed && !verdict.already;
      expect([state, obstacleTo(action as MachineAction, vm(state), undefined) === undefined]).toEqual([
        state,
        isChange,
      ]);
    }
  });

  it('is offered in more states by a host that says it can', () => {
    const clone = { available: true, features: { running: { available: true } } };
    const host = { state: 'ready', capabilities: { clone } } as unknown as Host;
    for (const state of states) {
      const { allowed } = verdictOn('clone', state, host.capabilities as Capabilities);
      expect([state, obstacleTo('clone', vm(state), host) === undefined]).toEqual([state, allowed]);
    }
  });

  it('that needs one of several features is refused where there is none of them', () => {
    const host = (available: boolean) =>
      ({
        state: 'ready',
        capabilities: {
          reconfigure: {
            available: true,
            features: {
              nicsInPlace: { available: false, reason: 'Not in place.' },
              nicLink: { available, reason: 'No cable.' },
              growWithSnapshots: { available: false, reason: 'It has snapshots.' },
            },
          },
        },
      }) as unknown as Host;
    expect(obstacleTo('changeNic', vm('running'), host(true))).toBeUndefined();
    expect(obstacleTo('changeNic', vm('running'), host(false))).toEqual({ sentence: 'Not in place.' });
    expect(obstacleTo('growDisk', vm('running', { snapshotCount: 0 }), host(true))).toBeUndefined();
    expect(obstacleTo('growDisk', vm('running', { snapshotCount: 1 }), host(true))).toEqual({
      sentence: 'It has snapshots.',
    });
  });

  it('that only some hosts can do is not offered by the others, in the words of the host', () => {
    const host = (dropPending: object) =>
      ({
        state: 'ready',
        capabilities: { reconfigure: { available: true, features: { dropPending } } },
      }) as unknown as Host;
    expect(obstacleTo('dropPending', vm('running'), host({ available: true }))).toBeUndefined();
    expect(obstacleTo('dropPending', vm('running'), host({ available: false, reason: 'Not here.' }))).toEqual({
      sentence: 'Not here.',
    });
    expect(obstacleTo('edit', vm('running'), host({ available: false, reason: 'Not here.' }))).toBeUndefined();
  });

  it('does not start a template, and clones it', () => {
    for (const [action, theirs] of Object.entries(named)) {
      const isKept = hindranceTo(theirs, { template: true }) !== undefined;
      const obstacle = obstacleTo(action as MachineAction, vm('stopped', { template: true }), undefined);
      expect({ action, isKept }).toEqual({ action, isKept: JSON.stringify(obstacle) === '{"key":"template"}' });
    }
    expect(obstacleTo('clone', vm('stopped', { template: true }), undefined)).toBeUndefined();
    expect(obstacleTo('template', vm('stopped', { template: true }), undefined)).toBeUndefined();
    expect(obstacleTo('template', vm('running'), undefined)).toEqual({ key: 'state' });
  });

  it('waits for the one that runs, and a protected machine is not deleted', () => {
    expect(obstacleTo('start', vm('stopped', { operation: 'o1' }), undefined)).toEqual({ key: 'busy' });
    expect(obstacleTo('console', vm('running', { operation: 'o1' }), undefined)).toBeUndefined();
    expect(obstacleTo('delete', vm('stopped', { protected: true }), undefined)).toEqual({ key: 'protected' });
  });
});
