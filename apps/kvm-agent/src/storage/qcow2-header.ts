import { open } from 'node:fs/promises';

/** "QFI\xfb". https://www.qemu.org/docs/master/interop/qcow2.html */
const MAGIC = 0x514649fb;
const END_OF_EXTENSIONS = 0;
const BACKING_FORMAT = 0xe2792aca;
const EXTERNAL_DATA_FILE = 0x44415441;
const BITMAPS = 0x23852875;
/** The header and its extensions are in the first cluster, which is at least this large. */
const READ_BYTES = 512;
const LONGEST_NAME = 1023;

export interface Qcow2Header {
  readonly version: number;
  /** Size that a guest sees. */
  readonly bytes: number;
  readonly snapshots: number;
  /** Dirty bitmaps, which backups know by what has changed. Those of a running machine are in its QEMU. */
  readonly bitmaps: number;
  /** As it stands in the file: absolute, relative to the overlay, or of a protocol of QEMU. */
  readonly backing: string | undefined;
  readonly backingFormat: string | undefined;
  readonly dataFile: string | undefined;
}

/** Undefined for a file of another format. Rejects if the file cannot be read. */
export async function readQcow2Header(path: string): Promise<Qcow2Header | undefined> {
  const file = await open(path);
  try {
    const read = async (position: number, length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const start = await read(0, READ_BYTES);
    if (start.length < 72 || start.readUInt32BE(0) !== MAGIC) return undefined;
    const version = start.readUInt32BE(4);
    const name = { position: Number(start.readBigUInt64BE(8)), length: start.readUInt32BE(16) };
    const hasName = name.position > 0 && name.length > 0 && name.length <= LONGEST_NAME;
    const cluster = 2 ** Math.min(start.readUInt32BE(20), 21);
    const headerLength = version >= 3 && start.length >= 104 ? start.readUInt32BE(100) : 72;
    const extensions = readExtensions(await read(headerLength, Math.max(0, Math.min(cluster, 65_536) - headerLength)));
    const bitmaps = extensions.get(BITMAPS);
    return {
      version,
      bytes: Number(start.readBigUInt64BE(24)),
      snapshots: start.readUInt32BE(60),
      backing: hasName ? (await read(name.position, name.length)).toString() : undefined,
      bitmaps: bitmaps && bitmaps.length >= 4 ? bitmaps.readUInt32BE(0) : 0,
      backingFormat: extensions.get(BACKING_FORMAT)?.toString(),
      dataFile: extensions.get(EXTERNAL_DATA_FILE)?.toString(),
    };
  } finally {
    await file.close();
  }
}

function readExtensions(bytes: Buffer): Map<number, Buffer> {
  const extensions = new Map<number, Buffer>();
  for (let position = 0; position + 8 <= bytes.length;) {
    const type = bytes.readUInt32BE(position);
    const length = bytes.readUInt32BE(position + 4);
    const end = position + 8 + length;
    if (type === END_OF_EXTENSIONS || end > bytes.length) break;
    extensions.set(type, bytes.subarray(position + 8, end));
    position = Math.ceil(end / 8) * 8;
  }
  return extensions;
}
