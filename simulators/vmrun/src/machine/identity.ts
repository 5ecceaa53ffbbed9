import { createHash } from 'node:crypto';
import type { Dictionary } from '../dictionary/dictionary.ts';
import { adaptersOf } from './devices.ts';

/** The value of `uuid.location` for a VM at this path. */
export function locationUuid(shownPath: string): string {
  const bytes = createHash('sha1').update(shownPath).digest().subarray(0, 16);
  // Every id that Workstation makes starts with "VM".
  bytes.write('VM', 'latin1');
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  return `${hex.slice(0, 8).join(' ')}-${hex.slice(8).join(' ')}`;
}

/** Gives the machine a new identity: both uuids, and MAC addresses to follow. */
export function renewIdentity(vmx: Dictionary, location: string): void {
  vmx.set('uuid.bios', location);
  vmx.set('uuid.location', location);
  vmx.deleteMatching(/^ethernet\d\.generatedAddress(Offset)?$/i);
}

/** Fills in the MAC addresses that are missing; they come from the last bytes of uuid.bios. */
export function generateAddresses(vmx: Dictionary): void {
  const uuid = (vmx.get('uuid.bios') ?? '').replace(/[^0-9a-f]/gi, '').padStart(32, '0');
  const tail = Number.parseInt(uuid.slice(-6), 16);
  for (const { index } of adaptersOf(vmx)) {
    const prefix = `ethernet${index}`;
    const addressType = (vmx.get(`${prefix}.addressType`) ?? 'generated').toLowerCase();
    if (addressType !== 'generated') continue;
    vmx.setMissing(`${prefix}.addressType`, 'generated');
    const offset = index * 10;
    const low = ((tail + offset) % 0x1000000).toString(16).padStart(6, '0');
    vmx.setMissing(`${prefix}.generatedAddress`, ['00:0c:29', ...(low.match(/../g) ?? [])].join(':').toUpperCase());
    vmx.setMissing(`${prefix}.generatedAddressOffset`, String(offset));
  }
}
