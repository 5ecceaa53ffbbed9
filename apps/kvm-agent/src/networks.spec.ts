import { describe, expect, it, jest } from '@jest/globals';
import type { DhcpLease, Libvirt } from '@polyvirt/node-libvirt';
import { ConnectionLostError, ErrorCode, LibvirtError } from '@polyvirt/node-libvirt';
import { Networks } from './networks.ts';

const macs = ['52:54:00:00:00:01', '52:54:00:00:00:02'] as const;
const refusal = (code: number) =>
  new LibvirtError({ code, domain: 0, level: 2, message: 'not now' } as never, 'networkGetDhcpLeases');
const lease = (mac: string, address: string) => ({ mac, address, expiresAt: 0 }) as DhcpLease;

/** Networks that answer with these leases, or refuse to. */
function networks(
  leases: Readonly<Record<string, readonly DhcpLease[] | Error>>,
  definitions: Readonly<Record<string, Error>> = {},
): Networks {
  const all = Object.keys(leases).map((name, index) => ({
    name,
    xml: async () => {
      if (definitions[name]) throw definitions[name];
      return `<network><name>${name}</name><forward mode="nat"/><ip address="10.0.${index}.1" netmask="255.255.255.0"><dhcp><range start="10.0.${index}.2" end="10.0.${index}.9"/></dhcp></ip></network>`;
    },
    isActive: async () => true,
    dhcpLeases: async () => {
      const answer = leases[name]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  }));
  return new Networks({
    networks: { list: async () => all, getByName: async (name: string) => all.find((one) => one.name === name) },
    domains: { list: async () => [] },
  } as unknown as Libvirt);
}

describe('leases of the networks of libvirt', () => {
  const told = [lease(macs[0], '10.0.0.5'), lease(macs[0], '10.0.0.5'), lease(macs[1], 'fe80::1')];

  it('are known of all networks but those that cannot be asked', async () => {
    const found = await networks({ good: told, bad: refusal(ErrorCode.INTERNAL_ERROR) }).leases();
    expect([...found]).toEqual([[macs[0], ['10.0.0.5']]]);
  });

  it('and the networks themselves stay as they were told last while they cannot be asked, but for what has run out', async () => {
    const now = Date.now();
    const ending = { ...lease(macs[1], '10.0.0.6'), expiresAt: now / 1_000 + 60 } as DhcpLease;
    const answers: Record<string, readonly DhcpLease[] | Error> = { a: [...told, ending] };
    const definitions: Record<string, Error> = {};
    const one = networks(answers, definitions);
    expect([...(await one.leases())]).toHaveLength(2);
    const listed = await one.list();
    answers['a'] = definitions['a'] = refusal(ErrorCode.INTERNAL_ERROR);
    expect([...(await one.leases())]).toHaveLength(2);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);
    expect([...(await one.leases())]).toEqual([[macs[0], ['10.0.0.5']]]);
    clock.mockRestore();
    expect(await one.list()).toEqual(listed);
    answers['a'] = new ConnectionLostError('gone', { sent: true });
    await expect(one.leases()).rejects.toThrow('gone');
    answers['a'] = refusal(ErrorCode.NO_NETWORK);
    expect([...(await one.leases())]).toEqual([]);
  });

  const asked = (network: string) => [{ network, mac: macs[1], address: '10.0.0.5' }];

  it('keep an address from another machine, and are not taken for none where they cannot be asked', async () => {
    await expect(networks({ a: told }).check(asked('a'), '/nics')).rejects.toThrow('is leased to');
    const refused = networks({ a: refusal(ErrorCode.INTERNAL_ERROR) }).check(asked('a'), '/nics');
    await expect(refused).rejects.toThrow('not now');
    await networks({ a: refusal(ErrorCode.NO_NETWORK) }).check(asked('a'), '/nics');
  });
});
