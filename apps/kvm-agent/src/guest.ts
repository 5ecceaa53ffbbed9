import type { Guest, NativeId } from '@polyvirt/contracts';
import type { GuestFacet } from '@polyvirt/hypervisor';
import { isAgentUnavailable, isUnsupported, isWrongState, type Domain } from '@polyvirt/node-libvirt';
import type { Machines } from './domain/machines.ts';
import type { Networks } from './networks.ts';

/** What the guest says through its agent, and the addresses that libvirt gave it. */
export class GuestAgent implements GuestFacet {
  readonly #machines: Machines;
  readonly #networks: Networks;

  constructor(machines: Machines, networks: Networks) {
    this.#machines = machines;
    this.#networks = networks;
  }

  async read(nativeId: NativeId, signal: AbortSignal): Promise<Guest & { addresses: string[] }> {
    const domain = await this.#machines.domain(nativeId);
    const [told, { nics }, leases] = await Promise.all([
      unlessSilent(this.#ask(domain), signal),
      this.#machines.liveDefinition(domain),
      this.#networks.leases(),
    ]);
    return { ...told, addresses: nics.flatMap(({ mac }) => leases.get(mac) ?? []) };
  }

  async #ask(domain: Domain): Promise<Guest> {
    try {
      const info = await domain.guestInfo({ hostname: true, os: true });
      const hostname = info['hostname'];
      const os = info['os.pretty-name'] ?? info['os.name'];
      return {
        ...(typeof hostname === 'string' ? { hostname } : {}),
        ...(typeof os === 'string' ? { os } : {}),
        agent: true,
      };
    } catch (error) {
      if (isAgentUnavailable(error) || isUnsupported(error) || isWrongState(error)) return { agent: false };
      throw error;
    }
  }
}

/** libvirt waits for an agent that has gone for longer than anybody waits for the answer. */
async function unlessSilent(answer: Promise<Guest>, signal: AbortSignal): Promise<Guest> {
  const enough = new AbortController();
  const silence = new Promise<Guest>((resolve) => {
    const give = () => resolve({ agent: false });
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true, signal: enough.signal });
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    enough.abort();
    // Nobody is interested any more in why it fails.
    answer.catch(() => undefined);
  }
}
