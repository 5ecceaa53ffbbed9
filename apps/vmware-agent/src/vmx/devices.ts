import type { BootDevice, Firmware } from '@polyvirt/contracts';
import type { Dictionary } from './dictionary.ts';
import { disksOf, nicsOf } from './hardware-reader.ts';
import { connectionEntries, diskDevice, dropDevice, ownKeys } from './hardware-writer.ts';

/** Entries of controllers that Polyvirt adds. */
const CONTROLLER = 'lsilogic';
const MOST_DISKS = 60;
const SATA_UNITS = 30;

/** Workstation's words in the order of devices of a BIOS; a floppy is none of ours. */
const bootWords: Readonly<Record<BootDevice, string>> = { disk: 'hdd', cdrom: 'cdrom', network: 'ethernet0' };
/** What Workstation does when the file says nothing. */
const usualBootOrder: readonly BootDevice[] = ['disk', 'cdrom', 'network'];

export interface Drive {
  readonly device: string;
  /** As written; null when it is empty or a drive of the host. */
  readonly fileName: string | null;
}

/** CD-ROM drives in the order of the file. */
export function drivesOf(vmx: Dictionary): Drive[] {
  return vmx.keys().flatMap((key) => {
    const device = /^((?:ide|scsi|sata)\d+:\d+)\.present$/i.exec(key)?.[1]?.toLowerCase();
    const type = device === undefined ? '' : (vmx.get(`${device}.deviceType`) ?? '');
    if (device === undefined || !vmx.isTrue(key) || !/cdrom/i.test(type)) return [];
    const holds = /^cdrom-image$/i.test(type) && !/^false$/i.test(vmx.get(`${device}.startConnected`) ?? '');
    const fileName = holds ? vmx.get(`${device}.fileName`) : undefined;
    return [{ device, fileName: fileName === undefined || fileName === '' ? null : fileName }];
  });
}

/** The drive that people mean: one with a medium before an empty one. */
export function driveOf(vmx: Dictionary): Drive | undefined {
  const drives = drivesOf(vmx);
  return drives.find(({ fileName }) => fileName !== null) ?? drives[0];
}

/** Inserts an image, in a drive that is made if need be, or ejects what is in there. */
export function setMedium(vmx: Dictionary, path: string | null): void {
  const drive = driveOf(vmx);
  if (path === null) {
    // What a guest has not at power-on is not in the drive; the product keeps the line for the next time.
    if (drive) vmx.set(`${drive.device}.startConnected`, 'FALSE');
    return;
  }
  const device = drive?.device ?? freeSataUnit(vmx);
  vmx.setAll({
    [`${device.split(':')[0]!}.present`]: 'TRUE',
    [`${device}.present`]: 'TRUE',
    [`${device}.deviceType`]: 'cdrom-image',
    [`${device}.fileName`]: path,
    [`${device}.startConnected`]: 'TRUE',
  });
  vmx.deleteMatching(new RegExp(`^${device}\\.autodetect$`, 'i'));
}

function freeSataUnit(vmx: Dictionary): string {
  const units = Array.from({ length: SATA_UNITS }, (_, unit) => `sata0:${unit}`);
  return units.find((device) => !vmx.isTrue(`${device}.present`)) ?? units.at(-1)!;
}

/** The first places for disks that nothing has, beside those that are taken already. */
export function freeDiskDevices(vmx: Dictionary, taken: readonly string[], count: number): string[] | undefined {
  const isFree = (device: string) => !vmx.isTrue(`${device}.present`) && !taken.includes(device);
  const free = Array.from({ length: MOST_DISKS }, (_, index) => diskDevice(index)).filter(isFree);
  return free.length < count ? undefined : free.slice(0, count);
}

/** `isVolume`: a disk of the host that lies elsewhere, and is the VM's own from now on. */
export function addDisk(
  vmx: Dictionary,
  { device, fileName, isVolume }: { device: string; fileName: string; isVolume: boolean },
): void {
  if (disksOf(vmx).some((disk) => disk.device === device && disk.fileName === fileName)) return;
  const controller = device.split(':')[0]!;
  dropDevice(vmx, device);
  if (!vmx.isTrue(`${controller}.present`))
    vmx.setAll({ [`${controller}.present`]: 'TRUE', [`${controller}.virtualDev`]: CONTROLLER });
  vmx.setAll({ [`${device}.present`]: 'TRUE', [`${device}.fileName`]: fileName });
  if (isVolume) vmx.set(ownKeys.volume(device), 'TRUE');
}

export function removeDisk(vmx: Dictionary, device: string): void {
  dropDevice(vmx, device);
  vmx.delete(ownKeys.volume(device));
}

/** Disks that lie elsewhere and are the VM's own all the same. */
export const adoptedDisksOf = (vmx: Dictionary) =>
  disksOf(vmx).filter(({ device }) => vmx.isTrue(ownKeys.volume(device)));

export interface NicChange {
  readonly mac: string;
  readonly network?: string | undefined;
  readonly connected?: boolean | undefined;
}

/** Network and cable of an adapter, in its place. */
export function changeNic(vmx: Dictionary, { mac, network, connected }: NicChange): void {
  const nic = nicsOf(vmx).find((one) => one.mac === mac);
  if (!nic) return;
  const { device } = nic;
  if (network !== undefined && nic.network !== network) {
    vmx.deleteMatching(new RegExp(`^${device}\\.(connectionType|vnet|networkName|pvnID|displayName)$`, 'i'));
    vmx.setAll(connectionEntries(device, network));
  }
  if (connected !== undefined && nic.connected !== connected)
    vmx.set(`${device}.startConnected`, connected ? 'TRUE' : 'FALSE');
}

/** Undefined for UEFI firmware, which keeps it in its variables. */
export function bootOrderOf(vmx: Dictionary, firmware: Firmware | undefined): BootDevice[] | undefined {
  if (firmware !== 'bios') return undefined;
  const told = vmx.get('bios.bootOrder');
  if (told === undefined) return [...usualBootOrder];
  const order = told.split(',').flatMap((word): BootDevice[] => {
    const name = word.trim().toLowerCase();
    if (name.startsWith('hdd') || name.startsWith('hd')) return ['disk'];
    if (name.startsWith('cdrom')) return ['cdrom'];
    return name.startsWith('ethernet') ? ['network'] : [];
  });
  return order.length > 0 ? [...new Set(order)] : undefined;
}

export function setBootOrder(vmx: Dictionary, order: readonly BootDevice[]): void {
  vmx.set('bios.bootOrder', order.map((device) => bootWords[device]).join(','));
}
