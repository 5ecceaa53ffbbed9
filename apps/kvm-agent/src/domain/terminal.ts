import { attribute, child, children, type Xml } from '../xml.ts';

/** A serial port, or a console of another kind, that libvirt brings to whoever asks. */
export interface DomainTerminal {
  /** What libvirt calls it while the domain runs. */
  readonly alias: string | undefined;
}

/** The one that people mean: the console before serial ports. Undefined for a domain whose ports all go into files, sockets of others or nowhere. */
export function readTerminal(devices: Xml | undefined): DomainTerminal | undefined {
  const device = [...children(devices, 'console'), ...children(devices, 'serial')].find(isBrought);
  return device && { alias: attribute(child(device, 'alias'), 'name') };
}

/** libvirt opens pseudo-terminals, and sockets on which QEMU listens. */
function isBrought(device: Xml): boolean {
  const type = attribute(device, 'type');
  return type === 'pty' || (type === 'unix' && attribute(child(device, 'source'), 'mode') !== 'connect');
}
