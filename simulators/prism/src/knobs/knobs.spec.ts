import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { pathPattern } from './fault.ts';
import { FaultRules } from './fault-rules.ts';
import { knobList } from './knob-list.ts';
import { KnobError, KnobSettings } from './knob-settings.ts';

describe('knobs', () => {
  it('let a profile move defaults, and an explicit setting win over both', () => {
    const knobs = new KnobSettings();
    expect(knobs.get('v3.taskUuidsKey')).toBe('task_uuid');
    knobs.patch({ profile: '5.10.3' });
    expect(knobs.get('v3.taskUuidsKey')).toBe('task_uuids');
    knobs.patch({ 'v3.taskUuidsKey': 'task_uuid' });
    expect(knobs.get('v3.taskUuidsKey')).toBe('task_uuid');
    expect(knobs.get('v3.vmVersioning')).toBe('spec_version');
  });

  it('take all settings or none, and name every wrong one', () => {
    const knobs = new KnobSettings();
    expect(() => knobs.patch({ 'v3.maxLength': 7, 'v3.busyVm': 'maybe', nonsense: 1 })).toThrow(
      new KnobError('v3.busyVm: must be reject, queue; nonsense: no such knob'),
    );
    expect(knobs.get('v3.maxLength')).toBe(500);
  });

  it('are all in the README, with mark and source', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const cells = (table: string): string[] =>
      table
        .split('\n')
        .filter((row) => row.startsWith('| `'))
        .map((row) => row.replace(/\s+/g, ' '));
    const written = new Set(cells(readme));
    expect(cells(knobList()).filter((row) => !written.has(row))).toEqual([]);
  });
});

describe('faults', () => {
  it('match paths by segments', () => {
    const matches = (pattern: string, path: string): boolean => pathPattern(pattern).test(path);
    expect(matches('/api/nutanix/v3/vms/*', '/api/nutanix/v3/vms/1')).toBe(true);
    expect(matches('/api/nutanix/v3/vms/*', '/api/nutanix/v3/vms/1/clone')).toBe(false);
    expect(matches('/api/**', '/api/nutanix/v3/vms/1/clone')).toBe(true);
    expect(
      matches('/api/vmm/*/ahv/config/vms/*/$actions/power-on', '/api/vmm/v4.0/ahv/config/vms/1/$actions/power-on'),
    ).toBe(true);
  });

  it('strike as often as they are counted, after those they skip', () => {
    const rules = new FaultRules();
    rules.add({ id: 'a', method: 'post', path: '/x', skip: 1, count: 2, effect: { kind: 'hang' } });
    const strikes = (): boolean => rules.forRequest({ method: 'POST', path: '/x' }) !== undefined;
    expect([strikes(), strikes(), strikes(), strikes()]).toEqual([false, true, true, false]);
    expect(rules.forRequest({ method: 'GET', path: '/x' })).toBeUndefined();
    expect(rules.list()).toMatchObject([{ id: 'a', struck: 2 }]);
  });

  it('of tasks match the operation and the request', () => {
    const rules = new FaultRules();
    rules.add({ operation: 'vm.*', bodyContains: 'web', effect: { kind: 'taskFail' } });
    expect(rules.forTask('vm.create', { method: 'POST', path: '/', body: '{"name":"web"}' })).toEqual({
      kind: 'taskFail',
    });
    expect(rules.forTask('vm.create', { method: 'POST', path: '/', body: '{}' })).toBeUndefined();
    expect(rules.forTask('image.create', { method: 'POST', path: '/', body: 'web' })).toBeUndefined();
    expect(rules.forRequest({ method: 'POST', path: '/', body: 'web' })).toBeUndefined();
  });

  it('with a probability of zero never strike', () => {
    const rules = new FaultRules();
    rules.add({ probability: 0, effect: { kind: 'drop' } });
    expect(rules.forRequest({ method: 'GET', path: '/' })).toBeUndefined();
  });

  it('that cannot be understood are refused', () => {
    const rules = new FaultRules();
    expect(() => rules.add({ effect: { kind: 'explode' } })).toThrow(KnobError);
    expect(() => rules.add({ effect: { kind: 'slow' } })).toThrow('slow needs effect.ms');
    expect(() => rules.add({ where: '/', effect: { kind: 'hang' } })).toThrow('unknown where');
  });
});
