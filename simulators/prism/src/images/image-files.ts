import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface Checksum {
  readonly algorithm: 'SHA_1' | 'SHA_256';
  readonly value: string;
}

/** Thrown when bytes are too many or not the announced ones; the file then does not exist. */
export class ImageFileError extends Error {}

const ZEROS = Buffer.alloc(64 * 1024);

/** The bytes of images. Those of seed images were never stored: they read as zeros of the right length. */
export class ImageFiles {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  has(uuid: string): boolean {
    return existsSync(this.path(uuid));
  }

  /** Stores a whole stream or nothing. @returns its length in bytes. @throws ImageFileError */
  async save(uuid: string, bytes: Readable, maxBytes: number, checksum?: Checksum): Promise<number> {
    const part = `${this.path(uuid)}.part`;
    const hash = createHash(checksum?.algorithm === 'SHA_1' ? 'sha1' : 'sha256');
    let length = 0;
    const gauge = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        length += chunk.length;
        hash.update(chunk);
        done(length > maxBytes ? new ImageFileError(`the image is larger than ${maxBytes} bytes`) : null, chunk);
      },
    });
    try {
      await pipeline(bytes, gauge, createWriteStream(part));
      if (checksum !== undefined && hash.digest('hex') !== checksum.value.toLowerCase())
        throw new ImageFileError('the checksum does not match');
      renameSync(part, this.path(uuid));
      return length;
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  }

  read(uuid: string, sizeBytes: number): Readable {
    return this.has(uuid) ? createReadStream(this.path(uuid)) : Readable.from(zeros(sizeBytes));
  }

  remove(uuid: string): void {
    rmSync(this.path(uuid), { force: true });
  }

  private path(uuid: string): string {
    return join(this.folder, uuid);
  }
}

function* zeros(sizeBytes: number): Iterable<Buffer> {
  for (let left = sizeBytes; left > 0; left -= ZEROS.length)
    yield left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left);
}
