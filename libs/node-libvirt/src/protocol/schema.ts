import type { XdrReader } from '../xdr/reader.ts';
import type { XdrWriter } from '../xdr/writer.ts';
import { structs, type StructName, type Structs } from './structs.ts';
import { readTypedParameter, writeTypedParameter, type TypedParameter } from './typed-parameters.ts';
import { formatUuid, parseUuid } from './uuid.ts';

/** What each primitive decodes to, and, where it differs, what may be given to encode it. */
interface TypeMap {
  i32: number;
  u32: number;
  /** u32 bit mask; left out means 0. */
  flags: number;
  /** i32 that only means yes or no. */
  bool: boolean;
  /** i32 of list procedures; left out means 1: send the list and not only its length. */
  needResults: number;
  /** i32 of a running domain, -1 when it is off; never needed to address one. */
  runtimeId: number;
  i64: bigint;
  u64: bigint;
  f64: number;
  str: string;
  /** A string that does not identify the object; left out means empty. */
  label: string;
  uuid: string;
  /** Variable-length raw bytes. */
  opaque: Buffer;
  /** XDR widens each of these to four bytes. */
  char: number;
  uchar: number;
  ushort: number;
  /** A list of chars: four bytes on the wire for each byte. */
  charBytes: Buffer;
  /** The fixed char[32] of node_get_info, up to its NUL. */
  model32: string;
  typedParameter: TypedParameter;
}

interface EncodableTypeMap {
  i64: bigint | number;
  u64: bigint | number;
  opaque: Uint8Array;
  charBytes: Uint8Array;
}

export type Fields = Readonly<Record<string, string>>;

type Decoded<T extends string> = T extends `${infer Item}[]`
  ? Decoded<Item>[]
  : T extends `${infer Item}?`
    ? Decoded<Item> | null
    : T extends keyof TypeMap
      ? TypeMap[T]
      : T extends StructName
        ? DecodedFields<Structs[T]>
        : never;

type Encodable<T extends string> = T extends `${infer Item}[]`
  ? readonly Encodable<Item>[]
  : T extends `${infer Item}?`
    ? Encodable<Item> | null
    : T extends keyof EncodableTypeMap
      ? EncodableTypeMap[T]
      : T extends keyof TypeMap
        ? TypeMap[T]
        : T extends StructName
          ? EncodableFields<Structs[T]>
          : never;

type Omittable = 'flags' | 'needResults' | 'runtimeId' | 'label' | `${string}?`;

/** The object that a list of fields decodes to. */
export type DecodedFields<F extends Fields> = { -readonly [K in keyof F]: Decoded<F[K]> };

/** The object that a list of fields is encoded from. */
export type EncodableFields<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Omittable ? never : K]: Encodable<F[K]>;
} & {
  readonly [K in keyof F as F[K] extends Omittable ? K : never]?: Encodable<F[K]> | undefined;
};

export type Struct<Name extends StructName> = DecodedFields<Structs[Name]>;
export type EncodableStruct<Name extends StructName> = EncodableFields<Structs[Name]>;

/** Reads and writes one type. `write` gets undefined where the caller left the field out. */
interface Codec {
  read(reader: XdrReader): unknown;
  write(writer: XdrWriter, value: unknown): void;
}

const MODEL_LENGTH = 32;

