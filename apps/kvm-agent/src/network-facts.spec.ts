import { describe, expect, it } from '@jest/globals';
import { addressFault, Network } from '@polyvirt/contracts';
import { readNetwork } from './network-facts.ts';

const nat = `<network><name>default</name><forward mode='nat'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.2' end='192.168.122.254'/>
    <host mac='52:54:00:AA:00:01' name='web' ip='192.168.122.10'/><host name='printer' ip='192.168.122.11'/></dhcp></ip>
</network>`;

describe('a network of libvirt', () => {
  it('is told as its address, with its gateway and what is reserved on it', () => {
    const { reservations, ...network } = readNetwork(nat, true);
    expect(Network.parse(network)).toEqual({
      name: 'default',
      kind: 'nat',
      active: true,
      cidr: '192.168.122.0/24',
      gateway: '192.168.122.1',
      dhcp: true,
      fixedAddresses: true,
      reserved: [{ address: '192.168.122.10', mac: '52:54:00:aa:00:01' }, { address: '192.168.122.11' }],
    });
    expect(reservations).toHaveLength(2);
  });

  it.each([
    ['192.168.122.1', 'gateway'],
    ['192.168.122.0', 'address of the network'],
    ['192.168.122.255', 'broadcast'],
    ['192.168.122.10', 'reserved'],
    ['192.168.122.11', 'reserved'],
    ['172.31.7.7', 'not in the network'],
    ['10.9.9.9', 'not in the network'],
    ['fd00::5', 'IPv6'],
  ])('says why it cannot give %s, and what it can', (address, why) => {
    const fault = addressFault(address, '52:54:00:aa:00:02', readNetwork(nat, true), []);
    expect(fault).toContain(why);
    expect(fault).toContain('to 192.168.122.254');
  });

  it.each([
    ['192.168.122.200', '52:54:00:aa:00:02'],
    ['192.168.122.10', '52:54:00:aa:00:01'],
  ])('gives %s to %s', (address, mac) => {
    expect(addressFault(address, mac, readNetwork(nat, true), [])).toBeUndefined();
  });

  it('of several subnets is the one that libvirt serves by DHCP', () => {
    const xml = `<network><name>lab</name><forward/>
      <ip family='ipv6' address='fd00:1::1' prefix='64'><dhcp><range start='fd00:1::2' end='fd00:1::ff'/></dhcp></ip>
      <ip address='10.1.0.1' prefix='16'/>
      <ip address='10.2.3.129' prefix='25'><dhcp><range start='10.2.3.130' end='10.2.3.140'/></dhcp></ip></network>`;
    const network = readNetwork(xml, true);
    expect(network).toMatchObject({
      kind: 'nat',
      cidr: '10.2.3.128/25',
      gateway: '10.2.3.129',
      dhcp: true,
      fixedAddresses: true,
    });
    expect(addressFault('10.1.0.9', undefined, network, [])).toContain('10.2.3.128/25');
    expect(addressFault('10.2.3.200', undefined, network, [])).toBeUndefined();
  });

  it('reserves nothing where it has no DHCP of IPv4', () => {
    const ipv6 = `<network><name>six</name><ip family='ipv6' address='fd00:1::1' prefix='64'><dhcp><range start='fd00:1::2' end='fd00:1::ff'/></dhcp></ip></network>`;
    expect(readNetwork(ipv6, true)).toMatchObject({
      kind: 'isolated',
      cidr: 'fd00:1::/64',
      dhcp: true,
      fixedAddresses: false,
    });
    const bridged = `<network><name>br</name><forward mode='bridge'/><bridge name='br0'/></network>`;
    const { cidr, gateway, fixedAddresses } = readNetwork(bridged, false);
    expect({ cidr, gateway, fixedAddresses }).toEqual({ cidr: undefined, gateway: undefined, fixedAddresses: false });
  });

  it('has the mask of its class where it says none', () => {
    const classes = ['10.0.0.1', '172.16.0.1', '192.168.5.1'].map(
      (address) => readNetwork(`<network><name>c</name><ip address='${address}'/></network>`, true).cidr,
    );
    expect(classes).toEqual(['10.0.0.0/8', '172.16.0.0/16', '192.168.5.0/24']);
  });
});
