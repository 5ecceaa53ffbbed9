import { describe, expect, it } from '@jest/globals';
import { formatIp, networkCidr, parseCidr, parseIp } from './ip-address.ts';
import { macFault, normalMac } from './mac-address.ts';

describe('IP addresses', () => {
  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['192.168.122.1', '192.168.122.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['FD00::5', 'fd00::5'],
    ['fd00:0:0:0:0:0:0:5', 'fd00::5'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('reads %s', (text, usual) => expect(formatIp(parseIp(text)!)).toBe(usual));

  it.each([
    '',
    'auto',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.-4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    'g::1',
    '12345::',
    '::1.2.3',
    '1:2:3:4:5:6:7:8:9',
  ])('does not take %j for one', (text) => expect(parseIp(text)).toBeUndefined());

  it.each([
    ['192.168.122.1/24', '192.168.122.0/24'],
    ['10.77.3.9/16', '10.77.0.0/16'],
    ['10.0.0.7/32', '10.0.0.7/32'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['fd00::1/64', 'fd00::/64'],
  ])('names the network of %s', (text, network) => expect(networkCidr(text)).toBe(network));

  it.each(['10.0.0.1', '10.0.0.1/33', '10.0.0.1/-1', '10.0.0.1/24/24', 'fd00::/129', '/24', 'x/24'])(
    'does not take %j for a network',
    (text) => expect(parseCidr(text)).toBeUndefined(),
  );
});

describe('MAC addresses', () => {
  it.each(['00:50:56:0a:0b:0c', '00-50-56-0A-0B-0C', '0050560a0b0c', '0:50:56:a:b:c', ' 00:50:56:0A:0b:0c '])(
    'reads %j',
    (text) => expect(normalMac(text)).toBe('00:50:56:0a:0b:0c'),
  );

  it.each(['', '00:50:56', '00:50:56:0a:0b:0c:0d', '00:50:56:0a:0b:xx', '0050560a0b0', '100:50:56:0a:0b:0c'])(
    'does not take %j for one',
    (text) => expect(normalMac(text)).toBeUndefined(),
  );

  it.each(['01:00:5e:00:00:01', '33:33:00:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00', '53:54:00:00:00:01'])(
    'knows that no VM can have %s',
    (mac) => expect(macFault(mac)).toMatch(/\S/),
  );

  it('lets a locally administered address and one of a maker be', () => {
    expect([macFault('52:54:00:00:00:01'), macFault('00:50:56:00:00:01')]).toEqual([undefined, undefined]);
  });
});
