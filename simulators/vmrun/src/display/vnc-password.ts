import { createCipheriv, timingSafeEqual } from 'node:crypto';

/** What a VNC client with this password answers to the challenge: DES under the password with its bits mirrored. */
export function vncResponse(password: string, challenge: Buffer): Buffer {
  const key = Buffer.alloc(8);
  Buffer.from(password, 'latin1').copy(key, 0, 0, 8);
  for (const [index, byte] of key.entries()) key[index] = mirrored(byte);
  // Triple DES with one key three times is single DES, which OpenSSL 3 no longer offers by itself.
  const cipher = createCipheriv('des-ede3', Buffer.concat([key, key, key]), null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

export function isRightResponse(password: string, challenge: Buffer, response: Buffer): boolean {
  return timingSafeEqual(vncResponse(password, challenge), response);
}

function mirrored(byte: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) result |= 0x80 >> bit;
  return result;
}