const primitives: Record<keyof TypeMap, Codec> = {
  i32: { read: (r) => r.i32(), write: (w, v) => w.i32(number(v)) },
  u32: { read: (r) => r.u32(), write: (w, v) => w.u32(number(v)) },
  // Bit 31 is used (statistics), and bitwise operators make it negative.
  flags: { read: (r) => r.u32(), write: (w, v) => w.u32(v === undefined ? 0 : number(v) >>> 0) },
  bool: { read: (r) => r.i32() !== 0, write: (w, v) => w.i32(v ? 1 : 0) },
  needResults: { read: (r) => r.i32(), write: (w, v) => w.i32(v === undefined ? 1 : number(v)) },
  runtimeId: { read: (r) => r.i32(), write: (w, v) => w.i32(v === undefined ? -1 : number(v)) },
  i64: { read: (r) => r.i64(), write: (w, v) => w.i64(integer(v)) },
  u64: { read: (r) => r.u64(), write: (w, v) => w.u64(integer(v)) },
  f64: { read: (r) => r.f64(), write: (w, v) => w.f64(number(v)) },
  str: { read: (r) => r.string(), write: (w, v) => w.string(text(v)) },
  label: { read: (r) => r.string(), write: (w, v) => w.string(v === undefined ? '' : text(v)) },
  uuid: { read: (r) => formatUuid(r.fixed(16)), write: (w, v) => w.fixed(parseUuid(text(v))) },
  opaque: { read: (r) => r.opaque(), write: (w, v) => w.opaque(bytes(v)) },
  char: { read: (r) => r.i32(), write: (w, v) => w.i32(number(v)) },
  uchar: { read: (r) => r.u32(), write: (w, v) => w.u32(number(v)) },
  ushort: { read: (r) => r.u32(), write: (w, v) => w.u32(number(v)) },
  charBytes: {
    read: (r) => {
      const chars = Buffer.allocUnsafe(r.count());
      for (let i = 0; i < chars.length; i++) chars[i] = r.i32();
      return chars;
    },
    write: (w, v) => {
      const chars = bytes(v);
      w.u32(chars.length);
      // The daemon's char is signed.
      for (const char of chars) w.i32((char << 24) >> 24);
    },
  },
  model32: {
    read: (r) => {
      const chars = Buffer.allocUnsafe(MODEL_LENGTH);
      for (let i = 0; i < MODEL_LENGTH; i++) chars[i] = r.i32();
      const end = chars.indexOf(0);
      return chars.toString('utf8', 0, end < 0 ? MODEL_LENGTH : end);
    },
    write: (w, v) => {
      const chars = Buffer.alloc(MODEL_LENGTH);
      chars.write(text(v));
      for (const char of chars) w.i32((char << 24) >> 24);
    },
  },
  typedParameter: { read: readTypedParameter, write: (w, v) => writeTypedParameter(w, v as TypedParameter) },
};

const codecs = new Map<string, Codec>(Object.entries(primitives));

function codecOf(type: string): Codec {
  let codec = codecs.get(type);
  if (codec === undefined) {
    codec = compile(type);
    codecs.set(type, codec);
  }
  return codec;
}

function compile(type: string): Codec {
  if (type.endsWith('[]')) return listCodec(codecOf(type.slice(0, -2)));
  if (type.endsWith('?')) return optionalCodec(codecOf(type.slice(0, -1)));
  if (!Object.hasOwn(structs, type)) throw new TypeError(`schema names the unknown type ${type}`);
  return fieldsCodec(structs[type as StructName]);
}

function listCodec(item: Codec): Codec {
  return {
    read(reader) {
      const list = new Array<unknown>(reader.count());
      for (let i = 0; i < list.length; i++) list[i] = item.read(reader);
      return list;
    },
    write(writer, value) {
      if (!Array.isArray(value)) throw new TypeError('expected a list');
      writer.u32(value.length);
      for (const element of value) item.write(writer, element);
    },
  };
}

function optionalCodec(item: Codec): Codec {
  return {
    read: (reader) => (reader.u32() === 0 ? null : item.read(reader)),
    write(writer, value) {
      if (value === null || value === undefined) return writer.u32(0);
      writer.u32(1);
      item.write(writer, value);
    },
  };
}

function fieldsCodec(fields: Fields): Codec {
  const entries = Object.entries(fields).map(([name, type]) => ({ name, codec: codecOf(type) }));
  return {
    read(reader) {
      const object: Record<string, unknown> = {};
      for (const { name, codec } of entries) object[name] = codec.read(reader);
      return object;
    },
    write(writer, value) {
      const object = value as Record<string, unknown>;
      for (const { name, codec } of entries) {
        try {
          codec.write(writer, object[name]);
        } catch (cause) {
          throw new TypeError(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
        }
      }
    },
  };
}

const compiledFields = new WeakMap<Fields, Codec>();

function codecOfFields(fields: Fields): Codec {
  let codec = compiledFields.get(fields);
  if (codec === undefined) {
    codec = fieldsCodec(fields);
    compiledFields.set(fields, codec);
  }
  return codec;
}

export function readFields<F extends Fields>(reader: XdrReader, fields: F): DecodedFields<F> {
  return codecOfFields(fields).read(reader) as DecodedFields<F>;
}

/** Throws TypeError, naming the field, when a value does not fit its type. */
export function writeFields<F extends Fields>(writer: XdrWriter, fields: F, value: EncodableFields<F>): void {
  codecOfFields(fields).write(writer, value);
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new TypeError(`expected a number, not ${String(value)}`);
  return value;
}

function integer(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (!Number.isSafeInteger(value)) throw new TypeError(`expected a bigint or a safe integer, not ${String(value)}`);
  return BigInt(value as number);
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`expected a string, not ${String(value)}`);
  // XDR strings become C strings in the daemon, which would silently end at a NUL.
  if (value.includes('\0')) throw new TypeError('a string for libvirt cannot contain NUL');
  return value;
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError('expected bytes');
  return value;
}
