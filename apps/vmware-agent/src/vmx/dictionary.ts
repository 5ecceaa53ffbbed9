import { ProblemError } from '@polyvirt/contracts';
import { codecOf, decodeText, utf8, type Codec } from './text-encoding.ts';

/** One line of the file. Its bytes are kept until its value changes, so that an edit touches nothing else. */
interface Line {
  bytes?: Buffer;
  readonly key?: string;
  value?: string;
  /** Comment behind the value, with the space before it. */
  readonly comment?: Buffer | undefined;
  end: string;
}

/** What Windows is in where nobody says otherwise. */
export const usualCodePage = 'windows-1252';

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const declaration = /^[ \t]*\.encoding[ \t]*=[ \t]*"?([^"#\r\n]+?)"?[ \t]*(?:#.*)?$/im;
/** Key, value and the comment behind it, in the forms that a line can have; the first that fits counts. */
const entries = [
  /^\s*([A-Za-z0-9_.:-]+)\s*=\s*"([^"]*)"(\s*#.*)?\s*$/s,
  // Quotes that somebody forgot to escape: what looks like a comment may be part of the value.
  /^\s*([A-Za-z0-9_.:-]+)\s*=\s*"(.*)"\s*$/s,
  /^\s*([A-Za-z0-9_.:-]+)\s*=\s*(.*?)(\s+#.*)?\s*$/s,
];

/**
 * The dictionary format of VMware: .vmx, .vmsd, inventory.vmls. Keys ignore case, a value is quoted, `|XX` is a byte in hex.
 * What nobody changes keeps its bytes: comments, unknown keys, the spelling of keys, line ends, and text in whatever
 * `.encoding` the file declares.
 */
export class Dictionary {
  #lines: Line[] = [];
  #codec: Codec = utf8;
  /** What escapes may be in that mean nothing in the encoding of the file. */
  #otherCodec: Codec | undefined;
  /** An encoding that the file declares and nobody here can write. */
  #unknownEncoding: string | undefined;
  #isDeclared = false;
  #hasByteOrderMark = false;

