import { attribute, child, children, text, type Xml } from '../xml.ts';

/** Where the content of a disk is, as a definition says it. */
export type DiskSource =
  /** A file or a block device of the host. */
  | { readonly kind: 'path'; readonly path: string }
  /** A volume of a storage pool, whose path only libvirt knows. */
  | { readonly kind: 'volume'; readonly pool: string; readonly volume: string }
  /** Anything else: a network disk, a PCI device, a folder shown as a disk. It has no file on this host. */
  | { readonly kind: 'elsewhere'; readonly name: string }
  /** An empty drive. */
  | { readonly kind: 'none' };

/** One thing that a machine needs to run, or to go back to a snapshot. */
export interface FileReference {
  readonly source: DiskSource;
  /** As declared: what a guest has written into a raw disk never decides how it is read. */
  readonly format: string | undefined;
  /** A base below a disk is only read, and so are media, kernels and firmware. */
  readonly writes: boolean;
}

/** `owner` is a `<disk>`, a `<backingStore>`, a `<mirror>` or an `<nvram>`. */
export function readSource(owner: Xml): DiskSource {
  const source = child(owner, 'source');
  const at = (name: string) => attribute(source, name);
  const path = (value: string | undefined): DiskSource => (value ? { kind: 'path', path: value } : { kind: 'none' });
  const elsewhere = (name: string): DiskSource => ({ kind: 'elsewhere', name });
  const type = attribute(owner, 'type') ?? 'file';
  switch (type) {
    case 'file':
      return path(at('file'));
    case 'block':
      return path(at('dev'));
    case 'volume': {
      const [pool, volume] = [at('pool'), at('volume')];
      return pool !== undefined && volume !== undefined ? { kind: 'volume', pool, volume } : { kind: 'none' };
    }
    case 'dir':
      return at('dir') === undefined ? { kind: 'none' } : elsewhere(`folder ${at('dir')}`);
    case 'network':
      return source ? elsewhere([at('protocol') ?? type, at('name')].filter(Boolean).join(':')) : { kind: 'none' };
    case 'nvme': {
      const address = child(source, 'address');
      const part = (name: string) => (attribute(address, name) ?? '').replace(/^0x/, '');
      return elsewhere(`nvme:${part('domain')}:${part('bus')}:${part('slot')}.${part('function')}`);
    }
    default:
      return source ? elsewhere(type) : { kind: 'none' };
  }
}

/** The words for a source in a sentence. */
export function describeSource(source: DiskSource): string {
  switch (source.kind) {
    case 'path':
      return source.path;
    case 'volume':
      return `volume ${source.volume} of pool ${source.pool}`;
    case 'elsewhere':
      return source.name;
    case 'none':
      return 'empty';
  }
}

/** Everything that a domain definition names: disks with what is below them, firmware, kernels, persistent memory. */
export function domainReferences(domain: Xml | undefined): FileReference[] {
  const devices = child(domain, 'devices');
  const os = child(domain, 'os');
  const nvram = child(os, 'nvram');
  return [
    ...children(devices, 'disk').flatMap(diskReferences),
    ...fileReference(text(os, 'nvram'), true),
    ...(nvram && child(nvram, 'source') ? [{ source: readSource(nvram), format: undefined, writes: true }] : []),
    ...['loader', 'kernel', 'initrd', 'dtb'].flatMap((name) => fileReference(text(os, name), false)),
    ...children(devices, 'memory').flatMap((memory) => fileReference(text(child(memory, 'source'), 'path'), true)),
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
  const disks = children(child(snapshot, 'disks'), 'disk').filter(
    (disk) => attribute(disk, 'snapshot') === 'external',
  );
  return [
    ...disks.map((disk) => ({ source: readSource(disk), format: attribute(child(disk, 'driver'), 'type'), writes: true })),
    ...fileReference(attribute(child(snapshot, 'memory'), 'file'), true),
  ];
}

function diskReferences(disk: Xml): FileReference[] {
  const device = attribute(disk, 'device') ?? 'disk';
  const references: FileReference[] = [
    {
      source: readSource(disk),
      format: attribute(child(disk, 'driver'), 'type'),
      writes: (device === 'disk' || device === 'lun') && disk['readonly'] === undefined,
    },
  ];
  for (let below = child(disk, 'backingStore'); below; below = child(below, 'backingStore'))
    references.push({ source: readSource(below), format: attribute(child(below, 'format'), 'type'), writes: false });
  // The target of a copy that is under way.
  const mirror = child(disk, 'mirror');
  if (mirror)
    references.push({ source: readSource(mirror), format: attribute(child(mirror, 'format'), 'type'), writes: true });
  return references.filter(({ source }) => source.kind !== 'none');
}

function fileReference(path: string | undefined, writes: boolean): FileReference[] {
  return path?.startsWith('/') ? [{ source: { kind: 'path', path: path.trim() }, format: undefined, writes }] : [];
}
