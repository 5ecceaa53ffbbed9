import type { CloudInit, Firmware } from '@polyvirt/contracts';
import { hostnameFrom } from '@polyvirt/hypervisor';
import { gzipSync } from 'node:zlib';
import type { Dictionary } from './dictionary.ts';
import { bridgedNetwork, cpusOf, hostOnlyNetwork, natNetwork, nicsOf } from './hardware-reader.ts';

/** Keys of our own in a .vmx file; Workstation keeps what it does not know. */
export const ownKeys = {
  /** Id of the operation that made the VM. */
  operation: 'polyvirt.operation',
  createdAt: 'polyvirt.createdAt',
  /** Of a linked clone: the .vmx file of its source, and the snapshot that was made for it. */
  baseVmx: 'polyvirt.base.vmx',
  baseSnapshot: 'polyvirt.base.snapshot',
  template: 'polyvirt.template',
  /** Of a disk that lies in another folder, and goes with the VM all the same. */
  volume: (device: string) => `polyvirt.volume.${device}`,
} as const;

export type NicHardware = {
  readonly mac: string;
  readonly network: string;
};

export interface NewHardware {
  readonly name: string;
  readonly operationId: string;
  readonly createdAt: string;
  readonly hardwareVersion: number;
  readonly guestOs: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly firmware: Firmware;
  /** File names in the folder of the VM. */
  readonly disks: readonly string[];
  /** Path of an ISO image. */
  readonly cdrom: string | undefined;
  readonly nics: readonly NicHardware[];
  /** Name of the .vmx file without its ending. */
  readonly stem: string;
}

const DISKS_PER_CONTROLLER = 15;
const RESERVED_UNIT = 7;
/** A VM has at most ten adapters. */
export const MOST_NICS = 10;
/** Static addresses that Workstation takes without being told not to check them. */
const checkedAddress = /^00:50:56:[0-3][0-9a-f]:/;

/** Device of the disk with this index: unit 7 of each controller is the controller itself. */
export function diskDevice(index: number): string {
  const unit = index % DISKS_PER_CONTROLLER;
  return `scsi${Math.floor(index / DISKS_PER_CONTROLLER)}:${unit < RESERVED_UNIT ? unit : unit + 1}`;
}

/** Entries of the .vmx file of a new VM. */
export function newVmx(hardware: NewHardware): Record<string, string> {
  const { stem, firmware, disks, cdrom, nics } = hardware;
  const entries: Record<string, string> = {
    'config.version': '8',
    'virtualHW.version': String(hardware.hardwareVersion),
    'virtualHW.productCompatibility': 'hosted',
    displayName: hardware.name,
    guestOS: hardware.guestOs,
    memsize: String(hardware.memoryMiB),
    ...cpuEntries(hardware.cpus),
    // The other one is what a file means that says nothing, and some tools refuse its name.
    ...(firmware === 'uefi' && { firmware: 'efi' }),
    nvram: `${stem}.nvram`,
    extendedConfigFile: `${stem}.vmxf`,
    'pciBridge0.present': 'TRUE',
  };
  // Without these PCI Express devices find no slot.
  for (const bridge of [4, 5, 6, 7]) {
    entries[`pciBridge${bridge}.present`] = 'TRUE';
    entries[`pciBridge${bridge}.virtualDev`] = 'pcieRootPort';
    entries[`pciBridge${bridge}.functions`] = '8';
  }
  Object.assign(entries, {
    'vmci0.present': 'TRUE',
    'hpet0.present': 'TRUE',
    'floppy0.present': 'FALSE',
    'tools.syncTime': 'FALSE',
    'powerType.powerOff': 'soft',
    'powerType.powerOn': 'soft',
    'powerType.suspend': 'soft',
    'powerType.reset': 'soft',
    ...headless,
    [ownKeys.operation]: hardware.operationId,
    [ownKeys.createdAt]: hardware.createdAt,
  });
  disks.forEach((fileName, index) => {
    const device = diskDevice(index);
    const controller = device.split(':')[0]!;
    entries[`${controller}.present`] = 'TRUE';
    entries[`${controller}.virtualDev`] = 'lsilogic';
    entries[`${device}.present`] = 'TRUE';
    entries[`${device}.fileName`] = fileName;
  });
  if (cdrom !== undefined)
    Object.assign(entries, {
      'sata0.present': 'TRUE',
      'sata0:0.present': 'TRUE',
      'sata0:0.deviceType': 'cdrom-image',
      'sata0:0.fileName': cdrom,
      'sata0:0.startConnected': 'TRUE',
    });
  nics.forEach((nic, index) => Object.assign(entries, nicEntries(index, nic)));
  return entries;
}

/** Nobody is there to answer a question of a VM without a window. */
export const headless: Readonly<Record<string, string>> = { 'msg.autoAnswer': 'TRUE', 'uuid.action': 'create' };

