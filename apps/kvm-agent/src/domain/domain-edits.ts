import { EditableXml, type Element } from '../xml-edit.ts';
import type { DiskSource } from './disk-source.ts';
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
