import type { HardwareChange } from '@polyvirt/contracts';
import { MemoryStatTag, type Domain } from '@polyvirt/node-libvirt';
import { readDefinition, type DomainDefinition } from '../domain/domain-reader.ts';
import { driveOf, type Machines } from '../domain/machines.ts';
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
  addDisks: (string | null)[];
  removeDisks: { [device: string]: string | null };
  cdrom: string | null;
  bootOrder: string | null;
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

  async decide(domain: Domain, input: HardwareChange): Promise<Waits> {
    const { addNics = [], removeNics = [], addDisks = [], removeDisks = [] } = input;
    const all = (reason: string | null): Waits => ({
      name: reason,
      cpus: reason,
      memoryMiB: reason,
      addNics: addNics.map(() => reason),
      removeNics: Object.fromEntries(removeNics.map((mac) => [mac, reason])),
      addDisks: addDisks.map(() => reason),
      removeDisks: Object.fromEntries(removeDisks.map(({ device }) => [device, reason])),
      cdrom: reason,
      bootOrder: reason,
    });
    if (!(await domain.isActive())) return all(null);
    const state = await this.#machines.state(domain);
    // What is left of a crashed machine takes nothing.
    if (!isOn(state)) return all('It comes with the next start: the VM has crashed, and its QEMU is still there.');
    const running = await this.#look(domain, state === 'running');
    const leaves = Object.fromEntries(removeNics.map((mac) => [mac, whyNicStays(running, mac)]));
    const goes = Object.fromEntries(removeDisks.map(({ device }) => [device, whyDiskStays(running, device)]));
    const nics = whyNicsWait(running, addNics, leaves);
    const ports = freePorts(running.xml) - nics.filter((waits) => waits === null).length + freedByNics(running, leaves);
    return {
      name: 'The new name comes with the next power-off: libvirt renames no running VM.',
      cpus: input.cpus === undefined ? null : whyCpusWait(running, input.cpus),
      memoryMiB: input.memoryMiB === undefined ? null : whyMemoryWaits(running, input.memoryMiB),
      addNics: nics,
      removeNics: leaves,
      addDisks: addDisks.map((_, index) =>
        index < ports + freedByDisks(running, goes)
          ? null
          : `The new disk ${index + 1} comes with the next start: the running VM has no free PCI port.`,
      ),
      removeDisks: goes,
      cdrom:
        input.cdrom === undefined || driveOf(domain.uuid, running.live)
          ? null
          : 'A CD-ROM drive cannot be plugged into a running VM: it comes with the next start.',
      bootOrder: 'The boot order counts from the next start on.',
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

function whyDiskStays(running: Running, device: string): string | null {
  if (running.isUp || !running.live.disks.some((disk) => disk.device === device)) return null;
  return `The disk ${device} stays until the next power-off, or until the guest lets go of it: ${unheard(running)}.`;
}

/** How many of those that go leave a port behind. One that only waits to come has none. */
const freed = (leaves: { [name: string]: string | null }, isThere: (name: string) => boolean): number =>
  Object.entries(leaves).filter(([name, stays]) => stays === null && isThere(name)).length;

const freedByNics = ({ live }: Running, leaves: Waits['removeNics']): number =>
  freed(leaves, (mac) => live.nics.some((nic) => nic.mac === mac));
const freedByDisks = ({ live }: Running, leaves: Waits['removeDisks']): number =>
  freed(leaves, (device) => live.disks.some((disk) => disk.device === device));

function whyNicsWait(
  running: Running,
  nics: NonNullable<HardwareChange['addNics']>,
  leaves: Waits['removeNics'],
): (string | null)[] {
  let free = freePorts(running.xml) + freedByNics(running, leaves);
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
