import type { BootDevice, Disk, Firmware, Nic, PendingChange } from '@polyvirt/contracts';
import { attribute, child, children, parseXml, text, texts, type Xml } from '../xml.ts';
import { readBootOrder } from './boot-order.ts';
import { pathOf, readDiskSource, sourceKey, type DiskSource } from './disk-source.ts';
import { readFirmware } from './firmware.ts';
import { announcedName, readVnc, type VncDisplay } from './graphics.ts';
import { readTerminal, type DomainTerminal } from './terminal.ts';

/** What the definition of a domain says, in our words. Sizes of disks are not in it. */
export interface DomainDefinition {
  readonly name: string;
  readonly uuid: string;
  readonly machine: MachineType;
  readonly cpus: number;
  readonly maximumCpus: number;
  readonly topology: CpuTopology | undefined;
  /** What the guest has now: the balloon takes the rest. */
  readonly memoryMiB: number;
  readonly maximumMemoryMiB: number;
  /** MiB of each NUMA cell; their sum is the memory of the machine. */
  readonly numaCellsMiB: readonly number[];
  readonly firmware: Firmware | undefined;
  readonly bootOrder: readonly BootDevice[] | undefined;
  readonly disks: readonly DomainDisk[];
  readonly nics: readonly DomainNic[];
  readonly vnc: VncDisplay | undefined;
  readonly terminal: DomainTerminal | undefined;
  /** As QEMU announces it to viewers of its display. */
  readonly announcedName: string;
  readonly nvram: string | undefined;
  /** What happens when the guest powers off: `destroy` unless the definition says otherwise. */
  readonly onPoweroff: string;
  /** From our metadata: when we made it, and the name it is to get once it is off. */
  readonly createdAt: string | undefined;
  readonly pendingName: string | undefined;
  /** From our metadata: a forced stop has followed the crash that libvirt still shows. */
  readonly crashSettled: boolean;
  /** From our metadata: it does not start, and is there to be cloned. */
  readonly template: boolean;
  /** From our metadata: interfaces that go with the next power-off, whose addresses are kept until then. */
  readonly leaving: readonly { readonly mac: string; readonly network: string }[];
  /** From our metadata: files that are deleted at the next power-off, with the disks that go then. */
  readonly doomed: readonly string[];
  /** From our metadata: files below its disks that were disks before a linked clone was made. With their last user they go. */
  readonly bases: readonly string[];
}

/** What decides how many CPUs a machine can have. */
export interface MachineType {
  /** `kvm`, or `qemu` where every CPU is emulated. */
  readonly acceleration: string;
  readonly arch: string | undefined;
  readonly type: string | undefined;
  readonly emulator: string | undefined;
}

export interface CpuTopology {
  readonly sockets: number;
  readonly dies: number;
  readonly cores: number;
  readonly threads: number;
}

export interface DomainDisk {
  readonly device: Disk['device'];
  readonly kind: 'disk' | 'cdrom' | 'floppy' | 'lun';
  readonly source: DiskSource | undefined;
  /** Of the source, where it is a file, a block device or a folder of this host. A volume has to be looked up for it. */
  readonly path: string | undefined;
  /** As declared, which is how QEMU reads it: raw where nothing is said. */
  readonly format: string;
  readonly readonly: boolean;
}

export interface DomainNic {
  readonly mac: string;
  readonly network: string;
  /** Whether its cable is plugged in. */
  readonly connected: boolean;
  /** The device on the host, while it runs: `vnet0`. */
  readonly interface: string | undefined;
}

export function readDomain(xml: string): DomainDefinition {
  const domain = child(parseXml(xml), 'domain');
  if (!domain) throw new SyntaxError('not a domain definition');
  return readDefinition(domain);
}

