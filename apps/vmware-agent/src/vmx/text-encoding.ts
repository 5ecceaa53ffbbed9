/** Code pages that VMware names in `.encoding`. Node reads them all and writes only Unicode, so the way back is a table. */
const tables = new Map<string, Map<string, Buffer>>();

/** Lead and trail bytes of the double-byte code pages: GBK, Shift_JIS, Big5, EUC-KR. */
const FIRST_LEAD = 0x81;
const FIRST_TRAIL = 0x40;
const LAST = 0xfe;

const isUtf8 = (label: string) => /^utf-?8$/i.test(label);

export function isKnownEncoding(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch (error) {
    if ((error as Error).name === 'RangeError') return false;
    throw error;
  }
}

/** Bytes that mean nothing in the encoding become U+FFFD. */
export const decodeText = (bytes: Uint8Array, label: string): string =>
  new TextDecoder(label, { ignoreBOM: true }).decode(bytes);

/** Text as bytes, or undefined when the encoding lacks one of its characters. */
export function encodeText(text: string, label: string): Buffer | undefined {
  if (isUtf8(label)) return Buffer.from(text, 'utf8');
  const table = tableOf(label);
  const parts: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const bytes = code < 0x80 ? Buffer.from([code]) : table.get(character);
    if (!bytes) return undefined;
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function tableOf(label: string): Map<string, Buffer> {
  const key = label.toLowerCase();
  const known = tables.get(key);
  if (known) return known;
  const decoder = new TextDecoder(key);
  const table = new Map<string, Buffer>();
  const learn = (bytes: Buffer) => {
    const text = decoder.decode(bytes);
    if ([...text].length === 1 && text !== '\ufffd' && !table.has(text)) table.set(text, bytes);
  };
  for (let byte = 0x80; byte <= 0xff; byte += 1) learn(Buffer.from([byte]));
  for (let lead = FIRST_LEAD; lead <= LAST; lead += 1)
    for (let trail = FIRST_TRAIL; trail <= LAST; trail += 1) learn(Buffer.from([lead, trail]));
  tables.set(key, table);
  return table;
}
