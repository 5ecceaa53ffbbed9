import { readDiskSource, type DiskSource } from '../domain/disk-source.ts';
import { attribute, child, children, text, type Xml } from '../xml.ts';

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

/** Everything that a domain definition names: disks with what is below them, firmware, kernels, persistent memory. */
export function domainReferences(domain: Xml | undefined): FileReference[] {
  const devices = child(domain, 'devices');
  const os = child(domain, 'os');
  const nvram = child(os, 'nvram');
  return [
    ...children(devices, 'disk').flatMap(diskReferences),
    ...file(text(os, 'nvram'), true),
    ...(nvram ? reference(nvram, { writes: true }) : []),
    ...['loader', 'kernel', 'initrd', 'dtb'].flatMap((name) => file(text(os, name), false)),
    ...children(devices, 'memory').flatMap((memory) => file(text(child(memory, 'source'), 'path'), true)),
  ];
}

/** What a snapshot names: the overlays that it began, its memory, and the machine as it was. */
export function snapshotReferences(snapshot: Xml | undefined): FileReference[] {
  return [
    ...snapshotOwnFiles(snapshot),
    ...domainReferences(child(snapshot, 'domain')),
    ...domainReferences(child(snapshot, 'inactiveDomain')),
  ];
}

/** The files that came to be with the snapshot. */
export function snapshotOwnFiles(snapshot: Xml | undefined): FileReference[] {
  return [
    ...children(child(snapshot, 'disks'), 'disk')
      .filter((disk) => attribute(disk, 'snapshot') === 'external')
      .flatMap((disk) => reference(disk, { format: formatOf(child(disk, 'driver')), writes: true })),
    ...file(attribute(child(snapshot, 'memory'), 'file'), true),
  ];
}

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

function file(path: string | undefined, writes: boolean): FileReference[] {
  return path?.startsWith('/') ? [{ source: { kind: 'file', path: path.trim() }, format: undefined, writes }] : [];
}
