import iconv from 'iconv-lite';

/** What files of VMware and its programs are written in. */
export interface Codec {
  /** Undefined when some byte means nothing in the encoding. */
  decode(bytes: Uint8Array): string | undefined;
  /** Undefined when the encoding lacks a character. Absent for one that is only read. */
  encode?(text: string): Buffer | undefined;
}

const REPLACEMENT = '\ufffd';
/** Keys, and what stands around values, are ASCII in every encoding that VMware writes. */
const STRUCTURE = '.encoding = "az AZ 09 |:-_#"';

/** Numbers of code pages of Windows and IBM, as ICU has them, that are another name of something known. */
const byNumber: Readonly<Record<number, string>> = {
  ...{ 367: 'ascii', 20127: 'ascii', 65001: 'utf-8', 1208: 'utf-8' },
  ...{ 932: 'cp932', 942: 'cp932', 943: 'cp932', 31: 'cp932', 5039: 'cp932' },
  ...{ 936: 'cp936', 1386: 'cp936', 5482: 'cp936', 20936: 'gb2312', 51936: 'gb2312', 1383: 'gb2312' },
  ...{ 54936: 'gb18030', 1392: 'gb18030', 5488: 'gb18030' },
  ...{ 949: 'cp949', 1363: 'cp949', 1361: 'cp949', 51949: 'euc-kr', 970: 'euc-kr', 20949: 'euc-kr' },
  ...{ 950: 'cp950', 1370: 'cp950', 1373: 'cp950', 1375: 'big5-hkscs', 5471: 'big5-hkscs', 951: 'big5-hkscs' },
  ...{ 954: 'euc-jp', 5050: 'euc-jp', 33722: 'euc-jp', 20932: 'euc-jp', 51932: 'euc-jp' },
  ...{ 819: 'iso-8859-1', 912: 'iso-8859-2', 913: 'iso-8859-3', 914: 'iso-8859-4', 915: 'iso-8859-5' },
  ...{ 1089: 'iso-8859-6', 813: 'iso-8859-7', 9005: 'iso-8859-7', 916: 'iso-8859-8', 5012: 'iso-8859-8' },
  ...{ 920: 'iso-8859-9', 919: 'iso-8859-10', 921: 'iso-8859-13', 923: 'iso-8859-15', 901: 'iso-8859-13' },
  ...{ 878: 'koi8-r', 20866: 'koi8-r', 1168: 'koi8-u', 21866: 'koi8-u', 4909: 'iso-8859-7' },
  ...{ 5346: 'cp1250', 5347: 'cp1251', 5348: 'cp1252', 5349: 'cp1253', 5350: 'cp1254', 5354: 'cp1258' },
  ...{ 9447: 'cp1255', 9448: 'cp1256', 9449: 'cp1257', 4971: 'cp737', 9066: 'cp874', 1275: 'macintosh' },
  ...{ 10000: 'macintosh', 10006: 'macgreek', 10007: 'maccyrillic', 10029: 'maccenteuro', 10081: 'macturkish' },
};
/** Tables of Apple, by the number in ICU's name of them. */
const macByNumber: Readonly<Record<number, string>> = {
  0: 'macintosh',
  6: 'macgreek',
  7: 'maccyrillic',
  29: 'maccenteuro',
  35: 'macturkish',
};

/** Other names that no rule finds. */
const byName: Readonly<Record<string, string>> = {
  ansi: 'cp1252',
  'x-ansi': 'cp1252',
  cswindows31j: 'cp932',
  uhc: 'cp949',
  wansung: 'cp949',
  gb13000: 'gb18030',
  'pc-multilingual-850+euro': 'cp858',
  logical: 'iso-8859-8',
  visual: 'iso-8859-8',
};

const codecs = new Map<string, Codec | undefined>();

/** The codec of a name as Windows, ICU or IANA spell it; undefined for one that nobody here knows. */
export function codecOf(label: string): Codec | undefined {
  const key = label.trim().toLowerCase();
  if (!codecs.has(key)) codecs.set(key, findCodec(key));
  return codecs.get(key);
}

