import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { SECTOR } from './descriptor.ts';
import { DiskError } from './disk-error.ts';

const MAGIC = 0x564d444b;
export const GRAIN_SECTORS = 128;
export const GRAIN_BYTES = GRAIN_SECTORS * SECTOR;
const ENTRIES_PER_TABLE = 512;
const TABLE_SECTORS = (ENTRIES_PER_TABLE * 4) / SECTOR;
const EMBEDDED_DESCRIPTOR_SECTORS = 20;
const COMPRESSED = 1 << 16;
const DIRECTORY_AT_END = 0xffffffffffffffffn;
const UNCLEAN_BYTE = 72;

interface Header {
  flags: number;
  capacity: number;
  grainSectors: number;
  descriptorOffset: number;
  descriptorSectors: number;
  entriesPerTable: number;
  redundantDirectory: number;
  directory: number;
  overhead: number;
}

/** A hosted sparse extent ("KDMV"): header, optional descriptor, two grain directories with tables, grains. */
export class SparseExtent {
  private readonly descriptor: number;
  private readonly path: string;
  private readonly header: Header;
  private readonly tables = new Map<number, Buffer>();

  private constructor(path: string, file: number, header: Header) {
    this.path = path;
    this.descriptor = file;
    this.header = header;
  }

  /** True when the file starts as a sparse extent does. */
  static recognises(path: string): boolean {
    const file = openSync(path, 'r');
    try {
      const magic = Buffer.alloc(4);
      return readSync(file, magic, 0, 4, 0) === 4 && magic.readUInt32LE() === MAGIC;
    } finally {
      closeSync(file);
    }
  }

  static open(path: string, writable = false): SparseExtent {
    const file = openSync(path, writable ? 'r+' : 'r');
    try {
      return new SparseExtent(path, file, readHeader(path, file));
    } catch (cause) {
      closeSync(file);
      throw cause;
    }
  }

  /** Makes an empty extent with all its tables; grains come as they are written. */
  static create(path: string, sectors: number, withDescriptor: boolean): void {
    const tables = Math.ceil(sectors / (ENTRIES_PER_TABLE * GRAIN_SECTORS));
    const directorySectors = Math.ceil((tables * 4) / SECTOR);
    const descriptorSectors = withDescriptor ? EMBEDDED_DESCRIPTOR_SECTORS : 0;
    const redundant = 1 + descriptorSectors;
    const primary = redundant + directorySectors + tables * TABLE_SECTORS;
    const used = primary + directorySectors + tables * TABLE_SECTORS;
    const overhead = Math.ceil(used / GRAIN_SECTORS) * GRAIN_SECTORS;
    const file = openSync(path, 'wx');
    try {
      writeSync(file, formatHeader({ sectors, withDescriptor, redundant, primary, overhead }), 0, SECTOR, 0);
      for (const directory of [redundant, primary]) {
        const entries = Buffer.alloc(directorySectors * SECTOR);
        const firstTable = directory + directorySectors;
        for (let index = 0; index < tables; index++)
          entries.writeUInt32LE(firstTable + index * TABLE_SECTORS, index * 4);
        writeSync(file, entries, 0, entries.length, directory * SECTOR);
      }
      ftruncateSync(file, overhead * SECTOR);
    } finally {
      closeSync(file);
    }
  }

  /** The descriptor inside the extent, if it has one. */
  readDescriptor(): string | undefined {
    const { descriptorOffset, descriptorSectors } = this.header;
    if (descriptorOffset === 0) return undefined;
    return this.read(descriptorOffset * SECTOR, descriptorSectors * SECTOR).toString('utf8');
  }

  writeDescriptor(text: string): void {
    const room = Buffer.alloc(this.header.descriptorSectors * SECTOR);
    if (Buffer.byteLength(text) > room.length) throw new DiskError('access-error', this.path);
    room.write(text, 'utf8');
    writeSync(this.descriptor, room, 0, room.length, this.header.descriptorOffset * SECTOR);
  }

  /** True when the extent was not closed properly; the disk library asks for a repair then. */
  get isUnclean(): boolean {
    return this.read(UNCLEAN_BYTE, 1)[0] === 1;
  }

  markClean(): void {
    writeSync(this.descriptor, Buffer.from([0]), 0, 1, UNCLEAN_BYTE);
  }

