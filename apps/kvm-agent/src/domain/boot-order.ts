import type { BootDevice } from '@polyvirt/contracts';
import { EditableXml, type Element } from '../xml-edit.ts';
import { attribute, child, children, type Xml } from '../xml.ts';

/** What libvirt calls them; a floppy is none of ours. */
const libvirtNames: Readonly<Record<BootDevice, string>> = { disk: 'hd', cdrom: 'cdrom', network: 'network' };
const ours = new Map(Object.entries(libvirtNames).map(([device, name]) => [name, device as BootDevice]));

/** Devices that can have an order of their own, in which case libvirt takes no order of kinds beside it. */
const ordered = ['disk', 'interface', 'hostdev', 'redirdev'] as const;

/** By kind of device, also where each device has a place of its own; undefined when the definition does not tell. */
export function readBootOrder(domain: Xml): BootDevice[] | undefined {
  const devices = child(domain, 'devices');
  const single = ordered
    .flatMap((name) => children(devices, name).map((device) => ({ name, device })))
    .flatMap(({ name, device }) => {
      const order = attribute(child(device, 'boot'), 'order');
      const kind = name === 'interface' ? 'network' : name === 'disk' ? kindOfDisk(device) : undefined;
      return order === undefined || kind === undefined ? [] : [{ order: Number(order), kind }];
    })
    .sort((one, other) => one.order - other.order)
    .map(({ kind }) => kind);
  const kinds =
    single.length > 0
      ? single
      : children(child(domain, 'os'), 'boot').flatMap((boot) => ours.get(attribute(boot, 'dev') ?? '') ?? []);
  return kinds.length > 0 ? [...new Set(kinds)] : undefined;
}

function kindOfDisk(disk: Xml): BootDevice | undefined {
  const device = attribute(disk, 'device') ?? 'disk';
  if (device === 'cdrom') return 'cdrom';
  return device === 'floppy' ? undefined : 'disk';
}

/** How a definition says it, for the way back: kinds, and devices with a place of their own by what tells them apart. */
export type BootWords = { kinds: string[]; devices: { name: string; key: string; order: string }[] };

export function readBootWords(definition: string): BootWords {
  const domain = new EditableXml(definition).root;
  return {
    kinds: (domain.child('os')?.children('boot') ?? []).flatMap((boot) => boot.attribute('dev') ?? []),
    devices: bootable(domain).flatMap(({ name, device }) => {
      const order = device.child('boot')?.attribute('order');
      return order === undefined ? [] : [{ name, key: keyOf(device), order }];
    }),
  };
}

/** The same definition with this order of kinds. */
export const withBootOrder = (definition: string, order: readonly BootDevice[]): string =>
  withBootWords(definition, { kinds: order.map((device) => libvirtNames[device]), devices: [] });

export function withBootWords(definition: string, { kinds, devices }: BootWords): string {
  const document = new EditableXml(definition);
  const domain = document.root;
  const os = domain.child('os');
  os?.removeChildren('boot');
  for (const kind of kinds) os?.append('boot').setAttribute('dev', kind);
  for (const { name, device } of bootable(domain)) {
    device.removeChildren('boot');
    const own = devices.find((one) => one.name === name && one.key === keyOf(device));
    if (own) device.append('boot').setAttribute('order', own.order);
  }
  return document.toString();
}

const bootable = (domain: Element): { name: string; device: Element }[] =>
  ordered.flatMap((name) =>
    (domain.child('devices')?.children(name) ?? []).map((device) => ({ name: name as string, device })),
  );

const keyOf = (device: Element): string =>
  device.child('target')?.attribute('dev') ??
  device.child('mac')?.attribute('address') ??
  device.child('source')?.toString() ??
  '';
