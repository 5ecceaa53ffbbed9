import { normalMac, type Firmware } from '@polyvirt/contracts';
import type { Dictionary } from './dictionary.ts';

/** Virtual networks behind the connection types that name none. */
export const bridgedNetwork = 'vmnet0';
export const hostOnlyNetwork = 'vmnet1';
export const natNetwork = 'vmnet8';

const networkOfType: Readonly<Record<string, string>> = {
  bridged: bridgedNetwork,
  hostonly: hostOnlyNetwork,
  nat: natNetwork,
};

/** Units of each kind of controller; the product ignores what lies outside. */
const units: Readonly<Record<string, number>> = { ide: 2, scsi: 16, sata: 30, nvme: 64 };
const RESERVED_SCSI_UNIT = 7;

/** VMware's own defaults for keys that are absent. */
const DEFAULT_MEMORY_MIB = 32;
const DEFAULT_CPUS = 1;
/** No VM has more of anything than this. */
const MOST = 2 ** 31;

export interface VmxDisk {
  /** `scsi0:0` */
  readonly device: string;
  /** As written: relative to the folder of the .vmx file, or absolute. */
  readonly fileName: string;
}

export interface VmxNic {
  /** `ethernet0` */
  readonly device: string;
  readonly mac: string | undefined;
  /** Undefined when it cannot be told. */
  readonly network: string | undefined;
  /** Whether its cable is plugged in at power-on. */
  readonly connected: boolean;
}

/** Name of the VM, or undefined where the file does not say. */
export function nameOf(vmx: Dictionary): string | undefined {
  const name = vmx.get('displayName');
  return name === undefined || name.trim() === '' ? undefined : name;
}

/** Undefined when it cannot be told. */
export const cpusOf = (vmx: Dictionary): number | undefined => countOf(vmx, 'numvcpus', DEFAULT_CPUS);

/** Undefined when it cannot be told. */
export const memoryOf = (vmx: Dictionary): number | undefined => countOf(vmx, 'memsize', DEFAULT_MEMORY_MIB);

/** Undefined when it cannot be told. */
export function firmwareOf(vmx: Dictionary): Firmware | undefined {
  const firmware = vmx.get('firmware');
  if (firmware === undefined && isEncrypted(vmx)) return undefined;
  return /^efi$/i.test(firmware ?? '') ? 'uefi' : 'bios';
}

/** What an encrypted file does not say stands where nobody reads it; what is nonsense says nothing. */
function countOf(vmx: Dictionary, key: string, usual: number): number | undefined {
  if (vmx.get(key) === undefined) return isEncrypted(vmx) ? undefined : usual;
  const count = vmx.number(key);
  return count !== undefined && count > 0 && count <= MOST ? count : undefined;
}

/** Whether Workstation keeps the configuration, or the whole VM, under a password. */
export const isEncrypted = (vmx: Dictionary): boolean =>
  vmx.get('encryption.keySafe') !== undefined || vmx.get('encryption.data') !== undefined;

/** Throws a SyntaxError if it is no whole configuration: half written, or none at all. */
export function demandWhole(vmx: Dictionary): void {
  if (isEncrypted(vmx)) return;
  if (vmx.get('config.version') === undefined || vmx.get('virtualHW.version') === undefined)
    throw new SyntaxError(
      'it has no config.version or no virtualHW.version, which every configuration has. Restore it, or move it away',
    );
}

/** Present virtual disks in the order of the file. CD-ROMs and disks of the host are none. */
export function disksOf(vmx: Dictionary): VmxDisk[] {
  const seen = new Set<string>();
  return vmx.keys().flatMap((key) => {
    const match = /^((ide|scsi|sata|nvme)\d+):(\d+)\.present$/i.exec(key);
    if (!match || !vmx.isTrue(key)) return [];
    const [controller, kind, unit] = [match[1]!.toLowerCase(), match[2]!.toLowerCase(), Number(match[3])];
    const device = `${controller}:${unit}`;
    // A key that stands twice is one, with the last value.
    if (seen.has(device)) return [];
    seen.add(device);
    const isReserved = kind === 'scsi' && unit === RESERVED_SCSI_UNIT;
    const isThere = kind === 'ide' || vmx.isTrue(`${controller}.present`);
    const fileName = vmx.get(`${device}.fileName`) ?? '';
    const type = vmx.get(`${device}.deviceType`) ?? '';
    // Old products had disks of other endings, and say what they are.
    const isDisk =
      !/cdrom|passthru/i.test(type) && (/\.vmdk$/i.test(fileName) || (fileName !== '' && /disk$/i.test(type)));
    return isDisk && isThere && !isReserved && unit < units[kind]! ? { device, fileName } : [];
  });
}

/** Present network adapters by number. */
export function nicsOf(vmx: Dictionary): VmxNic[] {
  const numbers = vmx.keys().flatMap((key) => {
    const number = /^ethernet(\d+)\.present$/i.exec(key)?.[1];
    return number === undefined || !vmx.isTrue(key) ? [] : Number(number);
  });
  return [...new Set(numbers)]
    .sort((one, other) => one - other)
    .map((number) => {
      const device = `ethernet${number}`;
      const connected = !/^false$/i.test(vmx.get(`${device}.startConnected`) ?? '');
      return { device, mac: macOf(vmx, device), network: networkOf(vmx, device), connected };
    });
}

function macOf(vmx: Dictionary, device: string): string | undefined {
  const isStatic = /^(static|manual)$/i.test(vmx.get(`${device}.addressType`) ?? '');
  return normalMac(vmx.get(`${device}.${isStatic ? 'address' : 'generatedAddress'}`) ?? '');
}

function networkOf(vmx: Dictionary, device: string): string | undefined {
  const named = vmx.get(`${device}.networkName`);
  const told = vmx.get(`${device}.connectionType`);
  // Of a VM that comes from an ESXi.
  if (told === undefined && named !== undefined && named !== '') return named;
  const type = (told ?? 'bridged').trim().toLowerCase();
  const known = networkOfType[type];
  if (known !== undefined) return known;
  if (type === 'pvn') return `lan-segment ${vmx.get(`${device}.pvnID`) ?? ''}`.trim();
  // The name of a type is no network: one that is custom and names none is on nobody knows which.
  const network = (vmx.get(`${device}.vnet`) ?? '')
    .replace(/^.*[\\/]/, '')
    .trim()
    .toLowerCase();
  return network === '' ? undefined : network;
}

/** Suspended state that the next power-on goes on with: name of the file. */
export function suspendFileOf(vmx: Dictionary): string | undefined {
  const file = vmx.get('checkpoint.vmState');
  return file !== undefined && /\.vmss$/i.test(file) ? file : undefined;
}

/** What Tools told of the operating system the last time the VM was off. */
export function guestOsOf(vmx: Dictionary): string | undefined {
  const told = vmx.get('guestInfo.detailed.data') ?? vmx.get('guestOS.detailed.data');
  return /prettyName='([^']*)'/.exec(told ?? '')?.[1];
}
