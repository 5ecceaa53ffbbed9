import { EditableXml } from '../xml-edit.ts';

/** The interfaces of a definition as they stand there, by MAC address: what libvirt is to find again it is given whole. */
export function interfaceXml(definition: string, mac: string): string[] {
  const devices = new EditableXml(definition).root.child('devices');
  return (devices?.children('interface') ?? [])
    .filter((nic) => nic.child('mac')?.attribute('address')?.toLowerCase() === mac)
    .map((nic) => nic.toString());
}
