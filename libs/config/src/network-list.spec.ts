import { describe, expect, it } from '@jest/globals';
import { NetworkList } from './network-list.ts';

describe('a list of networks', () => {
  it.each([
    ['192.168.1.0/24', '192.168.1.7', true],
    ['192.168.1.0/24', '::ffff:192.168.1.7', true],
    ['192.168.1.0/24', '192.168.2.7', false],
    ['10.0.0.5', '10.0.0.5', true],
    ['10.0.0.5', '10.0.0.6', false],
    ['10.0.0.5, fd00::/8', 'fd12::1', true],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['fd00::/8', 'not an address', false],
  ])('%s and %s: %s', (networks, address, expected) => {
    expect(new NetworkList(networks).has(address)).toBe(expected);
  });

  it.each(['', 'lan', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.1,', '10.0.0.0/-1'])(
    'refuses "%s", and says how to write it',
    (text) => {
      expect(() => new NetworkList(text)).toThrow(/is no network\. Write it as/);
    },
  );
});
