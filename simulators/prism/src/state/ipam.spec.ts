import { describe, expect, it } from '@jest/globals';
import { addressPlan, contains, nextFree, poolUsage, subnetUsage, toNumber, toText, type AddressPlan } from './ipam.ts';

const plan = addressPlan({
  ip_config: {
    subnet_ip: '10.40.142.0',
    prefix_length: 24,
    default_gateway_ip: '10.40.142.1',
    dhcp_server_address: { ip: '10.40.142.254' },
    pool_list: [{ range: '10.40.142.50 10.40.142.52' }, { range: '10.40.142.254 10.40.142.254' }],
  },
}) as AddressPlan;
const ips = (...texts: string[]): Set<number> => new Set(texts.map((text) => toNumber(text)!));

describe('IP management', () => {
  it('reads and writes addresses, also above the sign bit', () => {
    expect(toText(toNumber('192.168.255.1')!)).toBe('192.168.255.1');
    expect(toNumber('10.0.0.256')).toBeUndefined();
    expect(toNumber('10.0.0')).toBeUndefined();
  });

  it('has no plan for an unmanaged subnet', () => {
    expect(addressPlan({ vlan_id: 20 })).toBeUndefined();
  });

  it('gives the lowest free address, never a reserved one, and none when the pools are used up', () => {
    expect(toText(nextFree(plan, ips())!)).toBe('10.40.142.50');
    expect(toText(nextFree(plan, ips('10.40.142.50'))!)).toBe('10.40.142.51');
    expect(nextFree(plan, ips('10.40.142.50', '10.40.142.51', '10.40.142.52'))).toBeUndefined();
  });

  it('knows what lies in the subnet: neither its network nor its broadcast address', () => {
    const inside = (text: string): boolean => contains(plan, toNumber(text)!);
    expect(inside('10.40.142.1')).toBe(true);
    expect(inside('10.40.142.0')).toBe(false);
    expect(inside('10.40.142.255')).toBe(false);
    expect(inside('10.40.143.1')).toBe(false);
  });

  it('counts as recorded: network, broadcast, gateway and DHCP server are assigned', () => {
    const taken = new Set(Array.from({ length: 36 }, (_unused, i) => toNumber(`10.40.142.${100 + i}`)!));
    expect(subnetUsage(plan, taken)).toEqual({ assigned: 40, free: 216 });
    expect(poolUsage(plan, ips('10.40.142.51'))[0]).toEqual({ range: '10.40.142.50 10.40.142.52', total: 3, free: 2 });
  });
});
