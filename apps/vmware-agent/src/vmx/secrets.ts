import type { Dictionary } from './dictionary.ts';

/**
 * What may hold a password or a key: what a guest is told at its first boot, access to the screen, and the keys of encrypted
 * machines. What Tools tell of the operating system stands among the first, and is none.
 */
const secret = /^(guestinfo\.(?!detailed\.data$)|RemoteDisplay\.vnc\.(password|key|passphrase)|encryption\.)/i;

/** A copy to show to others. */
export function withoutSecrets(vmx: Dictionary): Dictionary {
  const copy = vmx.copy();
  copy.deleteMatching(secret);
  return copy;
}