/** Of a document that holds a definition, such as that of a snapshot. */
export function readDefinition(domain: Xml): DomainDefinition {
  const devices = child(domain, 'devices');
  const metadata = child(child(domain, 'metadata'), 'polyvirt:vm');
  const name = text(domain, 'name') ?? '';
  const maximumCpus = Number(text(domain, 'vcpu') ?? 1);
  const maximumMemoryMiB = mebibytes(domain, 'memory');
  if (maximumMemoryMiB === undefined) throw new SyntaxError('the definition does not say how much memory there is');
  return {
    name,
    uuid: (text(domain, 'uuid') ?? '').trim(),
    machine: readMachineType(domain, devices),
    cpus: Number(attribute(child(domain, 'vcpu'), 'current') ?? maximumCpus),
    maximumCpus,
    topology: readTopology(child(child(domain, 'cpu'), 'topology')),
    memoryMiB: mebibytes(domain, 'currentMemory') ?? maximumMemoryMiB,
    maximumMemoryMiB,
    numaCellsMiB: children(child(child(domain, 'cpu'), 'numa'), 'cell').map((cell) =>
      inMebibytes(attribute(cell, 'memory') ?? '0', attribute(cell, 'unit')),
    ),
    firmware: readFirmware(domain),
    bootOrder: readBootOrder(domain),
    disks: children(devices, 'disk').map(readDisk),
    nics: children(devices, 'interface').map(readNic),
    vnc: readVnc(devices),
    terminal: readTerminal(devices),
    announcedName: announcedName(domain, name),
    nvram: text(child(domain, 'os'), 'nvram'),
    onPoweroff: text(domain, 'on_poweroff') ?? 'destroy',
    createdAt: text(metadata, 'polyvirt:created'),
    pendingName: text(metadata, 'polyvirt:pendingName'),
    crashSettled: text(metadata, 'polyvirt:crashSettled') !== undefined,
    template: text(metadata, 'polyvirt:template') !== undefined,
    leaving: texts(metadata, 'polyvirt:leaving').map((nic) => {
      const [mac = '', ...network] = nic.split(' ');
      return { mac, network: network.join(' ') };
    }),
    doomed: texts(metadata, 'polyvirt:doomed'),
    bases: texts(metadata, 'polyvirt:base'),
  };
}

/** Bytes of the units that libvirt writes and accepts; without a unit it means KiB. https://libvirt.org/formatdomain.html */
const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 1024,
  KiB: 1024,
  MB: 1e6,
  M: 2 ** 20,
  MiB: 2 ** 20,
  GB: 1e9,
  G: 2 ** 30,
  GiB: 2 ** 30,
  TB: 1e12,
  T: 2 ** 40,
  TiB: 2 ** 40,
};

function mebibytes(domain: Xml, name: string): number | undefined {
  const amount = text(domain, name);
  return amount === undefined ? undefined : inMebibytes(amount, attribute(child(domain, name), 'unit'));
}

const inMebibytes = (amount: string, unit = 'KiB'): number => (Number(amount) * (unitBytes[unit] ?? 1024)) / 2 ** 20;

function readMachineType(domain: Xml, devices: Xml | undefined): MachineType {
  const type = child(child(domain, 'os'), 'type');
  return {
    acceleration: attribute(domain, 'type') ?? 'kvm',
    arch: attribute(type, 'arch'),
    type: attribute(type, 'machine'),
    emulator: text(devices, 'emulator'),
  };
}

function readTopology(topology: Xml | undefined): CpuTopology | undefined {
  if (!topology) return undefined;
  const count = (name: string) => Number(attribute(topology, name) ?? 1);
  return { sockets: count('sockets'), dies: count('dies'), cores: count('cores'), threads: count('threads') };
}

function readDisk(disk: Xml): DomainDisk {
  const source = readDiskSource(disk);
  const kind = attribute(disk, 'device') ?? 'disk';
  return {
    device: attribute(child(disk, 'target'), 'dev') ?? '',
    kind: kind === 'cdrom' || kind === 'floppy' || kind === 'lun' ? kind : 'disk',
    source,
    path: pathOf(source),
    format: attribute(child(disk, 'driver'), 'type') ?? 'raw',
    readonly: disk['readonly'] !== undefined,
  };
}