  /** `hostEncoding` is what a file is in that declares none and is no UTF-8: the code page of the host. */
  static parse(file: Buffer, hostEncoding = usualCodePage): Dictionary {
    const dictionary = new Dictionary();
    dictionary.#hasByteOrderMark = file.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    const body = dictionary.#hasByteOrderMark ? file.subarray(BYTE_ORDER_MARK.length) : file;
    // Keys and line ends are ASCII in every encoding that VMware writes.
    const declared = declaration.exec(body.toString('latin1'))?.[1];
    dictionary.#declare(declared, body, hostEncoding);
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
    dictionary.#isDeclared = true;
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

  /** Throws `host-rejected` for a new value that the encoding of the file has to be known for. */
  bytes(): Buffer {
    const parts: Buffer[] = this.#hasByteOrderMark ? [BYTE_ORDER_MARK] : [];
    for (const line of this.#lines) {
      const bytes = line.bytes ?? this.#write(line);
      if (bytes === undefined) return this.#inUtf8().bytes();
      // eslint-disable-next-line no-control-regex
      const isForeign = line.bytes === undefined && /[^\u0000-\u007f]/.test(line.value ?? '');
      // Who reads it next would take it for something in the code page of the host.
      if (isForeign && !this.#isDeclared && !this.#hasByteOrderMark && this.#codec === utf8)
        return this.#inUtf8().bytes();
      parts.push(bytes, Buffer.from(line.end));
    }
    return Buffer.concat(parts);
  }

  #write(line: Line): Buffer | undefined {
    const text = format(line);
    // eslint-disable-next-line no-control-regex
    if (this.#unknownEncoding !== undefined && /[^\u0000-\u007f]/.test(text))
      throw new ProblemError(
        'host-rejected',
        `The file is in the encoding "${this.#unknownEncoding}", which this agent cannot write, and "${line.value}" has more than ASCII. Save the file as UTF-8 in the Workstation window, or keep to ASCII.`,
      );
    const bytes = this.#codec.encode?.(text);
    return bytes && line.comment ? Buffer.concat([bytes, line.comment]) : bytes;
  }

  copy(): Dictionary {
    const copy = new Dictionary();
    copy.#lines = this.#lines.map((line) => ({ ...line }));
    copy.#codec = this.#codec;
    copy.#otherCodec = this.#otherCodec;
    copy.#unknownEncoding = this.#unknownEncoding;
    copy.#isDeclared = this.#isDeclared;
    copy.#hasByteOrderMark = this.#hasByteOrderMark;
    return copy;
  }

  text(): string {
    return decodeText(this.bytes(), this.#codec);
  }

  /** For a value that the old encoding lacks. */
  #inUtf8(): Dictionary {
    const copy = new Dictionary();
    copy.#isDeclared = true;
    const recode = (bytes: Buffer | undefined) => bytes && Buffer.from(decodeText(bytes, this.#codec));
    copy.#lines = this.#lines.map(({ bytes, comment, ...line }) => ({
      ...line,
      ...(bytes && { bytes: recode(bytes)! }),
      comment: recode(comment),
    }));
    const end = copy.#lines.find((line) => line.end !== '')?.end ?? '\n';
    // It counts for what comes after it.
    if (copy.get('.encoding') === undefined) copy.#lines.unshift({ key: '.encoding', value: 'UTF-8', end });
    else copy.set('.encoding', 'UTF-8');
    return copy;
  }

  #read(bytes: Buffer): Line {
    const end = /\r?\n$/.exec(bytes.toString('latin1'))?.[0] ?? '';
    const content = bytes.subarray(0, bytes.length - end.length);
    const text = decodeText(content, this.#codec);
    const match = entryIn(text);
    if (!match) return { bytes: content, end };
    // Quotes and number signs are no part of a longer character in any encoding that VMware writes.
    const length = entryIn(content.toString('latin1'))?.[3]?.length ?? 0;
    const comment = length === 0 ? undefined : content.subarray(content.length - length);
    return { bytes: content, key: match[1]!, value: this.#unescape(match[2]!), comment, end };
  }

  #find(key: string): Line | undefined {
    const wanted = key.toLowerCase();
    return this.#lines.findLast((line) => line.key?.toLowerCase() === wanted);
  }

  /** A run of escapes can be one character of the file's encoding; what is none stays written as it is. */
  #unescape(value: string): string {
    return value.replace(/(?:\|[0-9A-Fa-f]{2})+/g, (run) => {
      const bytes = Buffer.from(run.replaceAll('|', ''), 'hex');
      return this.#codec.decode(bytes) ?? this.#otherCodec?.decode(bytes) ?? decodeText(bytes, this.#codec);
    });
  }

  #declare(declared: string | undefined, body: Buffer, hostEncoding: string): void {
    const codec = declared === undefined ? undefined : codecOf(declared);
    this.#isDeclared = declared !== undefined;
    this.#unknownEncoding = codec?.encode ? undefined : declared;
    if (codec) this.#codec = codec;
    if (declared !== undefined || this.#hasByteOrderMark) return;
    this.#otherCodec = codecOf(hostEncoding);
    if (this.#otherCodec && utf8.decode(body) === undefined) this.#codec = this.#otherCodec;
  }
}

function entryIn(text: string): RegExpExecArray | undefined {
  if (/^\s*(#|\/\/)/.test(text)) return undefined;
  for (const form of entries) {
    const match = form.exec(text);
    if (match) return match;
  }
  return undefined;
}

const format = ({ key, value = '' }: Line) => `${key} = "${escape(value)}"`;

/** Quote, bar and control characters would end the value or the line. */
const escape = (value: string) =>
  // eslint-disable-next-line no-control-regex
  value.replace(/["|\u0000-\u001f\u007f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
    return `|${code}`;
  });
