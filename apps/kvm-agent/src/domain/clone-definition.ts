import { derivedMac } from '@polyvirt/hypervisor';
import { setNvram } from '../lifecycle/state-files.ts';
import { EditableXml, type Element } from '../xml-edit.ts';
import { renewCharacterDevices } from './clone-character-devices.ts';
import { describeShared } from './clone-shared.ts';
import { addBases, ownMetadata, setPlace } from './domain-edits.ts';
import { driveXml } from './device-xml.ts';
import { buildNicXml, METADATA_PREFIX } from './domain-xml.ts';

export interface CloneEdits {
  readonly name: string;
  readonly uuid: string;
  /** Files of the disks, in the order of the definition; media that can be taken out are not among them. */
  readonly diskPaths: readonly string[];
  /** Files below them that are to go with the last machine that stands on them. */
  readonly bases: readonly string[];
  /** File of the firmware variables; null for a machine that has none. */
  readonly nvram: string | null;
  /** Whether a medium in a drive belongs to the source alone. */
  readonly dropMedium: (path: string) => boolean;
  /** A port of the host that nothing uses, at or above the one that the source has. */
  readonly nextPort: (from: number) => number;
  readonly createdAt: string;
  /** What is asked for in the place of what the source has. */
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly nics?: readonly { readonly network: string; readonly mac: string }[] | undefined;
  /** File of the cloud-init seed of the copy. */
  readonly seed?: string | undefined;
}

/**
 * The definition of a copy that can run beside its source. What names something on the host is made anew; what can only be
 * shared, or is the source's alone, is told in the notes. All else is as in the original.
 */
export function cloneDefinition(original: string, edits: CloneEdits): { xml: string; notes: string[] } {
  const document = new EditableXml(original);
  const domain = document.root;
  const devices = domain.child('devices');
  if (!devices) throw new SyntaxError('the domain has no devices');
  domain.setChildText('name', edits.name);
  domain.setChildText('uuid', edits.uuid);
  renewIdentity(domain, edits.uuid);
  if (edits.nvram === null) domain.child('os')?.removeChildren('nvram');
  else setNvram(document, edits.nvram);
  domain.child('metadata')?.removeChildren(`${METADATA_PREFIX}:vm`);
  ownMetadata(domain).setChildText(`${METADATA_PREFIX}:created`, edits.createdAt);
  addBases(domain, edits.bases);

  replaceDisks(devices, edits);
  resize(domain, edits);
  replaceNics(devices, edits);
  if (edits.seed !== undefined) insertSeed(devices, edits.seed);
  const notes = renewCharacterDevices(devices, edits);
  devices.children('graphics').forEach(renewDisplay);
  for (const vsock of devices.children('vsock')) {
    vsock.removeChildren('cid');
    vsock.append('cid').setAttribute('auto', 'yes');
  }
  return { xml: document.toString(), notes: [...notes, ...describeShared(domain)] };
}

function resize(domain: Element, { cpus, memoryMiB }: CloneEdits): void {
  if (cpus !== undefined) {
    const room = Math.max(cpus, Number(domain.child('vcpu')?.text ?? cpus));
    domain.removeChildren('vcpus');
    domain.setChildText('vcpu', String(room));
    domain.child('vcpu')!.setAttribute('current', String(cpus));
  }
  if (memoryMiB === undefined) return;
  for (const name of ['memory', 'currentMemory']) {
    domain.setChildText(name, String(memoryMiB));
    domain.child(name)!.setAttribute('unit', 'MiB');
  }
}

function replaceNics(devices: Element, { uuid, nics }: CloneEdits): void {
  if (nics) {
    devices.removeChildren('interface');
    for (const nic of nics) devices.adopt(new EditableXml(buildNicXml(nic)).root);
    return;
  }
  for (const [index, nic] of devices.children('interface').entries()) {
    nic.removeChildren('mac');
    nic.append('mac').setAttribute('address', derivedMac(uuid, index));
    nic.removeChildren('target');
  }
}

/** In a drive of its own, as that of a new machine is. */
function insertSeed(devices: Element, path: string): void {
  const taken = new Set(devices.children('disk').map((disk) => disk.child('target')?.attribute('dev')));
  const device = [...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `sd${letter}`).find((one) => !taken.has(one))!;
  devices.adopt(new EditableXml(driveXml({ device, path })).root);
}

function renewIdentity(domain: Element, uuid: string): void {
  // libvirt refuses a machine whose UUID in the firmware's tables is another one.
  for (const system of domain.children('sysinfo').flatMap((sysinfo) => sysinfo.children('system')))
    for (const entry of system.children('entry')) if (entry.attribute('name') === 'uuid') entry.setText(uuid);
  // A generation id that two machines share tells a guest that it was not copied. An empty one is chosen anew.
  if (domain.child('genid')) {
    domain.removeChildren('genid');
    domain.append('genid');
  }
}

function replaceDisks(devices: Element, { diskPaths, dropMedium }: CloneEdits): void {
  const paths = diskPaths[Symbol.iterator]();
  for (const disk of devices.children('disk')) {
    const source = disk.child('source');
    const kind = disk.attribute('device') ?? 'disk';
    if (kind === 'disk' || kind === 'lun') {
      const path = paths.next();
      if (path.done) throw new RangeError('fewer paths than disks');
      // Labels and reservations are about the file of the source.
      disk.removeChildren('source');
      disk.setAttribute('device', 'disk');
      setPlace(disk, { source: { kind: 'file', path: path.value }, format: 'qcow2' });
    } else if (source && dropMedium(source.attribute('file') ?? '')) disk.removeChildren('source');
  }
}

/** Ports are given at each start, and sockets are named after the machine. */
function renewDisplay(graphics: Element): void {
  for (const port of ['port', 'tlsPort', 'websocket'])
    if (graphics.attribute(port) !== undefined) graphics.setAttribute(port, '-1');
  if (graphics.attribute('port') !== undefined || graphics.attribute('autoport') === 'no')
    graphics.setAttribute('autoport', 'yes');
  graphics.removeAttribute('socket');
  for (const listen of graphics.children('listen')) listen.removeAttribute('socket');
}
