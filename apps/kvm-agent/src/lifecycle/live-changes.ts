import type { ReconfigureVm } from '@polyvirt/contracts';
import { MemoryStatTag, type Domain } from '@polyvirt/node-libvirt';
import { readDefinition, type DomainDefinition } from '../domain/domain-reader.ts';
import type { Machines } from '../domain/machines.ts';
import { isOn } from '../domain/states.ts';
import { EMULATED } from './hardware.ts';
import { attribute, child, children, parseXml, type Xml, type XmlValue } from '../xml.ts';

/**
 * Why each of the changes waits until the machine is off; null for one that comes about at once. Decided once, kept by the
 * journal, and the same for the plan.
 */
export type Waits = {
  name: string | null;
  cpus: string | null;
  memoryMiB: string | null;
  /** In the order of the request. */
  addNics: (string | null)[];
  removeNics: { [mac: string]: string | null };
};

const LAST_SLOT = 31;

/** What the running machine tells of itself beyond its definition. */
interface Running {
  readonly xml: Xml;
  readonly live: DomainDefinition;
  readonly isRunning: boolean;
  /** Whether there is a sign that the guest has booted, so that it answers to what its devices ask of it. */
  readonly isUp: boolean;
}

/** Decides which changes a machine takes while it is on. */
export class LiveChanges {
  readonly #machines: Machines;

  constructor(machines: Machines) {
    this.#machines = machines;
  }

  async decide(domain: Domain, input: ReconfigureVm): Promise<Waits> {
    const { addNics = [], removeNics = [] } = input;
    const all = (reason: string | null): Waits => ({
      name: reason,
      cpus: reason,
      memoryMiB: reason,
      addNics: addNics.map(() => reason),
      removeNics: Object.fromEntries(removeNics.map((mac) => [mac, reason])),
    });
    if (!(await domain.isActive())) return all(null);
    const state = await this.#machines.state(domain);
    // What is left of a crashed machine takes nothing.
    if (!isOn(state)) return all('It comes with the next start: the VM has crashed, and its QEMU is still there.');
    const running = await this.#look(domain, state === 'running');
    const leaves = Object.fromEntries(removeNics.map((mac) => [mac, whyNicStays(running, mac)]));
    return {
      name: 'The new name comes with the next power-off: libvirt renames no running VM.',
      cpus: input.cpus === undefined ? null : whyCpusWait(running, input.cpus),
      memoryMiB: input.memoryMiB === undefined ? null : whyMemoryWaits(running, input.memoryMiB),
      addNics: whyNicsWait(running, addNics, leaves),
      removeNics: leaves,
    };
  }

  async #look(domain: Domain, isRunning: boolean): Promise<Running> {
    const xml = child(parseXml(await domain.xml()), 'domain')!;
    return { xml, live: readDefinition(xml), isRunning, isUp: isRunning && (await isGuestUp(domain, xml)) };
  }
}

/** The guest agent has opened its channel, or the driver of the balloon has told of the memory. */
async function isGuestUp(domain: Domain, xml: Xml): Promise<boolean> {
  const isConnected = children(child(xml, 'devices'), 'channel').some(
    (channel) => attribute(child(channel, 'target'), 'state') === 'connected',
  );
  return isConnected || ((await domain.memoryStats()).get(MemoryStatTag.LAST_UPDATE) ?? 0) > 0;
}

const unheard = ({ isRunning }: Running): string =>
  isRunning ? 'nothing shows that the guest has booted' : 'a paused guest does not answer';

function whyCpusWait(running: Running, cpus: number): string | null {
  const { live, xml } = running;
  if (cpus === live.cpus) return null;
  if (cpus > live.maximumCpus)
    return `${cpus} CPUs come with the next start: the running VM has room for ${live.maximumCpus}.`;
  if (cpus > live.cpus) return null;
  const comes = `${cpus} CPUs come with the next start`;
  if (live.machine.acceleration === EMULATED)
    return `${comes}: a CPU that is emulated cannot be taken out of a running VM.`;
  const fixed = children(child(xml, 'vcpus'), 'vcpu').filter(
    (one) => attribute(one, 'enabled') === 'yes' && attribute(one, 'hotpluggable') !== 'yes',
  );
  if (cpus < fixed.length) return `${comes}: those that the VM was started with, ${fixed.length}, stay until then.`;
  return running.isUp ? null : `${comes}: a CPU is taken out by the guest, and ${unheard(running)}.`;
}

function whyMemoryWaits(running: Running, memoryMiB: number): string | null {
  const { maximumMemoryMiB, memoryMiB: now } = running.live;
  if (memoryMiB === now) return null;
  if (memoryMiB > maximumMemoryMiB)
    return `${memoryMiB} MiB of memory come with the next start: the running VM has at most the ${maximumMemoryMiB} MiB that it was started with.`;
  return running.isUp
    ? null
    : `${memoryMiB} MiB of memory come with the next start, or as soon as the guest hears of it: ${unheard(running)}.`;
}

function whyNicStays(running: Running, mac: string): string | null {
  if (running.isUp || !running.live.nics.some((nic) => nic.mac === mac)) return null;
  return `The interface ${mac} stays until the next power-off, or until the guest lets go of it: ${unheard(running)}.`;
}

function whyNicsWait(
  { xml, live }: Running,
  nics: NonNullable<ReconfigureVm['addNics']>,
  leaves: Waits['removeNics'],
): (string | null)[] {
  const isLeaving = (mac: string) => leaves[mac] === null && live.nics.some((nic) => nic.mac === mac);
  let free = freePorts(xml) + Object.keys(leaves).filter(isLeaving).length;
  return nics.map(({ mac }, index) => {
    const comes = `The new interface ${index + 1} comes with the next start`;
    if (mac !== undefined && typeof leaves[mac] === 'string')
      return `${comes}: the one with its MAC address is still there.`;
    free -= 1;
    return free >= 0 ? null : `${comes}: the running VM has no free PCI port.`;
  });
}

/** How many devices can still be plugged into a running machine. */
export function freePorts(domain: Xml): number {
  const devices = child(domain, 'devices');
  const controllers = children(devices, 'controller').filter((one) => attribute(one, 'type') === 'pci');
  if (controllers.length === 0) return Infinity;
  const used = usedSlots(devices);
  const index = (controller: Xml) => Number(attribute(controller, 'index') ?? 0);
  const ofModel = (...models: string[]) =>
    controllers.filter((one) => models.includes(attribute(one, 'model') ?? 'pci-root')).map(index);
  // virtio goes to PCI Express where there is any, one device to a port.
  if (ofModel('pcie-root').length > 0)
    return ofModel('pcie-root-port', 'pcie-switch-downstream-port').filter((bus) => !used.has(bus)).length;
  return ofModel('pci-root', 'pci-bridge').reduce((sum, bus) => sum + LAST_SLOT - (used.get(bus)?.size ?? 0), 0);
}

/** By bus. */
function usedSlots(devices: Xml | undefined): ReadonlyMap<number, ReadonlySet<number>> {
  const used = new Map<number, Set<number>>();
  const lists: (XmlValue | undefined)[] = Object.values(devices ?? {});
  for (const device of lists.flatMap((list) => (Array.isArray(list) ? list : [list]))) {
    if (typeof device !== 'object') continue;
    const address = child(device as Xml, 'address');
    if (attribute(address, 'type') !== 'pci') continue;
    const [bus, slot] = ['bus', 'slot'].map((name) => Number(attribute(address, name) ?? 0)) as [number, number];
    used.set(bus, (used.get(bus) ?? new Set()).add(slot));
  }
  return used;
}