function readNic(nic: Xml): DomainNic {
  const source = child(nic, 'source');
  return {
    mac: (attribute(child(nic, 'mac'), 'address') ?? '').toLowerCase(),
    network:
      attribute(source, 'network') ??
      attribute(source, 'bridge') ??
      attribute(source, 'dev') ??
      attribute(nic, 'type') ??
      '',
    connected: attribute(child(nic, 'link'), 'state') !== 'down',
    interface: attribute(child(nic, 'target'), 'dev'),
  };
}

/** What the running machine has not taken over yet, in the names of the API. */
export function pendingChanges(live: DomainDefinition, next: DomainDefinition): PendingChange[] {
  const pending: PendingChange[] = [];
  if (live.pendingName !== undefined && live.pendingName !== live.name)
    pending.push({ pointer: '/name', from: live.name, to: live.pendingName });
  if (live.cpus !== next.cpus) pending.push({ pointer: '/cpus', from: live.cpus, to: next.cpus });
  // The balloon may be between two sizes: only a different ceiling needs the machine to be off.
  if (live.maximumMemoryMiB !== next.maximumMemoryMiB && live.memoryMiB !== next.memoryMiB)
    pending.push({ pointer: '/memoryMiB', from: wholeMiB(live), to: wholeMiB(next) });
  if (next.bootOrder && JSON.stringify(live.bootOrder) !== JSON.stringify(next.bootOrder))
    pending.push({ pointer: '/bootOrder', from: live.bootOrder, to: next.bootOrder });
  const disks = [live, next].map((one) => one.disks.filter(isDisk)) as [DomainDisk[], DomainDisk[]];
  return [
    ...pending,
    ...differences('/disks', disks, diskKey, ({ device, path }) => ({ device, path })),
    ...changesOfNics(live.nics, next.nics),
  ];
}

type NicPlace = Pick<Nic, 'mac' | 'network' | 'connected'>;

/** An interface that is in both is told by its MAC, as long as that tells one from another. */
export function changesOfNics(now: readonly NicPlace[], then: readonly NicPlace[]): PendingChange[] {
  const isTold = (mac: string | undefined) =>
    [now, then].every((nics) => nics.filter((nic) => nic.mac === mac).length === 1);
  const changed = now.flatMap((nic, index): PendingChange[] => {
    const other = isTold(nic.mac) ? then.find(({ mac }) => mac === nic.mac)! : nic;
    return (['network', 'connected'] as const).flatMap((field) =>
      nic[field] === other[field] ? [] : [{ pointer: `/nics/${index}/${field}`, from: nic[field], to: other[field] }],
    );
  });
  const key = (nic: NicPlace) => (isTold(nic.mac) ? nic.mac! : nicKey(nic));
  return [...changed, ...differences('/nics', [now, then], key, ({ mac, network }) => ({ mac, network }))];
}

const wholeMiB = ({ memoryMiB }: DomainDefinition) => Math.max(1, Math.round(memoryMiB));

/** What is in one of two lists only: it will go, or come. */
function differences<Item>(
  pointer: string,
  [live, next]: readonly [readonly Item[], readonly Item[]],
  key: (item: Item) => string,
  shown: (item: Item) => object,
): PendingChange[] {
  const [now, then] = [new Set(live.map(key)), new Set(next.map(key))];
  return [
    ...live.flatMap((item, index) =>
      then.has(key(item)) ? [] : [{ pointer: `${pointer}/${index}`, from: shown(item) }],
    ),
    ...next.flatMap((item) => (now.has(key(item)) ? [] : [{ pointer: `${pointer}/-`, to: shown(item) }])),
  ];
}

export const nicKey = ({ mac, network }: NicPlace): string => `${mac} ${network}`;

export const isDisk = (disk: DomainDisk): boolean => disk.kind === 'disk' || disk.kind === 'lun';

/** libvirt writes the index of the image into a running definition only, which is no part of the key. */
export const diskKey = ({ device, source }: DomainDisk) => `${device} ${sourceKey(source)}`;
