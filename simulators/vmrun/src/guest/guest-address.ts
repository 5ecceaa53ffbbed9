import { createHash } from 'node:crypto';
import type { Dictionary } from '../dictionary/dictionary.ts';
import { lease, leasedAddress } from '../host/dhcp-leases.ts';
import { findNetwork } from '../host/host-networks.ts';
import { adaptersOf, type AdapterDevice } from '../machine/devices.ts';
import type { Machine } from '../machine/machine.ts';
import type { Run } from '../machine/run.ts';
import { cloudInitOf } from './cloud-init.ts';

/** Takes or renews a DHCP lease for each adapter that is connected to a network with DHCP. */
export function takeLeases(machine: Machine, run: Run): void {
  for (const adapter of connectedAdapters(machine.configuration(), run)) leaseOf(machine, adapter, lease);
}

/** The address the guest reports through Tools, or undefined while it has none. */
export function reportedAddress(machine: Machine, run: Run): string | undefined {
  if (run.addressAt === undefined || machine.session.clock.now() < run.addressAt) return undefined;
  const configuration = machine.configuration();
  const adapters = connectedAdapters(configuration, run);
  if (adapters.length === 0) return undefined;
  if (machine.knobs.guestAddress !== '') return machine.knobs.guestAddress;
  const fixed = cloudInitOf(configuration).address;
  if (fixed !== undefined) return fixed;
  for (const adapter of adapters) {
    const address = adapter.network === 'vmnet0' ? bridgedAddress(adapter) : leaseOf(machine, adapter, leasedAddress);
    if (address !== undefined) return address;
  }
  return undefined;
}

function connectedAdapters(configuration: Dictionary, run: Run): AdapterDevice[] {
  return adaptersOf(configuration).filter(({ index }) => !run.disconnectedDevices.includes(`ethernet${index}`));
}

function leaseOf(machine: Machine, adapter: AdapterDevice, ask: typeof lease): string | undefined {
  const network = findNetwork(machine.session, adapter.network);
  if (!network?.hasDhcp || adapter.address === undefined) return undefined;
  const hostName = cloudInitOf(machine.configuration()).hostName ?? machine.name;
  return ask(machine.session, network, adapter.address, hostName.replace(/[^A-Za-z0-9.-]/g, '-'));
}

/** An address of the network outside, whose DHCP server nobody here sees. */
function bridgedAddress({ address = '' }: AdapterDevice): string {
  const [high, low] = createHash('sha1').update(address).digest();
  return `10.20.${high}.${(low! % 253) + 2}`;
}