  /** One grain of 64 KiB, or undefined where the extent holds nothing of its own. */
  readGrain(index: number): Buffer | undefined {
    const position = this.entry(index);
    if (position === 0) return undefined;
    // Entry 1 is a grain known to be zero.
    if (position === 1) return Buffer.alloc(GRAIN_BYTES);
    if ((this.header.flags & COMPRESSED) === 0) return this.read(position * SECTOR, GRAIN_BYTES);
    const size = this.read(position * SECTOR + 8, 4).readUInt32LE();
    const grain = Buffer.alloc(GRAIN_BYTES);
    inflateSync(this.read(position * SECTOR + 12, size)).copy(grain);
    return grain;
  }

  writeGrain(index: number, data: Buffer): void {
    let position = this.entry(index);
    if (position < 2) {
      const end = Math.max(Math.ceil(fstatSync(this.descriptor).size / SECTOR), this.header.overhead);
      position = Math.ceil(end / GRAIN_SECTORS) * GRAIN_SECTORS;
      this.setEntry(index, position);
    }
    const grain = Buffer.alloc(GRAIN_BYTES);
    data.copy(grain);
    writeSync(this.descriptor, grain, 0, GRAIN_BYTES, position * SECTOR);
  }

  /** Indexes of the grains that hold data here, in order. */
  *allocated(): Generator<number> {
    const { entriesPerTable, grainSectors, capacity } = this.header;
    const tables = Math.ceil(capacity / (entriesPerTable * grainSectors));
    for (let table = 0; table < tables; table++) {
      const entries = this.table(table);
      for (let entry = 0; entry < entriesPerTable; entry++) {
        if (entries.readUInt32LE(entry * 4) !== 0) yield table * entriesPerTable + entry;
      }
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private entry(index: number): number {
    const { entriesPerTable } = this.header;
    return this.table(Math.floor(index / entriesPerTable)).readUInt32LE((index % entriesPerTable) * 4);
  }

  private setEntry(index: number, position: number): void {
    const { entriesPerTable, directory, redundantDirectory } = this.header;
    const table = Math.floor(index / entriesPerTable);
    const offset = (index % entriesPerTable) * 4;
    this.table(table).writeUInt32LE(position, offset);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(position);
    for (const start of new Set([directory, redundantDirectory])) {
      writeSync(this.descriptor, bytes, 0, 4, this.tablePosition(start, table) + offset);
    }
  }

  private table(index: number): Buffer {
    const known = this.tables.get(index);
    if (known) return known;
    const position = this.tablePosition(this.header.directory, index);
    const size = this.header.entriesPerTable * 4;
    const table = position === 0 ? Buffer.alloc(size) : this.read(position, size);
    this.tables.set(index, table);
    return table;
  }

  private tablePosition(directory: number, index: number): number {
    return this.read(directory * SECTOR + index * 4, 4).readUInt32LE() * SECTOR;
  }

  private read(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.descriptor, bytes, 0, length, position);
    return bytes;
  }
}

function readHeader(path: string, file: number): Header {
  const bytes = Buffer.alloc(SECTOR);
  if (readSync(file, bytes, 0, SECTOR, 0) < SECTOR || bytes.readUInt32LE() !== MAGIC) {
    throw new DiskError('not-a-disk', path);
  }
  if (bytes.readBigUInt64LE(56) === DIRECTORY_AT_END) {
    // A stream-optimized extent ends with a footer that repeats the header, and an end marker.
    readSync(file, bytes, 0, SECTOR, fstatSync(file).size - 2 * SECTOR);
  }
  const long = (offset: number) => Number(bytes.readBigUInt64LE(offset));
  return {
    flags: bytes.readUInt32LE(8),
    capacity: long(12),
    grainSectors: long(20),
    descriptorOffset: long(28),
    descriptorSectors: long(36),
    entriesPerTable: bytes.readUInt32LE(44),
    redundantDirectory: bytes.readUInt32LE(8) & 2 ? long(48) : long(56),
    directory: long(56),
    overhead: long(64),
  };
}

function formatHeader(parts: {
  sectors: number;
  withDescriptor: boolean;
  redundant: number;
  primary: number;
  overhead: number;
}): Buffer {
  const header = Buffer.alloc(SECTOR);
  const long = (value: number, offset: number) => header.writeBigUInt64LE(BigInt(value), offset);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(1, 4);
  header.writeUInt32LE(3, 8);
  long(parts.sectors, 12);
  long(GRAIN_SECTORS, 20);
  long(parts.withDescriptor ? 1 : 0, 28);
  long(parts.withDescriptor ? EMBEDDED_DESCRIPTOR_SECTORS : 0, 36);
  header.writeUInt32LE(ENTRIES_PER_TABLE, 44);
  long(parts.redundant, 48);
  long(parts.primary, 56);
  long(parts.overhead, 64);
  // Line-end characters that reveal a transfer in text mode.
  header.write('\n \r\n', 73, 'latin1');
  return header;
}
