import { readDiskSource, type DiskSource } from '../domain/disk-source.ts';
import { readKept } from '../snapshots/kept.ts';
import { attribute, child, children, text, texts, type Xml } from '../xml.ts';
import { filesOfNode, resolveBacking } from './backing-name.ts';

/** The words for a source in a sentence. */
export function describeSource(source: DiskSource): string {
  switch (source.kind) {
    case 'file':
    case 'block':
      return source.path;
    case 'dir':
      return `folder ${source.path}`;
    case 'volume':
      return `volume ${source.volume} of pool ${source.pool}`;
    case 'network':
      return [source.protocol, source.name].filter(Boolean).join(':');
    case 'other':
      return source.type;
  }
}

/** One thing that a machine needs to run, or to go back to a snapshot. */
export interface FileReference {
  readonly source: DiskSource;
  /** As declared: what a guest has written into a raw disk never decides how it is read. */
  readonly format: string | undefined;
  /** A base below a disk is only read, and so are media, kernels and firmware. */
  readonly writes: boolean;
}

/**
 * Everything that a domain definition names: disks with what is below them, firmware, kernels, persistent memory, and what its
 * own arguments hand to QEMU.
 */
export function domainReferences(domain: Xml | undefined): FileReference[] {
  const devices = child(domain, 'devices');
  const os = child(domain, 'os');
  const nvram = child(os, 'nvram');
  return [
    ...children(devices, 'disk').flatMap(diskReferences),
    ...file(text(os, 'nvram'), true),
    ...(nvram ? reference(nvram, { writes: true }) : []),
    // What the variables begin with when there are none yet.
    ...file(attribute(nvram, 'template'), false),
    ...['loader', 'kernel', 'initrd', 'dtb'].flatMap((name) => file(text(os, name), false)),
    ...texts(child(os, 'acpi'), 'table').flatMap((path) => file(path, false)),
    ...children(domain, 'sysinfo').flatMap((sysinfo) =>
      children(sysinfo, 'entry').flatMap((entry) => file(attribute(entry, 'file'), false)),
    ),
    ...children(devices, 'memory').flatMap((memory) => file(text(child(memory, 'source'), 'path'), true)),
    ...children(child(domain, 'qemu:commandline'), 'qemu:arg').flatMap((arg) => argumentFiles(attribute(arg, 'value'))),
  ];
}

/** `file=/a,format=raw` and the like, or a node as JSON. A comma that is doubled is part of a value. */
function argumentFiles(argument = ''): FileReference[] {
  const named = argument.startsWith('{')
    ? jsonFiles(argument)
    : argument.replaceAll(',,', '\0').split(',').flatMap(optionFiles);
  return named.map(({ path, format }) => ({ source: { kind: 'file', path }, format, writes: true }));
}

function jsonFiles(argument: string) {
  try {
    return filesOfNode(JSON.parse(argument), '/');
  } catch {
    return [];
  }
}

function optionFiles(option: string) {
  const value = option.slice(option.indexOf('=') + 1).replaceAll('\0', ',');
  // A word that is no path would be one of the folder that QEMU runs in.
  return /^(?:\/|json:|file:|host_device:)/.test(value) ? resolveBacking(value, '/') : [];
}

/** What a snapshot names: the overlays that it began, its memory, copies of what is beside the disks, and the machine as it was. */
export function snapshotReferences(snapshot: Xml | undefined): FileReference[] {
  return [
    ...snapshotOwnFiles(snapshot),
    ...(readKept(snapshot)?.copies ?? []).flatMap(({ path }) => file(path, false)),
    ...domainReferences(child(snapshot, 'domain')),
    ...domainReferences(child(snapshot, 'inactiveDomain')),
  ];
}

/** The files that came to be with the snapshot. */
export function snapshotOwnFiles(snapshot: Xml | undefined): FileReference[] {
  return [...snapshotDiskFiles(snapshot), ...file(attribute(child(snapshot, 'memory'), 'file'), true)];
}

/** What the disks have been written to since the snapshot was taken. */
export const snapshotDiskFiles = (snapshot: Xml | undefined): FileReference[] =>
  children(child(snapshot, 'disks'), 'disk')
    .filter((disk) => attribute(disk, 'snapshot') === 'external')
    .flatMap((disk) => reference(disk, { format: formatOf(child(disk, 'driver')), writes: true }));

function diskReferences(disk: Xml): FileReference[] {
  const device = attribute(disk, 'device') ?? 'disk';
  const isDisk = device === 'disk' || device === 'lun';
  const references = reference(disk, {
    format: formatOf(child(disk, 'driver')),
    writes: isDisk && disk['readonly'] === undefined,
  });
  for (let below = child(disk, 'backingStore'); below; below = child(below, 'backingStore'))
    references.push(...reference(below, { format: formatOf(child(below, 'format')), writes: false }));
  // The target of a copy that is under way.
  const mirror = child(disk, 'mirror');
  if (mirror) references.push(...reference(mirror, { format: formatOf(child(mirror, 'format')), writes: true }));
  return references;
}

const formatOf = (element: Xml | undefined) => attribute(element, 'type');

function reference(owner: Xml, { format, writes }: { format?: string | undefined; writes: boolean }): FileReference[] {
  const source = readDiskSource(owner);
  return source ? [{ source, format, writes }] : [];
}

/** One that stands on nothing. */
function file(path: string | undefined, writes: boolean): FileReference[] {
  return path?.startsWith('/') ? [{ source: { kind: 'file', path: path.trim() }, format: 'raw', writes }] : [];
}
