import { EditableXml, type Element } from '../xml-edit.ts';
import { buildXml } from '../xml.ts';

/** A disk as it is plugged into a machine. */
export const diskXml = ({ device, path, format }: { device: string; path: string; format: string }): string =>
  buildXml({
    disk: {
      '@type': 'file',
      '@device': 'disk',
      driver: { '@name': 'qemu', '@type': format, '@discard': 'unmap' },
      source: { '@file': path },
      target: { '@dev': device, '@bus': 'virtio' },
    },
  });

/** A CD-ROM drive, with or without a medium. */
export const driveXml = ({ device, path }: { device: string; path: string | null }): string =>
  buildXml({
    disk: {
      '@type': 'file',
      '@device': 'cdrom',
      driver: { '@name': 'qemu', '@type': 'raw' },
      ...(path !== null && { source: { '@file': path } }),
      target: { '@dev': device, '@bus': 'sata' },
      readonly: '',
    },
  });

/** The device of a definition that is called so, as it stands there: libvirt is to find it again. */
export function diskElement(definition: string, device: string): Element | undefined {
  const devices = new EditableXml(definition).root.child('devices');
  return devices?.children('disk').find((disk) => disk.child('target')?.attribute('dev') === device);
}

/** The same drive with another medium. */
export function withMedium(drive: Element, path: string | null): string {
  drive.removeChildren('source');
  drive.removeChildren('backingStore');
  drive.setAttribute('type', 'file');
  if (path !== null) drive.append('source').setAttribute('file', path);
  const driver = drive.child('driver') ?? drive.append('driver');
  driver.setAttribute('name', 'qemu');
  driver.setAttribute('type', 'raw');
  return drive.toString();
}

export interface NicEdit {
  readonly network?: string | undefined;
  readonly connected?: boolean | undefined;
}

/** The interfaces of a definition with this MAC address, changed. */
export function changedNics(definition: string, mac: string, { network, connected }: NicEdit): string[] {
  const devices = new EditableXml(definition).root.child('devices');
  const nics = (devices?.children('interface') ?? []).filter(
    (nic) => nic.child('mac')?.attribute('address')?.toLowerCase() === mac,
  );
  for (const nic of nics) {
    if (network !== undefined && nic.child('source')?.attribute('network') !== network) {
      for (const name of ['source', 'virtualport', 'vlan']) nic.removeChildren(name);
      nic.setAttribute('type', 'network');
      nic.append('source').setAttribute('network', network);
    }
    if (connected === undefined) continue;
    nic.removeChildren('link');
    // Plugged in is what is meant when nothing is said; a live device wants it said.
    nic.append('link').setAttribute('state', connected ? 'up' : 'down');
  }
  return nics.map((nic) => nic.toString());
}
