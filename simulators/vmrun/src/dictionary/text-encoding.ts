/** Code pages that Node can read but not write, as VMware meets them in `.encoding` and on a Windows console. */

/** Bytes 0x80 to 0x9f of windows-1252: Node before 24 reads them as Latin-1. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

const UTF_8 = new Set(['utf-8', 'utf8']);
const LATIN = new Set(['windows-1252', 'iso-8859-1', 'latin1', 'us-ascii']);

/** True for an encoding that `decodeText` and `encodeText` know. */
export function isKnownEncoding(label: string): boolean {
  const name = label.toLowerCase();
  if (UTF_8.has(name) || LATIN.has(name)) return true;
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}

/** Bytes to text. Bytes that mean nothing in the encoding become U+FFFD. */
export function decodeText(bytes: Buffer, label: string): string {
  const name = label.toLowerCase();
  if (UTF_8.has(name)) return bytes.toString('utf8');
  if (!LATIN.has(name)) return new TextDecoder(name).decode(bytes);
  let text = '';
  for (const byte of bytes) {
    text += byte >= 0x80 && byte < 0xa0 ? WINDOWS_1252[byte - 0x80] : String.fromCharCode(byte);
  }
  return text;
}

/** Text to bytes, or undefined when a character does not exist in the encoding. */
export function encodeText(text: string, label: string): Buffer | undefined {
  const name = label.toLowerCase();
  if (UTF_8.has(name)) return Buffer.from(text, 'utf8');
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const encoded = code < 0x80 ? [code] : encodingTable(name).get(character);
    if (!encoded) return undefined;
    bytes.push(...encoded);
  }
  return Buffer.from(bytes);
}

/** Text to bytes for a console: what the code page lacks becomes `?`, as Windows prints it. */
export function encodeLossy(text: string, label: string): Buffer {
  return (
    encodeText(text, label) ??
    Buffer.concat([...text].map((character) => encodeText(character, label) ?? Buffer.from('?')))
  );
}

const tables = new Map<string, Map<string, number[]>>();

/** The decoder turned round; built on the first non-ASCII character only. */
function encodingTable(name: string): Map<string, number[]> {
  const known = tables.get(name);
  if (known) return known;
  const table = new Map<string, number[]>();
  const learn = (...bytes: number[]) => {
    const character = decodeText(Buffer.from(bytes), name);
    if ([...character].length === 1 && character !== '\ufffd' && !table.has(character)) table.set(character, bytes);
  };
  for (let lead = 0x80; lead <= 0xff; lead++) learn(lead);
  if (!LATIN.has(name) && !/^(windows-12|iso-8859|koi8|ibm866|macintosh)/.test(name)) {
    for (let lead = 0x81; lead <= 0xfe; lead++) for (let trail = 0x40; trail <= 0xfe; trail++) learn(lead, trail);
  }
  tables.set(name, table);
  return table;
}
