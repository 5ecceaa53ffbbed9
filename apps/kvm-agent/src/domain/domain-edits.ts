import { derivedMac } from '@polyvirt/hypervisor';
import { EditableXml, type Element } from '../xml-edit.ts';
import { METADATA_URI } from './domain-xml.ts';

export interface CloneEdits {
  readonly name: string;
  readonly uuid: string;
  /** Files of the disks, in the order of the definition; media that can be taken out are not among them. */
  readonly diskPaths: readonly string[];
  /** Whether a medium in a drive belongs to the source alone. */
  readonly dropMedium: (path: string) => boolean;
  readonly createdAt: string;
}

/** The definition of a copy: what must be its own is changed, all else is as in the original. */
export function cloneDefinition(original: string, edits: CloneEdits): string {
  const xml = new EditableXml(original);
  const domain = xml.root;
  domain.setChildText('name', edits.name);
  domain.setChildText('uuid', edits.uuid);
  // Firmware variables hold boot entries of the source's disks; the copy gets fresh ones.
  domain.child('os')?.removeChildren('nvram');
  // A generation id that two machines share tells a guest that it was not copied.
  domain.removeChildren('genid');
  domain.child('metadata')?.removeChildren('polyvirt:vm');
  const metadata = domain.child('metadata') ?? domain.append('metadata');
  const own = metadata.append('polyvirt:vm');
  own.setAttribute('xmlns:polyvirt', METADATA_URI);
  own.setChildText('polyvirt:created', edits.createdAt);

  const devices = domain.child('devices');
  if (!devices) throw new SyntaxError('the domain has no devices');
  replaceDisks(devices, edits);
  for (const [index, nic] of devices.children('interface').entries()) {
    nic.removeChildren('mac');
    nic.append('mac').setAttribute('address', derivedMac(edits.uuid, index));
    nic.removeChildren('target');
  }
  for (const graphics of devices.children('graphics')) {
    if (graphics.attribute('port') !== undefined) graphics.setAttribute('port', '-1');
    graphics.setAttribute('autoport', 'yes');
  }
  // Sockets and files that libvirt named after the source.
  for (const channel of devices.children('channel'))
    if (channel.attribute('type') === 'unix') channel.removeChildren('source');
  return xml.toString();
}

function replaceDisks(devices: Element, { diskPaths, dropMedium }: CloneEdits): void {
  const paths = diskPaths[Symbol.iterator]();
  for (const disk of devices.children('disk')) {
    const source = disk.child('source');
    const kind = disk.attribute('device') ?? 'disk';
    if (kind === 'disk' || kind === 'lun') {
      const path = paths.next();
      if (path.done) throw new RangeError('fewer paths than disks');
      setSource(disk, path.value);
    } else if (source && dropMedium(source.attribute('file') ?? '')) disk.removeChildren('source');
  }
}

/** The same machine with other files for some of its disks, by device. */
export function withDiskSources(original: string, paths: ReadonlyMap<string, string>): string {
  const xml = new EditableXml(original);
  for (const disk of xml.root.child('devices')?.children('disk') ?? []) {
    const path = paths.get(disk.child('target')?.attribute('dev') ?? '');
    if (path !== undefined) setSource(disk, path);
  }
  return xml.toString();
}

function setSource(disk: Element, path: string): void {
  disk.setAttribute('type', 'file');
  disk.removeChildren('source');
  disk.removeChildren('backingStore');
  disk.append('source').setAttribute('file', path);
  disk.child('driver')?.setAttribute('type', 'qcow2');
}