/** One socket: client systems use no more than two. */
const cpuEntries = (cpus: number): Record<string, string> => ({
  numvcpus: String(cpus),
  'cpuid.coresPerSocket': String(cpus),
});

/** Entries of an adapter with an address that is known before the first power-on. */
export function nicEntries(index: number, { mac, network }: NicHardware): Record<string, string> {
  const device = `ethernet${index}`;
  return {
    [`${device}.present`]: 'TRUE',
    ...connectionEntries(device, network),
    [`${device}.virtualDev`]: 'e1000e',
    [`${device}.startConnected`]: 'TRUE',
    ...addressEntries(device, mac),
  };
}

export function connectionEntries(device: string, network: string): Record<string, string> {
  const types: Readonly<Record<string, string>> = {
    [bridgedNetwork]: 'bridged',
    [hostOnlyNetwork]: 'hostonly',
    [natNetwork]: 'nat',
  };
  const type = types[network];
  if (type !== undefined) return { [`${device}.connectionType`]: type };
  return { [`${device}.connectionType`]: 'custom', [`${device}.vnet`]: network };
}

function addressEntries(device: string, mac: string): Record<string, string> {
  return {
    [`${device}.addressType`]: 'static',
    [`${device}.address`]: mac.toUpperCase(),
    ...(!checkedAddress.test(mac) && { [`${device}.checkMACAddress`]: 'FALSE' }),
  };
}

export function setCpus(vmx: Dictionary, cpus: number): void {
  const sockets = Math.max(1, Math.floor((cpusOf(vmx) ?? 1) / (vmx.number('cpuid.coresPerSocket') ?? 1)));
  vmx.set('numvcpus', String(cpus));
  // Who had several sockets keeps them where the number can be divided.
  const cores = cpus % sockets === 0 ? cpus / sockets : cpus;
  vmx.set('cpuid.coresPerSocket', String(cores));
}

/** Adds an adapter in the first free place; false when all are taken. */
export function addNic(vmx: Dictionary, nic: NicHardware): boolean {
  const taken = new Set(nicsOf(vmx).map(({ device }) => device));
  const index = Array.from({ length: MOST_NICS }, (_, number) => number).find((one) => !taken.has(`ethernet${one}`));
  if (index === undefined) return false;
  dropDevice(vmx, `ethernet${index}`);
  vmx.setAll(nicEntries(index, nic));
  return true;
}

/** Removes all that is said of a device. */
export function dropDevice(vmx: Dictionary, device: string): void {
  vmx.deleteMatching(new RegExp(`^${device}\\.`, 'i'));
}

/** Gives every adapter an address of its own. */
export function renewMacs(vmx: Dictionary, macs: readonly string[]): void {
  nicsOf(vmx).forEach(({ device }, index) => {
    vmx.deleteMatching(new RegExp(`^${device}\\.(generatedAddress(Offset)?|checkMACAddress)$`, 'i'));
    vmx.setAll(addressEntries(device, macs[index]!));
  });
}

const encodedText = (name: string, text: string): Record<string, string> => ({
  [`guestinfo.${name}`]: gzipSync(text).toString('base64'),
  [`guestinfo.${name}.encoding`]: 'gzip+base64',
});

/**
 * What cloud-init's VMware data source reads.
 * https://cloudinit.readthedocs.io/en/latest/reference/datasources/vmware.html
 */
export function cloudInitEntries(instanceId: string, name: string, cloudInit: CloudInit): Record<string, string> {
  const metadata: Record<string, string> = { 'instance-id': instanceId, 'local-hostname': hostnameFrom(name) };
  if (cloudInit.networkConfig !== undefined) {
    metadata['network'] = Buffer.from(cloudInit.networkConfig).toString('base64');
    metadata['network.encoding'] = 'base64';
  }
  return { ...encodedText('metadata', JSON.stringify(metadata)), ...encodedText('userdata', cloudInit.userData) };
}

/** What Workstation writes for a VM in its template mode. */
const templateMode = 'templateVM';

/** Whether it was made a template, here or in the Workstation window. */
export const isTemplate = (vmx: Dictionary): boolean => vmx.isTrue(ownKeys.template) || vmx.isTrue(templateMode);

/** Workstation's own mode also locks a VM and its snapshots against deletion, so that it is taken away here and never given. */
export function markTemplate(vmx: Dictionary, wanted: boolean): void {
  if (isTemplate(vmx) === wanted) return;
  if (wanted) vmx.set(ownKeys.template, 'TRUE');
  else for (const key of [ownKeys.template, templateMode]) vmx.delete(key);
}

/** What was said to the guest of another machine. */
export function dropCloudInit(vmx: Dictionary): void {
  vmx.deleteMatching(/^guestinfo\.(metadata|userdata|vendordata)(\.encoding)?$/i);
}

/** The next power-on begins anew instead of going on. */
export function dropSuspended(vmx: Dictionary): void {
  vmx.deleteMatching(/^(checkpoint\.vmState(\.readOnly)?|vmotion\.checkpointFBSize)$/i);
}
