import { describe, expect, it } from '@jest/globals';
import { LibvirtError } from '@polyvirt/node-libvirt';
import { GuestAgent } from './guest.ts';
import type { Machines } from './domain/machines.ts';
import type { Networks } from './networks.ts';

const mac = '52:54:00:00:00:01';

function agentOf(guestInfo: () => Promise<Record<string, unknown>>): GuestAgent {
  const machines = {
    domain: () => Promise.resolve({ guestInfo }),
    liveDefinition: () => Promise.resolve({ nics: [{ mac }] }),
  } as unknown as Machines;
  const networks = { leases: () => Promise.resolve(new Map([[mac, ['192.0.2.7']]])) } as unknown as Networks;
  return new GuestAgent(machines, networks);
}

describe('a guest', () => {
  const addresses = ['192.0.2.7'];
  const lasting = new AbortController().signal;

  it('says what it is', async () => {
    const agent = agentOf(() => Promise.resolve({ hostname: 'web', 'os.pretty-name': 'Debian 12' }));
    expect(await agent.read('x', lasting)).toEqual({ agent: true, hostname: 'web', os: 'Debian 12', addresses });
  });

  it('that does not answer is none with an agent, and what the host knows of it is told', async () => {
    const enough = new AbortController();
    const answer = agentOf(() => new Promise(() => undefined)).read('x', enough.signal);
    enough.abort();
    expect(await answer).toEqual({ agent: false, addresses });
    expect(await agentOf(() => new Promise(() => undefined)).read('x', enough.signal)).toEqual({
      agent: false,
      addresses,
    });
  });

  it('is not blamed for a fault of its host', async () => {
    const fault = new LibvirtError({ code: 1, domain: 10, message: 'no', level: 2 } as never, 'domainGetGuestInfo');
    await expect(agentOf(() => Promise.reject(fault)).read('x', lasting)).rejects.toBe(fault);
  });
});
