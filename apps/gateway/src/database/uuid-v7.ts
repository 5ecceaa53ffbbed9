import { randomBytes } from 'node:crypto';

let lastMs = 0;
let counter = 0;

/** A UUID of version 7: ids of one process sort in the order in which they were made. */
export function uuidV7(now = Date.now()): string {
  const bytes = randomBytes(16);
  // Within a millisecond, and when the clock steps back, the 12 bits behind the time count up.
  counter = now > lastMs ? bytes.readUInt16BE(6) & 0x7ff : counter + 1;
  lastMs = Math.max(now, lastMs);
  if (counter > 0xfff) {
    counter = 0;
    lastMs += 1;
  }
  bytes.writeUIntBE(lastMs, 0, 6);
  bytes.writeUInt16BE(0x7000 | counter, 6);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Not greater than any UUID of version 7 made at or after `ms`. */
export function firstUuidAt(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
