import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SparseChunk } from '../connection/libvirt-stream.ts';
import { readSparseFile, writeSparseFile } from './sparse-file.ts';

const BLOCK = 65_536;

describe('sparse files', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sparse-'));
  });

  afterEach(() => rm(directory, { recursive: true }));

  async function read(content: Buffer, sparse = true): Promise<SparseChunk[]> {
    const path = join(directory, 'source');
    await writeFile(path, content);
    const chunks: SparseChunk[] = [];
    for await (const chunk of readSparseFile(path, sparse)) chunks.push(chunk);
    return chunks;
  }

  function sizes(chunks: SparseChunk[]): (number | string)[] {
    return chunks.map((chunk) => ('hole' in chunk ? `hole ${chunk.hole}` : chunk.data.length));
  }

  it('turns blocks of zeros into holes, the last one included', async () => {
    const content = Buffer.concat([
      Buffer.alloc(BLOCK, 1),
      Buffer.alloc(40 * BLOCK),
      Buffer.from('x'),
      Buffer.alloc(9),
    ]);
    expect(sizes(await read(content))).toEqual([BLOCK, `hole ${40 * BLOCK}`, 10]);
    expect(sizes(await read(Buffer.alloc(3 * BLOCK + 5)))).toEqual([`hole ${3 * BLOCK + 5}`]);
    expect(await read(Buffer.alloc(0))).toEqual([]);
  });

  it('reads every byte when it is not asked for holes', async () => {
    const content = Buffer.alloc(20 * BLOCK);
    expect(sizes(await read(content, false))).toEqual([16 * BLOCK, 4 * BLOCK]);
  });

  it('writes what it read', async () => {
    const content = Buffer.concat([Buffer.alloc(2 * BLOCK), Buffer.alloc(BLOCK, 7), Buffer.alloc(70 * BLOCK)]);
    const path = join(directory, 'copy');
    const chunks = await read(content);
    await writeSparseFile(
      path,
      (async function* () {
        yield* chunks;
      })(),
    );
    expect((await readFile(path)).equals(content)).toBe(true);
    expect((await stat(path)).blocks * 512).toBeLessThan(content.length / 2);
  });
});
