import type { Forecast, NativeId } from '@polyvirt/contracts';
import type { Effect, OperationContext } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { withPresentHardware } from '../domain/domain-edits.ts';
import { nicKey, pendingChanges } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import { changeOwnMetadata } from '../domain/own-metadata.ts';
import type { Networks } from '../networks.ts';

/** What waits for the power-off, beside the hardware of the next start. */
type Waiting = {
  pendingName: string | null;
  leaving: { mac: string; network: string }[];
  doomed: string[];
  /** Interfaces that would come, with the addresses that are kept for them. */
  coming: { mac: string; network: string; address: string }[];
};

const steps = {
  notes: { name: 'forget what waits for the power-off', native: 'domain_set_metadata' },
  release: { name: 'release the addresses of new interfaces', native: 'network_update' },
  define: { name: 'define it as it is now', native: 'domain_define_xml_flags' },
} as const;

/** Withdraws what waits for the power-off of a machine: the next start will be as it is now. */
export class Withdrawal {
  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #networks: Networks;

  constructor(parts: { libvirt: Libvirt; machines: Machines; networks: Networks }) {
    this.#libvirt = parts.libvirt;
    this.#machines = parts.machines;
    this.#networks = parts.networks;
  }

  async drop(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const domain = await this.#machines.domain(nativeId);
    const waiting = await journal.step({
      name: 'look at what waits',
      native: 'domain_get_xml_desc',
      act: () => this.#look(domain),
    });
    if (!waiting) return 'unchanged';
    const { pendingName, leaving, doomed, coming } = waiting;
    await journal.step({
      ...steps.notes,
      act: () => changeOwnMetadata(domain, { pendingName: undefined, leaving: [], doomed: [] }),
      undo: () => changeOwnMetadata(domain, { pendingName: pendingName ?? undefined, leaving, doomed }),
    });
    await journal.step({
      ...steps.release,
      act: () => this.#networks.release(coming),
      undo: async () => {
        for (const { network, mac, address } of coming) await this.#networks.reserve(network, mac, address);
      },
    });
    // All of it in one call, which comes last.
    await journal.step({ ...steps.define, act: () => this.#define(domain) });
    return 'changed';
  }

  async plan(nativeId: NativeId): Promise<Forecast> {
    const waiting = await this.#look(await this.#machines.domain(nativeId));
    return waiting ? { steps: [steps.notes, steps.release, steps.define] } : {};
  }

  async #look(domain: Domain): Promise<Waiting | null> {
    if (!(await domain.isActive())) return null;
    const [live, next] = await Promise.all([this.#machines.liveDefinition(domain), this.#machines.definition(domain)]);
    if (pendingChanges(live, next).length === 0) return null;
    const present = new Set(live.nics.map(nicKey));
    const coming: Waiting['coming'] = [];
    for (const { mac, network } of next.nics.filter((nic) => !present.has(nicKey(nic)))) {
      const address = await this.#networks.reservationOf({ mac, network });
      if (address !== undefined) coming.push({ mac, network, address });
    }
    return { pendingName: live.pendingName ?? null, leaving: [...live.leaving], doomed: [...live.doomed], coming };
  }

  async #define(domain: Domain): Promise<void> {
    // It may have been stopped in the meantime, and what waited has come about.
    if (!(await domain.isActive())) return;
    const [next, live] = [await domain.xml({ inactive: true, secure: true }), await domain.xml({ secure: true })];
    await this.#libvirt.domains.define(withPresentHardware(next, live));
  }
}
