import { describe, expect, it } from '@jest/globals';
import { capabilityFeatures, capabilityNames } from '@polyvirt/contracts';
import { capabilitiesWithout } from './capabilities.ts';
import { gibOf } from './gib.ts';
import { networkFacts } from './network-facts.ts';

describe('sizes', () => {
  it.each([
    [2 ** 30, 1],
    [2_254_857_728, 2.1],
    [23_068_672, 0.021484],
    [33_554_432, 0.03125],
    [0, 0],
    [1, 0.000001],
    [10n * 2n ** 40n, 10_240],
  ])('of %s bytes are %s GiB', (bytes, gib) => expect(gibOf(bytes)).toBe(gib));
});

describe('facts of a network', () => {
  it('are told by its own address, whatever machine of it they were read from', () => {
    expect(networkFacts({ cidr: '192.168.122.1/24', gateway: '192.168.122.1' })).toEqual({
      cidr: '192.168.122.0/24',
      gateway: '192.168.122.1',
    });
    expect(networkFacts({ cidr: 'FD00:0::1/64', gateway: 'FD00::0:1' })).toEqual({
      cidr: 'fd00::/64',
      gateway: 'fd00::1',
    });
  });

  it('are absent where they are none', () => {
    expect(networkFacts({ cidr: 'none', gateway: '' })).toEqual({});
    expect(networkFacts({})).toEqual({});
  });
});

describe('capabilities', () => {
  it('have all their features, each with the reason of those that are absent', () => {
    const reasons = { clone: 'No room.', 'suspend.pause': 'AHV has no pause.', 'snapshots.uefi': undefined };
    const capabilities = capabilitiesWithout(reasons);
    expect(Object.keys(capabilities)).toEqual(capabilityNames);
    expect(capabilities.clone).toEqual({ available: false, reason: 'No room.' });
    expect(capabilities.suspend).toEqual({
      available: true,
      features: { suspend: { available: true }, pause: { available: false, reason: 'AHV has no pause.' } },
    });
    expect(Object.keys(capabilities.snapshots.features ?? {})).toEqual([...capabilityFeatures.snapshots]);
    expect(capabilities.watch).toEqual({ available: true });
  });
});
