import type { Firmware } from '@polyvirt/contracts';
import { attribute, child, children, text, type Xml } from '../xml.ts';

/**
 * Names under which distributions ship firmware for QEMU: OVMF_CODE_4M.fd, AAVMF_CODE.fd, edk2-x86_64-code.fd, QEMU_EFI.fd,
 * bios-256k.bin. A folder counts only when its file says nothing.
 */
const uefiFile = /(?:^|[_.-])(?:ovmf|aavmf|edk2|u?efi)/i;
const biosFile = /(?:^|[_.-])(?:sea)?bios/i;
const uefiFolder = /\/(?:ovmf|aavmf|edk2)[^/]*\//i;
/** A flash chip holds UEFI, whatever its file is called. */
const PFLASH = 'pflash';
/** Machines that start with SeaBIOS when nothing else is said. */
const biosByDefault: ReadonlySet<string> = new Set(['x86_64', 'i686']);

/** Undefined when the definition does not tell. */
export function readFirmware(domain: Xml): Firmware | undefined {
  const os = child(domain, 'os');
  const chosen = attribute(os, 'firmware');
  if (chosen === 'efi') return 'uefi';
  if (chosen === 'bios') return 'bios';
  if (attribute(child(os, 'loader'), 'type') === 'pflash') return 'uefi';
  const image = text(os, 'loader')?.trim() || extraImage(domain);
  if (image !== undefined) return firmwareOf(image);
  return biosByDefault.has(attribute(child(os, 'type'), 'arch') ?? 'x86_64') ? 'bios' : undefined;
}

function firmwareOf(image: string): Firmware | undefined {
  const file = image.slice(image.lastIndexOf('/') + 1);
  if (image === PFLASH || uefiFile.test(file)) return 'uefi';
  if (biosFile.test(file)) return 'bios';
  return uefiFolder.test(image) ? 'uefi' : undefined;
}

/** Firmware that is handed to QEMU past libvirt: `-bios FILE`, `-drive if=pflash,…`. */
function extraImage(domain: Xml): string | undefined {
  const args = children(child(domain, 'qemu:commandline'), 'qemu:arg').map((arg) => attribute(arg, 'value') ?? '');
  if (args.some((arg) => /(?:^|,)if=pflash(?:,|$)/.test(arg))) return PFLASH;
  const bios = args.indexOf('-bios');
  return bios < 0 ? undefined : args[bios + 1];
}
