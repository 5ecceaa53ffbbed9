import { EditableXml, type Element } from '../xml-edit.ts';
import { readBootWords, withBootWords } from './boot-order.ts';
import type { DiskSource } from './disk-source.ts';
import { diskKey, nicKey, readDomain, type DomainDefinition } from './domain-reader.ts';
import { METADATA_PREFIX, METADATA_URI } from './domain-xml.ts';

/** Where a disk is and how QEMU reads it. */
export type DiskPlace = { source: DiskSource; format: string };

/**
 * The same machine with other files for some of its disks, by device. `bases` are files below them that are to go with the
 * last machine that stands on them.
 */
export function withDiskSources(
  original: string,
  places: ReadonlyMap<string, DiskPlace>,
  bases: readonly string[],
): string {
  const document = new EditableXml(original);
  for (const disk of document.root.child('devices')?.children('disk') ?? []) {
    const place = places.get(disk.child('target')?.attribute('dev') ?? '');
    if (place !== undefined) setPlace(disk, place);
  }
  addBases(document.root, bases);
  return document.toString();
}

/** Our own element in the metadata, made if it is not there. */
export function ownMetadata(domain: Element): Element {
  const metadata = domain.child('metadata') ?? domain.append('metadata');
  const existing = metadata.child(`${METADATA_PREFIX}:vm`);
  if (existing) return existing;
  const own = metadata.append(`${METADATA_PREFIX}:vm`);
  own.setAttribute(`xmlns:${METADATA_PREFIX}`, METADATA_URI);
  return own;
}

export function addBases(domain: Element, bases: readonly string[]): void {
  if (bases.length === 0) return;
  const own = ownMetadata(domain);
  const known = new Set(own.children(`${METADATA_PREFIX}:base`).map((element) => element.text));
  for (const path of bases) if (!known.has(path)) own.append(`${METADATA_PREFIX}:base`).setText(path);
}

/** Keeps what else is said about the file (labels, encryption), as long as the disk is of the same kind. */
export function setPlace(disk: Element, { source, format }: DiskPlace): void {
  if (source.kind !== 'file' && source.kind !== 'block' && source.kind !== 'volume')
    throw new RangeError(`a disk cannot be put on a ${source.kind}`);
  if (disk.attribute('type') !== source.kind) disk.removeChildren('source');
  disk.removeChildren('backingStore');
  disk.setAttribute('type', source.kind);
  const element = disk.child('source') ?? disk.append('source');
  if (source.kind === 'volume') {
    element.setAttribute('pool', source.pool);
    element.setAttribute('volume', source.volume);
  } else element.setAttribute(source.kind === 'block' ? 'dev' : 'file', source.path);
  const driver = disk.child('driver') ?? disk.append('driver');
  driver.setAttribute('type', format);
}

/** The definition of the next start with the CPUs, memory, disks, interfaces and boot order that the running machine has. */
export function withPresentHardware(next: string, live: string): string {
  const [then, now] = [readDomain(next), readDomain(live)];
  const document = new EditableXml(withBootWords(next, readBootWords(live)));
  const domain = document.root;
  if (then.cpus !== now.cpus) {
    domain.removeChildren('vcpus');
    domain.setChildText('vcpu', String(now.maximumCpus));
    domain.child('vcpu')!.setAttribute('current', String(now.cpus));
  }
  if (then.memoryMiB !== now.memoryMiB && then.maximumMemoryMiB !== now.maximumMemoryMiB) {
    setMemory(domain, 'memory', now.maximumMemoryMiB);
    setMemory(domain, 'currentMemory', now.memoryMiB);
  }
  const devices = domain.child('devices');
  const present = new EditableXml(live).root.child('devices');
  if (devices && present)
    for (const [name, keysOf] of [
      ['disk', diskKeys],
      ['interface', nicKeys],
    ] as const)
      replaceDevices(devices, name, keysOf(then), present.children(name), keysOf(now));
  return document.toString();
}

const KIB_PER_MIB = 1024;

function setMemory(domain: Element, name: string, mebibytes: number): void {
  domain.setChildText(name, String(Math.round(mebibytes * KIB_PER_MIB)));
  domain.child(name)!.setAttribute('unit', 'KiB');
}

/** In the order of the definition; undefined for a floppy, whose medium nobody waits for. */
const diskKeys = ({ disks }: DomainDefinition) =>
  disks.map((disk) => (disk.kind === 'floppy' ? undefined : diskKey(disk)));
const nicKeys = ({ nics }: DomainDefinition) => nics.map((nic) => `${nicKey(nic)} ${nic.connected}`);

function replaceDevices(
  devices: Element,
  name: string,
  next: readonly (string | undefined)[],
  present: readonly Element[],
  live: readonly (string | undefined)[],
): void {
  for (const [index, device] of devices.children(name).entries())
    if (next[index] !== undefined && !live.includes(next[index])) devices.remove(device);
  const taken = new Set(devices.elements.map(addressOf));
  for (const [index, device] of present.entries()) {
    if (live[index] === undefined || next.includes(live[index])) continue;
    asDefined(device);
    const address = addressOf(device);
    if (address !== undefined && taken.has(address)) device.removeChildren('address');
    devices.adopt(device);
  }
}

const addressOf = (device: Element): string | undefined => device.child('address')?.toString();

/** Takes out what libvirt has written into the device of a running machine. */
function asDefined(device: Element): void {
  for (const name of ['alias', 'backingStore', 'mirror', 'privateData']) device.removeChildren(name);
  if (device.name === 'interface' && device.child('target')?.attribute('dev')?.startsWith('vnet'))
    device.removeChildren('target');
  const source = device.child('source');
  source?.removeAttribute('index');
  if (source?.attribute('network') === undefined) return;
  source.removeAttribute('portid');
  source.removeAttribute('bridge');
}
