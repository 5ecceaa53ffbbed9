import { attribute, child, children, type Xml } from '../xml.ts';

/**
 * Where the content of a disk is, as the definition says it. A volume has to be looked up in its pool to get a path; what is
 * reached over a network or a PCI address has none on this host.
 */
export type DiskSource =
  | { readonly kind: 'file' | 'block' | 'dir'; readonly path: string }
  | { readonly kind: 'volume'; readonly pool: string; readonly volume: string }
  | { readonly kind: 'network'; readonly protocol: string; readonly name: string; readonly hosts: string[] }
  | { readonly kind: 'other'; readonly type: string };

/** Attribute of `<source>` that holds the path, by the type of the disk. https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms */
const pathAttributes = { file: 'file', block: 'dev', dir: 'dir' } as const;

/** Undefined for a drive without a medium. */
export function readDiskSource(disk: Xml): DiskSource | undefined {
  const source = child(disk, 'source');
  const type = attribute(disk, 'type') ?? 'file';
  if (!source) return undefined;
  if (type === 'file' || type === 'block' || type === 'dir') {
    const path = attribute(source, pathAttributes[type]);
    return path === undefined ? undefined : { kind: type, path };
  }
  if (type === 'volume')
    return { kind: 'volume', pool: attribute(source, 'pool') ?? '', volume: attribute(source, 'volume') ?? '' };
  if (type === 'network') {
    const hosts = children(source, 'host').map((host) => attribute(host, 'name') ?? attribute(host, 'socket') ?? '');
    return {
      kind: 'network',
      protocol: attribute(source, 'protocol') ?? '',
      name: attribute(source, 'name') ?? '',
      hosts: hosts.filter((host) => host !== ''),
    };
  }
  return { kind: 'other', type };
}

/** Path on this host, where the definition itself names one. */
export function pathOf(source: DiskSource | undefined): string | undefined {
  return source && 'path' in source ? source.path : undefined;
}

/** Two disks with the same source read the same content. */
export function sourceKey(source: DiskSource | undefined): string {
  return JSON.stringify(source ?? null);
}

/** Where a source is, for a person. */
export function placeOf(source: DiskSource): string {
  switch (source.kind) {
    case 'volume':
      return `${source.pool}/${source.volume}`;
    case 'network':
      return `${source.protocol}://${source.hosts[0] ?? ''}/${source.name}`;
    case 'other':
      return source.type;
    default:
      return source.path;
  }
}