/** Text with nothing lost: a byte that means nothing in the encoding stays what it is, in VMware's own notation, `|E9`. */
export function decodeText(bytes: Uint8Array, codec: Codec): string {
  const whole = codec.decode(bytes);
  if (whole !== undefined) return whole;
  let text = '';
  for (let from = 0; from < bytes.length;) {
    const length = lengthOfCharacter(bytes, from, codec);
    text += length === 0 ? hexOf(bytes[from]!) : codec.decode(bytes.subarray(from, from + length))!;
    from += Math.max(1, length);
  }
  return text;
}

/** For a reader of a console: bytes that mean nothing become U+FFFD. */
export const decodeLossy = (bytes: Uint8Array, label: string): string =>
  iconv.decode(Buffer.from(bytes), nameOf(label.trim().toLowerCase()) ?? 'latin1', { stripBOM: false });

export const utf8: Codec = {
  decode: (bytes) => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return undefined;
    }
  },
  encode: (text) => Buffer.from(text, 'utf8'),
};

const hexOf = (byte: number) => `|${byte.toString(16).toUpperCase().padStart(2, '0')}`;

/** No encoding has more than four bytes a character; 0 when none begins here. */
function lengthOfCharacter(bytes: Uint8Array, from: number, codec: Codec): number {
  for (let length = 1; length <= Math.min(4, bytes.length - from); length += 1)
    if (codec.decode(bytes.subarray(from, from + length)) !== undefined) return length;
  return 0;
}

function findCodec(key: string): Codec | undefined {
  if (/^(x-?)?utf-?8(n|-?bom)?$/.test(key)) return utf8;
  const name = nameOf(key);
  if (name === undefined) return readerOf(key);
  if (name === 'utf-8') return utf8;
  const decode = (bytes: Uint8Array) => iconv.decode(Buffer.from(bytes), name, { stripBOM: false });
  const encode = (text: string) => iconv.encode(text, name, { addBOM: false });
  if (decode(Buffer.from(STRUCTURE)) !== STRUCTURE) return undefined;
  return {
    decode: (bytes) => {
      const text = decode(bytes);
      return !text.includes(REPLACEMENT) || encode(text).equals(bytes) ? text : undefined;
    },
    encode: (text) => {
      const bytes = encode(text);
      return decode(bytes) === text ? bytes : undefined;
    },
  };
}

/** What iconv-lite calls it. */
function nameOf(key: string): string | undefined {
  const isThere = (name: string | undefined) => name !== undefined && iconv.encodingExists(name);
  const mac = /^macos-(\d+)/.exec(key)?.[1];
  if (mac !== undefined) return macByNumber[Number(mac)];
  const number =
    /^(?:x-)?(?:windows|win|microsoft|ms|cp|ibm|dos|oem|codepage|ccsid|cs)?[-_ ]?0*(\d{2,5})(?:[-_,].*)?$/.exec(
      key,
    )?.[1];
  const page = number === undefined ? undefined : (byNumber[Number(number)] ?? `cp${number}`);
  // A year, a table or an option of ICU's stands behind some names.
  const plain = key.replace(/,.*$/, '').replace(/[-_](p\d+[-_]\d{4}|\d{4}|html|bs)$/, '');
  return [byName[key], page, key, plain, plain.replace(/^x-/, ''), plain.replace(/^(x-)?ms-?/, '')].find(isThere);
}

/** Some that iconv-lite lacks Node can read and not write. */
function readerOf(key: string): Codec | undefined {
  try {
    const decoder = new TextDecoder(key, { fatal: true, ignoreBOM: true });
    const decode = (bytes: Uint8Array) => {
      try {
        return decoder.decode(bytes);
      } catch {
        return undefined;
      }
    };
    return decode(Buffer.from(STRUCTURE)) === STRUCTURE ? { decode } : undefined;
  } catch (error) {
    if ((error as Error).name === 'RangeError') return undefined;
    throw error;
  }
}
