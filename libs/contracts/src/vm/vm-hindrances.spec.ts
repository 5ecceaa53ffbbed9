import { describe, expect, it } from '@jest/globals';
import { vmActions, type VmAction } from './vm-actions.ts';
import { hindranceTo } from './vm-hindrances.ts';

const actions = Object.keys(vmActions) as VmAction[];
const hindered = (vm: Parameters<typeof hindranceTo>[1]) =>
  actions.filter((action) => hindranceTo(action, vm) !== undefined);

describe('what is against an action in the VM itself', () => {
  it('is nothing for a VM that has all, and for one of which the host cannot tell', () => {
    expect(hindered({ transient: false, display: true, serialPort: true })).toEqual([]);
    expect(hindered({})).toEqual([]);
  });

  it('keeps a transient VM from whatever ends it, with an advice that does not', () => {
    const endings = hindered({ transient: true });
    expect(endings).toEqual(expect.arrayContaining(['stop', 'stop-force', 'restart', 'restart-force', 'suspend']));
    expect(endings).toEqual(expect.arrayContaining(['delete', 'clone', 'reconfigure']));
    for (const action of ['pause', 'resume', 'reset', 'console', 'console-text', 'metrics'] as const)
      expect(endings).not.toContain(action);
    for (const action of endings) {
      const { code, reason } = hindranceTo(action, { transient: true })!;
      expect(code).toBe('wrong-state');
      expect(reason).not.toMatch(/stop it/i);
      expect(reason.includes('end it there')).toBe(['stop', 'stop-force', 'delete'].includes(action));
    }
  });

  it('keeps a template from whatever would have it run, and from nothing else', () => {
    const starts = ['start', 'restart', 'restart-force', 'reset', 'resume', 'snapshot-revert'];
    expect(hindered({ template: true }).toSorted()).toEqual(starts.toSorted());
    expect(hindered({ template: false })).toEqual([]);
    for (const action of hindered({ template: true }))
      expect(hindranceTo(action, { template: true })!.reason).toMatch(/clone it/);
  });

  it('keeps a VM without a display or a serial port from the console of that, and from nothing else', () => {
    expect(hindered({ display: false })).toEqual(['console']);
    expect(hindranceTo('console', { display: false })).toMatchObject({ code: 'host-rejected' });
    expect(hindered({ serialPort: false })).toEqual(['console-text']);
    expect(hindranceTo('console-text', { serialPort: false })).toMatchObject({ code: 'host-rejected' });
  });
});
