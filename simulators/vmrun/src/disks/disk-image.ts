import { closeSync, existsSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SECTOR, type Extent } from './descriptor.ts';
import { DiskError } from './disk-error.ts';
import { readDescriptor } from './disk-file.ts';
import { GRAIN_BYTES, GRAIN_SECTORS, SparseExtent } from './sparse-extent.ts';

/** The content of one extent, by grain number within the extent. */
interface Content {
  readGrain(index: number): Buffer | undefined;
  writeGrain(index: number, data: Buffer): void;
  allocated(): Iterable<number>;
  close(): void;
}

/** One disk of a chain opened for its content; what it does not hold itself is its parent's affair. */
export class DiskImage {
  private readonly parts: { firstGrain: number; content: Content }[] = [];

  private constructor(path: string, writable: boolean) {
    let sector = 0;
    try {
      for (const extent of readDescriptor(path).extents) {
        if (sector % GRAIN_SECTORS !== 0) throw new DiskError('not-supported', path);
        this.parts.push({ firstGrain: sector / GRAIN_SECTORS, content: openContent(path, extent, writable) });
        sector += extent.sectors;
      }
    } catch (cause) {
      this.close();
      throw cause;
    }
  }

  static open(path: string, { writable = false } = {}): DiskImage {
    return new DiskImage(path, writable);
  }

  /** Calls back with each grain that this disk itself holds. */
  eachGrain(visit: (index: number, data: Buffer) => void): void {
    for (const { firstGrain, content } of this.parts) {
      for (const index of content.allocated()) {
        const data = content.readGrain(index);
        if (data) visit(firstGrain + index, data);
      }
    }
  }

  writeGrain(index: number, data: Buffer): void {
    const part = this.parts.findLast(({ firstGrain }) => firstGrain <= index);
    part?.content.writeGrain(index - part.firstGrain, data);
  }

  close(): void {
    for (const { content } of this.parts) content.close();
  }
}

function openContent(disk: string, extent: Extent, writable: boolean): Content {
  const path = join(dirname(disk), extent.file);
  if (extent.kind === 'ZERO') return NOTHING;
  if (!existsSync(path)) throw new DiskError('not-found', path);
  return extent.kind === 'SPARSE' ? SparseExtent.open(path, writable) : new FlatContent(path, extent, writable);
}

const NOTHING: Content = { readGrain: () => undefined, writeGrain: () => undefined, allocated: () => [], close() {} };

const ZEROS = Buffer.alloc(GRAIN_BYTES);

class FlatContent implements Content {
  private readonly file: number;
  private readonly extent: Extent;
  private readonly isEmpty: boolean;

  constructor(path: string, extent: Extent, writable: boolean) {
    this.extent = extent;
    this.isEmpty = statSync(path).blocks === 0;
    this.file = openSync(path, writable ? 'r+' : 'r');
  }

  readGrain(index: number): Buffer | undefined {
    const data = Buffer.alloc(this.bytesAt(index));
    readSync(this.file, data, 0, data.length, this.positionOf(index));
    return data.equals(ZEROS.subarray(0, data.length)) ? undefined : data;
  }

  writeGrain(index: number, data: Buffer): void {
    writeSync(this.file, data, 0, Math.min(data.length, this.bytesAt(index)), this.positionOf(index));
  }

  *allocated(): Generator<number> {
    const grains = this.isEmpty ? 0 : Math.ceil(this.extent.sectors / GRAIN_SECTORS);
    for (let index = 0; index < grains; index++) yield index;
  }

  close(): void {
    closeSync(this.file);
  }

  private bytesAt(index: number): number {
    return Math.min(GRAIN_BYTES, this.extent.sectors * SECTOR - index * GRAIN_BYTES);
  }

  private positionOf(index: number): number {
    return this.extent.offset * SECTOR + index * GRAIN_BYTES;
  }
}
