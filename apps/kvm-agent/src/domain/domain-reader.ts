import type { Disk, Firmware, Nic } from '@polyvirt/contracts';
import { readSource, type DiskSource } from '../storage/disk-source.ts';
import { attribute, child, children, parseXml, text, type Xml } from '../xml.ts';
import { readMetadata } from './metadata.ts';

/** What the definition of a domain says, in our words. Sizes of disks are not in it. */
export interface DomainDefinition {
  readonly name: string;
  readonly uuid: string;
  readonly cpus: number;
  readonly maximumCpus: number;
  /** What the guest has now: the balloon takes the rest. */
  readonly memoryMiB: number;
  readonly maximumMemoryMiB: number;
  readonly firmware: Firmware;
  readonly disks: readonly DomainDisk[];
  readonly nics: readonly DomainNic[];
  readonly vnc: { readonly host: string; readonly port: number } | { readonly socket: string } | undefined;
  readonly nvram: string | undefined;
  /** From our metadata: when we made it, and the name it is to get once it is off. */
  readonly createdAt: string | undefined;
  readonly pendingName: string | undefined;
}

export interface DomainDisk {
  readonly device: Disk['device'];
  readonly kind: 'disk' | 'cdrom' | 'floppy' | 'lun';
  readonly source: DiskSource;
  /** As declared, which is how QEMU reads it. */
  readonly format: string | undefined;
  readonly readonly: boolean;
}

export interface DomainNic {
  readonly mac: Nic['mac'];
  readonly network: Nic['network'];
}

export function readDomain(xml: string): DomainDefinition {
  const domain = child(parseXml(xml), 'domain');
  if (!domain) throw new SyntaxError('not a domain definition');
  const devices = child(domain, 'devices');
  const { createdAt, pendingName } = readMetadata(domain);
  const maximumCpus = Number(text(domain, 'vcpu') ?? 1);
  return {
    name: text(domain, 'name') ?? '',
    uuid: (text(domain, 'uuid') ?? '').trim(),
    cpus: Number(attribute(child(domain, 'vcpu'), 'current') ?? maximumCpus),
    maximumCpus,
    memoryMiB: mebibytes(domain, 'currentMemory') ?? mebibytes(domain, 'memory') ?? 0,
    maximumMemoryMiB: mebibytes(domain, 'memory') ?? 0,
    firmware: readFirmware(child(domain, 'os')),
    disks: children(devices, 'disk').map(readDisk),
    nics: children(devices, 'interface').map(readNic),
    vnc: readVnc(devices),
    nvram: text(child(domain, 'os'), 'nvram'),
    createdAt,
    pendingName,
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
  if (amount === undefined) return undefined;
  const unit = attribute(child(domain, name), 'unit') ?? 'KiB';
  return (Number(amount) * (unitBytes[unit] ?? 1024)) / 2 ** 20;
}

function readFirmware(os: Xml | undefined): Firmware {
  if (attribute(os, 'firmware') === 'efi') return 'uefi';
  return attribute(child(os, 'loader'), 'type') === 'pflash' ? 'uefi' : 'bios';
}

function readDisk(disk: Xml): DomainDisk {
  const kind = attribute(disk, 'device') ?? 'disk';
  return {
    device: attribute(child(disk, 'target'), 'dev') ?? '',
    kind: kind === 'cdrom' || kind === 'floppy' || kind === 'lun' ? kind : 'disk',
    source: readSource(disk),
    format: attribute(child(disk, 'driver'), 'type'),
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
  };
}

function readVnc(devices: Xml | undefined): DomainDefinition['vnc'] {
  const graphics = children(devices, 'graphics').find((candidate) => attribute(candidate, 'type') === 'vnc');
  if (!graphics) return undefined;
  const socket = attribute(graphics, 'socket') ?? attribute(child(graphics, 'listen'), 'socket');
  if (socket !== undefined) return { socket };
  const port = Number(attribute(graphics, 'port') ?? -1);
  if (port <= 0) return undefined;
  const listen = attribute(graphics, 'listen') ?? '127.0.0.1';
  return { host: listen === '0.0.0.0' || listen === '::' ? '127.0.0.1' : listen, port };
}

/** What the running machine has not taken over yet, in the names of the API. */
export function pendingChanges(live: DomainDefinition, next: DomainDefinition): string[] {
  const pending: string[] = [];
  if (live.pendingName !== undefined && live.pendingName !== live.name) pending.push('name');
  if (live.cpus !== next.cpus) pending.push('cpus');
  // The balloon may be between two sizes: only a different ceiling needs the machine to be off.
  if (live.maximumMemoryMiB !== next.maximumMemoryMiB && live.memoryMiB !== next.memoryMiB) pending.push('memoryMiB');
  if (!sameSet(live.disks.filter(isDisk), next.disks.filter(isDisk), (disk) => disk.device)) pending.push('disks');
  if (!sameSet(live.nics, next.nics, (nic) => nic.mac)) pending.push('nics');
  return pending;
}

export const isDisk = (disk: DomainDisk): boolean => disk.kind === 'disk' || disk.kind === 'lun';

function sameSet<Item>(one: readonly Item[], other: readonly Item[], key: (item: Item) => string): boolean {
  const keys = new Set(one.map(key));
  return keys.size === other.length && other.every((item) => keys.has(key(item)));
}
