import { decodeText, encodeText, isKnownEncoding } from './text-encoding.ts';
import { escapeValue, unescapeValue } from './value-escape.ts';

interface Line {
  /** The line's own bytes without its line end; kept until the line is changed, so that a file survives untouched. */
  bytes: Buffer | undefined;
  end: string;
  key?: string;
  value?: string;
  /** What stands behind the value: a comment. */
  comment?: Buffer | undefined;
}

/** Key, value and comment: a quoted value, one with quotes inside it, one without any. */
const ENTRIES = [
  /^\s*([A-Za-z0-9_.:-]+)\s*=\s*"([^"]*)"(\s*#.*)?\s*$/s,
  /^\s*([A-Za-z0-9_.:-]+)\s*=\s*"(.*)"\s*$/s,
  /^\s*([A-Za-z0-9_.:-]+)\s*=\s*(.*?)(\s+#.*)?\s*$/s,
];
const ENCODING = /^\s*\.encoding\s*=\s*"?([^"#\r\n]+?)"?[ \t]*(?:#.*)?$/im;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * VMware's dictionary file (.vmx, .vmsd, inventory.vmls, preferences). Keys ignore case. Lines that nobody changes keep
 * their bytes: comments, unknown keys, spelling of keys, line ends and undecodable text all survive a rewrite.
 */
export class Dictionary {
  private lines: Line[] = [];
  private hasByteOrderMark = false;
  private fileEncoding = 'UTF-8';

  static parse(bytes: Buffer): Dictionary {
    const dictionary = new Dictionary();
    dictionary.hasByteOrderMark = bytes.subarray(0, 3).equals(BYTE_ORDER_MARK);
    const body = dictionary.hasByteOrderMark ? bytes.subarray(3) : bytes;
    // Every encoding that VMware writes keeps ASCII where it is, so keys and line ends are found before decoding.
    const declared = ENCODING.exec(body.toString('latin1'))?.[1];
    if (declared && isKnownEncoding(declared)) dictionary.fileEncoding = declared;
    for (let start = 0; start < body.length;) {
      const newline = body.indexOf(0x0a, start);
      const stop = newline < 0 ? body.length : newline;
      const isCrlf = newline > start && body[newline - 1] === 0x0d;
      const line = body.subarray(start, isCrlf ? stop - 1 : stop);
      dictionary.lines.push(dictionary.readLine(line, newline < 0 ? '' : isCrlf ? '\r\n' : '\n'));
      start = stop + 1;
    }
    return dictionary;
  }

  /** A dictionary of these entries, for a file that does not exist yet. */
  static of(entries: Record<string, string>, lineEnd = '\n'): Dictionary {
    const dictionary = new Dictionary();
    for (const [key, value] of Object.entries({ '.encoding': 'UTF-8', ...entries })) {
      dictionary.lines.push({ bytes: undefined, end: lineEnd, key, value });
    }
    return dictionary;
  }

  get encoding(): string {
    return this.fileEncoding;
  }

  get(key: string): string | undefined {
    const wanted = key.toLowerCase();
    return this.lines.findLast((line) => line.key?.toLowerCase() === wanted)?.value;
  }

  /** VMware's booleans: TRUE, yes, 1 and so on, in any case. */
  isTrue(key: string): boolean {
    return /^(true|yes|on|y|t|1)$/i.test(this.get(key) ?? '');
  }

  /** Changes the entry where it stands, or appends it. */
  set(key: string, value: string): void {
    const wanted = key.toLowerCase();
    const line = this.lines.findLast((candidate) => candidate.key?.toLowerCase() === wanted);
    if (!line) {
      this.append({ bytes: undefined, end: this.lineEnd(), key, value });
    } else if (line.value !== value) {
      line.value = value;
      line.bytes = undefined;
    }
  }

  /** Sets the key only when the file does not have it. */
  setMissing(key: string, value: string): void {
    if (this.get(key) === undefined) this.set(key, value);
  }

  delete(key: string): void {
    const wanted = key.toLowerCase();
    this.lines = this.lines.filter((line) => line.key?.toLowerCase() !== wanted);
  }

  /** Removes every entry whose key matches. */
  deleteMatching(pattern: RegExp): void {
    this.lines = this.lines.filter((line) => line.key === undefined || !pattern.test(line.key));
  }

  /** Keys as the file spells them, in its order. */
  keys(): string[] {
    return this.lines.flatMap((line) => (line.key === undefined ? [] : [line.key]));
  }

  /** Keys that occur more than once; VMware refuses to open such a file. */
  duplicates(): string[] {
    const seen = new Set<string>();
    return this.keys().filter((key) => {
      const name = key.toLowerCase();
      if (seen.has(name)) return true;
      seen.add(name);
      return false;
    });
  }

  /** True when a line is neither an entry, a comment nor blank. */
  hasGarbage(): boolean {
    return this.lines.some((line) => {
      if (line.key !== undefined || !line.bytes) return false;
      const text = line.bytes.toString('latin1').trim();
      return text !== '' && !text.startsWith('#') && !text.startsWith('//');
    });
  }

  clone(): Dictionary {
    return Dictionary.parse(this.bytes());
  }

  bytes(): Buffer {
    const parts: Buffer[] = this.hasByteOrderMark ? [BYTE_ORDER_MARK] : [];
    for (const line of this.lines) {
      const bytes = line.bytes ?? encodeText(format(line), this.fileEncoding);
      // A value that the old encoding cannot hold moves the whole file to UTF-8, as the product does.
      if (!bytes) return this.toUtf8().bytes();
      const comment = line.bytes ? undefined : line.comment;
      parts.push(bytes, comment ?? Buffer.alloc(0), Buffer.from(line.end));
    }
    return Buffer.concat(parts);
  }

  private toUtf8(): Dictionary {
    const copy = new Dictionary();
    const recode = (bytes: Buffer | undefined) => bytes && Buffer.from(decodeText(bytes, this.fileEncoding), 'utf8');
    copy.lines = this.lines.map((line) => ({ ...line, bytes: recode(line.bytes), comment: recode(line.comment) }));
    copy.set('.encoding', 'UTF-8');
    return copy;
  }

  private readLine(bytes: Buffer, end: string): Line {
    const found = entryIn(decodeText(bytes, this.fileEncoding));
    if (!found) return { bytes, end };
    // A number sign is never part of a longer character, so its place is the same in the bytes.
    const length = entryIn(bytes.toString('latin1'))?.[3]?.length ?? 0;
    const comment = length > 0 ? bytes.subarray(bytes.length - length) : undefined;
    return { bytes, end, key: found[1]!, value: unescapeValue(found[2]!, this.fileEncoding), comment };
  }

  private lineEnd(): string {
    return this.lines.find((line) => line.end !== '')?.end ?? '\n';
  }

  private append(line: Line): void {
    const last = this.lines.at(-1);
    if (last?.end === '') last.end = this.lineEnd();
    this.lines.push(line);
  }
}

const format = (line: Line) => `${line.key} = "${escapeValue(line.value ?? '')}"`;

function entryIn(text: string): RegExpExecArray | undefined {
  if (/^\s*(#|\/\/)/.test(text)) return undefined;
  for (const form of ENTRIES) {
    const found = form.exec(text);
    if (found) return found;
  }
  return undefined;
}
