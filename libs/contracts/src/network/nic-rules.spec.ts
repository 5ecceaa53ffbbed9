import { describe, expect, it } from '@jest/globals';
import type { Network } from '../host/host.ts';
import { nicFaults, requireNics, type NicSurroundings } from './nic-rules.ts';

const lan: Network = {
  name: 'default',
  kind: 'nat',
  active: true,
  cidr: '192.168.122.0/24',
  gateway: '192.168.122.1',
  fixedAddresses: true,
  reserved: [{ address: '192.168.122.50', mac: '52:54:00:00:00:50' }, { address: '192.168.122.51' }],
};
const others = [
  { name: 'web', nics: [{ mac: '52:54:00:00:00:01', network: 'default', addresses: ['192.168.122.60', 'fe80::1'] }] },
];
const at = (network: Network, more: Partial<NicSurroundings> = {}): NicSurroundings => ({
  networks: [network],
  others,
  ...more,
});
const faultOf = (address: string, network = lan, mac?: string) =>
  nicFaults([{ network: network.name, address, ...(mac !== undefined && { mac }) }], '/nics', at(network))[0];

describe('fixed addresses', () => {
  it.each(['192.168.122.2', '192.168.122.254', 'auto'])('takes %s', (address) =>
    expect(faultOf(address)).toBeUndefined(),
  );

  it.each([
    ['192.168.122.0', 'the address of the network'],
    ['192.168.122.255', 'broadcast'],
    ['192.168.122.1', 'gateway'],
    ['192.168.123.1', 'not in the network'],
    ['172.31.7.7', 'not in the network'],
    ['fd00::5', 'IPv6'],
    ['192.168.122.50', 'reserved'],
    ['192.168.122.51', 'reserved'],
    ['192.168.122.60', '"web"'],
  ])('refuses %s and says what can be had', (address, why) => {
    const fault = faultOf(address);
    expect(fault?.pointer).toBe('/nics/0/address');
    expect(fault?.detail).toContain(why);
    expect(fault?.detail).toContain('192.168.122.2 to 192.168.122.254');
  });

  it('takes what is reserved for the very MAC address', () => {
    expect(faultOf('192.168.122.50', lan, '52:54:00:00:00:50')).toBeUndefined();
    expect(faultOf('192.168.122.50', lan, '52:54:00:00:00:77')).toBeDefined();
    expect(faultOf('192.168.122.51', lan, '52:54:00:00:00:77')).toBeDefined();
  });

  it('knows ranges, networks without ends, networks of IPv6, and networks that say nothing', () => {
    const ranged = { ...lan, ranges: [{ from: '192.168.122.100', to: '192.168.122.109' }] };
    expect(faultOf('192.168.122.105', ranged)).toBeUndefined();
    expect(faultOf('192.168.122.110', ranged)?.detail).toContain('192.168.122.100 to 192.168.122.109');
    const { gateway: _, reserved: __, ...bare } = lan;
    const pair = { ...bare, cidr: '10.0.0.0/31' };
    expect([faultOf('10.0.0.0', pair), faultOf('10.0.0.1', pair)]).toEqual([undefined, undefined]);
    const six = { ...bare, cidr: 'fd00::/64', gateway: 'fd00::1' };
    expect(faultOf('fd00::2', six)).toBeUndefined();
    expect(faultOf('FD00:0::1', six)?.detail).toContain('gateway');
    expect(faultOf('192.168.122.5', six)?.detail).toContain('IPv4');
    const { cidr: ___, ...unknown } = bare;
    expect(faultOf('10.1.2.3', unknown)).toBeUndefined();
    expect(faultOf('10.1.2.3', { ...unknown, fixedAddresses: false })?.detail).toContain('cannot reserve');
  });

  it('is no matter of another network that uses the same addresses', () => {
    const twin = { ...lan, name: 'isolated', reserved: [] };
    expect(faultOf('192.168.122.60', twin)).toBeUndefined();
  });
});

describe('networks of one name, on two clusters of a host', () => {
  const elsewhere = { ...lan, cluster: 'b', cidr: '10.7.0.0/24', gateway: '10.7.0.1', reserved: [] };
  const faultsOf = (address: string) =>
    nicFaults([{ network: lan.name, address }], '/nics', { networks: [lan, elsewhere], others });

  it('give what one of them can give, and refuse what none can', () => {
    for (const address of ['192.168.122.2', '10.7.0.2', 'auto']) expect(faultsOf(address)).toEqual([]);
    for (const address of ['10.7.0.1', '192.168.122.1', '172.31.7.7']) expect(faultsOf(address)).toHaveLength(1);
  });
});

describe('MAC addresses', () => {
  const faultsOf = (mac: string, more: Partial<NicSurroundings> = {}) =>
    nicFaults([{ network: 'default', address: 'auto', mac }], '/addNics', at(lan, more));

  it('refuses what no VM can have, what another VM has, and what is outside the ranges of the host', () => {
    const macRanges = [{ from: '00:50:56:00:00:00', to: '00:50:56:3f:ff:ff' }];
    expect(faultsOf('01:00:5e:00:00:01')).toMatchObject([{ pointer: '/addNics/0/mac' }]);
    expect(faultsOf('52:54:00:00:00:01')).toMatchObject([{ detail: expect.stringContaining('"web"') }]);
    expect(faultsOf('00:50:56:40:00:00', { macRanges })).toMatchObject([
      { detail: expect.stringContaining('00:50:56:3f') },
    ]);
    expect(faultsOf('00:50:56:3f:ff:ff', { macRanges })).toEqual([]);
    expect(faultsOf('52:54:00:00:00:02')).toEqual([]);
  });

  it('says all faults of a list at once, each where it stands', () => {
    const nics = [
      { network: 'default', address: '10.9.9.9', mac: 'ff:ff:ff:ff:ff:ff' },
      { network: 'default', address: 'auto' },
      { network: 'elsewhere', address: '10.9.9.9' },
      { network: 'default', address: '192.168.122.1' },
    ];
    expect(() => requireNics(nics, '/nics', at(lan))).toThrow(
      expect.objectContaining({
        code: 'invalid-input',
        extras: {
          errors: [
            expect.objectContaining({ pointer: '/nics/0/address' }),
            expect.objectContaining({ pointer: '/nics/0/mac' }),
            expect.objectContaining({ pointer: '/nics/3/address' }),
          ],
        },
      }),
    );
  });
});
