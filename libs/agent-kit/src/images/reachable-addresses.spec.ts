import { describe, expect, it } from '@jest/globals';
import { NetworkList } from '@polyvirt/config';
import { ReachableAddresses } from './reachable-addresses.ts';

describe('addresses that a program of ours connects to', () => {
  const addresses = new ReachableAddresses();

  it.each(['1.1.1.1', '93.184.215.14', '172.32.0.1', '11.0.0.1', '2606:4700::1111', '2a00:1450:4001:82a::200e'])(
    'have %s among them',
    (address) => expect(addresses.has(address)).toBe(true),
  );

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
  ])('do not have %s among them', (address) => expect(addresses.has(address)).toBe(false));

  it('have those of the networks that are listed', () => {
    const listed = new ReachableAddresses(new NetworkList('10.1.0.0/16, fd00::/8, 127.0.0.1'));
    expect(
      ['10.1.2.3', '10.2.0.1', 'fd00::1', 'fe80::1', '127.0.0.1', '127.0.0.2'].map((one) => listed.has(one)),
    ).toEqual([true, false, true, false, true, false]);
  });

  it('are refused in a URL however they are spelt', () => {
    for (const url of [
      'http://127.1/',
      'http://2130706433/',
      'http://0x7f.0.0.1/',
      'http://[::1]/',
      'http://[::ffff:a00:1]/',
    ])
      expect(() => addresses.require(new URL(url).hostname, '/url')).toThrow(
        expect.objectContaining({ code: 'invalid-input' }),
      );
    // It is looked at when it is resolved.
    expect(() => addresses.require('localhost', '/url')).not.toThrow();
  });
});
