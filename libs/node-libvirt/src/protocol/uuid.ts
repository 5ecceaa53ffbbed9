const PATTERN = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** Canonical lower-case text of 16 raw bytes. */
export function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The 16 raw bytes of a UUID with or without dashes. Throws TypeError for anything else. */
export function parseUuid(text: string): Buffer {
  if (!PATTERN.test(text)) throw new TypeError(`not a UUID: ${text}`);
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

export function isUuid(text: string): boolean {
  return PATTERN.test(text);
}
