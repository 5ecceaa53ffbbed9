import type { Dictionary } from '../dictionary/dictionary.ts';

/** How many units each controller has; what lies outside is silently ignored by the product. */
const UNITS: Record<string, number> = { scsi: 16, sata: 30, nvme: 64, ide: 2 };

export interface DiskDevice {
  /** `scsi0:0` */
  node: string;
  fileName: string;
  isIndependent: boolean;
}

export interface AdapterDevice {
  index: number;
  connectionType: string;
  /** `vmnet8`, without the path that Linux puts before it. */
  network: string;
  address: string | undefined;
}

/** Present virtual disks on present controllers, in bus order. CD-ROMs are not disks. */
export function disksOf(vmx: Dictionary): DiskDevice[] {
  return nodesOf(vmx).flatMap((node) => {
    const fileName = vmx.get(`${node}.fileName`);
    if (!fileName || /cdrom|lsilogic-passthru/i.test(vmx.get(`${node}.deviceType`) ?? '')) return [];
    if (!/\.vmdk$/i.test(fileName)) return [];
    return { node, fileName, isIndependent: /^independent/i.test(vmx.get(`${node}.mode`) ?? '') };
  });
}

/** Storage nodes that are present and that the product sees. */
function nodesOf(vmx: Dictionary): string[] {
  return vmx.keys().flatMap((key) => {
    const match = /^((scsi|sata|nvme|ide)(\d+)):(\d+)\.present$/i.exec(key);
    if (!match || !vmx.isTrue(key)) return [];
    const [, controller, kind, , unit] = match;
    const hasController = kind!.toLowerCase() === 'ide' || vmx.isTrue(`${controller}.present`);
    const isReserved = kind!.toLowerCase() === 'scsi' && unit === '7';
    const isInRange = Number(unit) < (UNITS[kind!.toLowerCase()] ?? 0) && !isReserved;
    return hasController && isInRange ? `${controller!.toLowerCase()}:${unit}` : [];
  });
}

/** True for a device name that `connectNamedDevice` can mean. */
export function hasDevice(vmx: Dictionary, device: string): boolean {
  return vmx.isTrue(`${device}.present`);
}

const NETWORK_OF: Record<string, string> = { bridged: 'vmnet0', hostonly: 'vmnet1', nat: 'vmnet8' };

export function adaptersOf(vmx: Dictionary): AdapterDevice[] {
  return vmx.keys().flatMap((key) => {
    const index = /^ethernet(\d)\.present$/i.exec(key)?.[1];
    if (index === undefined || !vmx.isTrue(key)) return [];
    const get = (name: string) => vmx.get(`ethernet${index}.${name}`);
    const connectionType = (get('connectionType') ?? 'bridged').toLowerCase();
    return {
      index: Number(index),
      connectionType,
      network: NETWORK_OF[connectionType] ?? (get('vnet') ?? '').replace(/^.*[\\/]/, '').toLowerCase(),
      address: get('addressType')?.toLowerCase() === 'static' ? get('address') : get('generatedAddress'),
    };
  });
}
