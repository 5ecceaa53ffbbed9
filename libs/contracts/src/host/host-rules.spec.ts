import { describe, expect, it } from '@jest/globals';
import { needsOf, verdictOn, vmActions, type VmAction } from '../vm/vm-actions.ts';
import { capabilityFeatures, capabilityNames, lackOf, splitRef, type Capabilities } from './capabilities.ts';
import { overcommitNotes, requireFits, requireStorage, storageNotes } from './capacity-rules.ts';

const all = Object.fromEntries(capabilityNames.map((name) => [name, { available: true }])) as Capabilities;

describe('capabilities', () => {
  it('lack a feature when they lack it, or the whole capability, and say why', () => {
    const some: Capabilities = {
      ...all,
      suspend: { available: true, features: { pause: { available: false, reason: 'AHV has no pause.' } } },
      clone: { available: false, reason: 'No room.' },
    };
    expect(lackOf(some, 'suspend')).toBeUndefined();
    expect(lackOf(some, 'suspend.suspend')).toBeUndefined();
    expect(lackOf(some, 'suspend.pause')).toBe('AHV has no pause.');
    expect(lackOf(some, 'clone')).toBe('No room.');
    expect(lackOf(some, 'clone.linked')).toBe('No room.');
  });

  it.each(Object.keys(vmActions) as VmAction[])('%s needs nothing that is not declared', (action) => {
    const ref = needsOf(action);
    if (ref === undefined) return;
    const { name, feature } = splitRef(ref);
    expect(capabilityNames).toContain(name);
    if (feature !== undefined) expect(capabilityFeatures[name]).toContain(feature);
  });

  it('let a running VM be cloned only where the host says outright that it can', () => {
    const running = (features: Capabilities['clone']['features']): Capabilities => ({
      ...all,
      clone: { available: true, ...(features && { features }) },
    });
    expect(verdictOn('clone', 'running')).toMatchObject({ allowed: false });
    expect(verdictOn('clone', 'running', running(undefined))).toMatchObject({ allowed: false });
    expect(verdictOn('clone', 'running', running({ running: { available: true } }))).toMatchObject({ allowed: true });
  });
});

describe('capacity', () => {
  const host = { capacity: { cpus: 2, memoryMiB: 24_000 }, limits: { cpusPerVm: 16 } };

  it.each([
    [{ cpus: 3 }, ['3', '2'], '/cpus'],
    [{ cpus: 64 }, ['64', '16'], '/cpus'],
    [{ memoryMiB: 9_999_999 }, ['9,999,999', '24,000'], '/memoryMiB'],
  ])('refuses %j, naming both numbers', (size, numbers, pointer) => {
    const refused = expect.objectContaining({
      code: 'insufficient-capacity',
      message: expect.stringMatching(numbers.join('.*')),
      extras: { errors: [expect.objectContaining({ pointer })] },
    });
    expect(() => requireFits(size, host)).toThrow(refused);
  });

  it.each([
    [undefined, undefined, undefined],
    [10, undefined, undefined],
    [1, undefined, undefined],
    [0.999, undefined, /nearly full: 1,022 MiB are left, and below 256 MiB changes are refused/],
    [0.25, undefined, /nearly full: 256 MiB/],
    [0.2, /storage of kvm-a has 204 MiB left, and 256 MiB are kept free/, /204 MiB are left, and changes are refused/],
    [0, /has 0 MiB left/, /0 MiB are left/],
  ])('with %p GiB of storage free is refused as %p and told as %p', (storageFreeGiB, refused, told) => {
    const capacity = storageFreeGiB === undefined ? {} : { storageFreeGiB };
    const ask = () => requireStorage({ id: 'kvm-a', capacity });
    if (refused) expect(ask).toThrow(refused);
    else ask();
    expect(storageNotes(capacity)).toEqual(told ? [expect.stringMatching(told)] : []);
  });

  it('takes what fits, what is not asked for, and anything where nothing is known', () => {
    requireFits({ cpus: 2, memoryMiB: 24_000 }, host);
    requireFits({}, host);
    requireFits({ cpus: 1_024, memoryMiB: 16_777_216 }, { capacity: {} });
  });

  it('takes more CPUs than the host has where they are shared, up to what a VM can have', () => {
    const sharing = { ...host, limits: { cpusPerVm: 16, cpusBeyondHost: true } };
    requireFits({ cpus: 16 }, sharing);
    expect(() => requireFits({ cpus: 17 }, sharing)).toThrow(
      expect.objectContaining({ code: 'insufficient-capacity' }),
    );
    expect(overcommitNotes([{ cpus: 16 }], sharing)).toEqual([expect.stringMatching(/16 CPUs.*2/)]);
  });

  it('notes what is promised beyond it, and counts nothing for what is not known', () => {
    const running = [{ cpus: 1, memoryMiB: 20_000 }, { memoryMiB: 5_000 }, { cpus: 1 }];
    expect(overcommitNotes(running, host)).toEqual([expect.stringMatching(/25,000 MiB.*24,000/)]);
    expect(overcommitNotes(running.slice(0, 1), host)).toEqual([]);
    expect(overcommitNotes(running, { capacity: {} })).toEqual([]);
  });
});
