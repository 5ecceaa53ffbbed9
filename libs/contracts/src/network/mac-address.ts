/** Lower-case with colons, from any of the forms in which products write one; undefined for what is none. */
export function normalMac(text: string): string | undefined {
  const hex = text.trim().toLowerCase();
  const bytes = /^[0-9a-f]{12}$/.test(hex) ? hex.match(/../g)! : hex.split(/[:-]/);
  if (bytes.length !== 6 || !bytes.every((byte) => /^[0-9a-f]{1,2}$/.test(byte))) return undefined;
  return bytes.map((byte) => byte.padStart(2, '0')).join(':');
}

/** Why no single machine can have this MAC address; undefined for one that it can. `mac` is in the normal form. */
export function macFault(mac: string): string | undefined {
  if (mac === 'ff:ff:ff:ff:ff:ff') return 'It is the broadcast address.';
  if (mac === '00:00:00:00:00:00') return 'It is all zeros.';
  return parseInt(mac.slice(0, 2), 16) % 2 === 1 ? 'It is a multicast address: its first byte is odd.' : undefined;
}
