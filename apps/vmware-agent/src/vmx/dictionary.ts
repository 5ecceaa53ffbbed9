import { decodeText, encodeText, isKnownEncoding } from './text-encoding.ts';

/** One line of the file. Its bytes are kept until its value changes, so that an edit touches nothing else. */
interface Line {
  bytes?: Buffer;
  readonly key?: string;
  value?: string;
  end: string;
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const declaration = /^[ \t]*\.encoding[ \t]*=[ \t]*"?([^"\r\n]+?)"?[ \t]*$/im;
const entry = /^\s*([A-Za-z0-9_.:-]+)\s*=\s*(?:"(.*)"|(.*?))\s*$/s;

/**
 * The dictionary format of VMware: .vmx, .vmsd, inventory.vmls. Keys ignore case, a value is quoted, `|XX` is a byte in hex.
 * What nobody changes keeps its bytes: comments, unknown keys, the spelling of keys, line ends, and text in whatever
 * `.encoding` the file declares.
 */
export class Dictionary {
  #lines: Line[] = [];
  #encoding = 'UTF-8';
  #hasByteOrderMark = false;

  static parse(file: Buffer): Dictionary {
    const dictionary = new Dictionary();
    dictionary.#hasByteOrderMark = file.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    const body = dictionary.#hasByteOrderMark ? file.subarray(BYTE_ORDER_MARK.length) : file;
    // Keys and line ends are ASCII in every encoding that VMware writes.
    const declared = declaration.exec(body.toString('latin1'))?.[1];
    if (declared !== undefined && isKnownEncoding(declared)) dictionary.#encoding = declared;
    for (let from = 0; from < body.length;) {
      const newline = body.indexOf('\n', from);
      const until = newline === -1 ? body.length : newline + 1;
      dictionary.#lines.push(dictionary.#read(body.subarray(from, until)));
      from = until;
    }
    return dictionary;
  }

  /** A file that does not exist yet. */
  static of(entries: Record<string, string>): Dictionary {
    const dictionary = new Dictionary();
    for (const [key, value] of Object.entries({ '.encoding': 'UTF-8', ...entries })) dictionary.set(key, value);
    return dictionary;
  }

  /** Of a key that stands twice the last value counts. */
  get(key: string): string | undefined {
    return this.#find(key)?.value;
  }

  isTrue(key: string): boolean {
    return /^(true|yes|on|y|t|1)$/i.test(this.get(key) ?? '');
  }

  number(key: string): number | undefined {
    const value = this.get(key);
    return value === undefined || !/^-?\d+$/.test(value.trim()) ? undefined : Number(value);
  }

  /** Changes the value where it stands, else adds the key at the end. */
  set(key: string, value: string): void {
    const line = this.#find(key);
    if (line === undefined) {
      const last = this.#lines.at(-1);
      const end = this.#lines.find((candidate) => candidate.end !== '')?.end ?? '\n';
      if (last?.end === '') last.end = end;
      this.#lines.push({ key, value, end });
    } else if (line.value !== value) {
      line.value = value;
      delete line.bytes;
    }
  }

  setAll(entries: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(entries)) this.set(key, value);
  }

  delete(key: string): void {
    const wanted = key.toLowerCase();
    this.#lines = this.#lines.filter((line) => line.key?.toLowerCase() !== wanted);
  }

  deleteMatching(pattern: RegExp): void {
    this.#lines = this.#lines.filter((line) => line.key === undefined || !pattern.test(line.key));
  }

  /** Keys in the order and spelling of the file. */
  keys(): string[] {
    return this.#lines.flatMap(({ key }) => (key === undefined ? [] : [key]));
  }

  bytes(): Buffer {
    const parts: Buffer[] = this.#hasByteOrderMark ? [BYTE_ORDER_MARK] : [];
    for (const line of this.#lines) {
      const bytes = line.bytes ?? encodeText(format(line), this.#encoding);
      if (bytes === undefined) return this.#inUtf8().bytes();
      parts.push(bytes, Buffer.from(line.end));
    }
    return Buffer.concat(parts);
  }

  text(): string {
    return decodeText(this.bytes(), this.#encoding);
  }

  /** For a value that the old encoding lacks. */
  #inUtf8(): Dictionary {
    const copy = new Dictionary();
    copy.#lines = this.#lines.map((line) =>
      line.bytes === undefined ? { ...line } : { ...line, bytes: Buffer.from(decodeText(line.bytes, this.#encoding)) },
    );
    copy.set('.encoding', 'UTF-8');
    return copy;
  }

  #read(bytes: Buffer): Line {
    const end = /\r?\n$/.exec(bytes.toString('latin1'))?.[0] ?? '';
    const content = bytes.subarray(0, bytes.length - end.length);
    const text = decodeText(content, this.#encoding);
    const match = /^\s*(#|\/\/)/.test(text) ? null : entry.exec(text);
    if (!match) return { bytes: content, end };
    return { bytes: content, key: match[1]!, value: this.#unescape(match[2] ?? match[3] ?? ''), end };
  }

  #find(key: string): Line | undefined {
    const wanted = key.toLowerCase();
    return this.#lines.findLast((line) => line.key?.toLowerCase() === wanted);
  }

  /** A run of escapes can be one character of the file's encoding. */
  #unescape(value: string): string {
    return value.replace(/(?:\|[0-9A-Fa-f]{2})+/g, (run) =>
      decodeText(Buffer.from(run.replaceAll('|', ''), 'hex'), this.#encoding),
    );
  }
}

const format = ({ key, value = '' }: Line) => `${key} = "${escape(value)}"`;

/** Quote, bar and control characters would end the value or the line. */
const escape = (value: string) =>
  // eslint-disable-next-line no-control-regex
  value.replace(/["|\u0000-\u001f\u007f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
    return `|${code}`;
  });
