import { open } from 'node:fs/promises';
import type { SparseChunk } from '../connection/libvirt-stream.ts';

const BLOCK_BYTES = 65_536;
const READ_BYTES = 1_048_576;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** The content of a file; with `sparse` its blocks of zeros come as holes. */
export async function* readSparseFile(path: string, sparse: boolean): AsyncGenerator<SparseChunk> {
  const file = await open(path, 'r');
  try {
    let hole = 0;
    for (;;) {
      // A fresh buffer each time: the last one may still wait to be sent.
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
      if (bytesRead === 0) break;
      const content = buffer.subarray(0, bytesRead);
      if (!sparse) {
        yield { data: content };
        continue;
      }
      for (const run of runsOf(content)) {
        if (run.zero) {
          hole += run.bytes.length;
          continue;
        }
        if (hole > 0) yield { hole };
        hole = 0;
        yield { data: run.bytes };
      }
    }
    if (hole > 0) yield { hole };
  } finally {
    await file.close();
  }
}

/** Writes chunks into a new or emptied file; holes stay holes. */
export async function writeSparseFile(path: string, chunks: AsyncIterable<SparseChunk>): Promise<void> {
  const file = await open(path, 'w');
  try {
    let position = 0;
    for await (const chunk of chunks) {
      if ('hole' in chunk) {
        position += chunk.hole;
        continue;
      }
      let written = 0;
      while (written < chunk.data.length) {
        written += (await file.write(chunk.data, written, chunk.data.length - written, position + written))
          .bytesWritten;
      }
      position += chunk.data.length;
    }
    // A hole at the end is only a size.
    await file.truncate(position);
  } finally {
    await file.close();
  }
}

function* runsOf(content: Buffer): Generator<{ zero: boolean; bytes: Buffer }> {
  let start = 0;
  let zero: boolean | undefined;
  for (let at = 0; at < content.length; at += BLOCK_BYTES) {
    const block = content.subarray(at, at + BLOCK_BYTES);
    const blank = block.equals(ZEROS.subarray(0, block.length));
    if (zero !== undefined && blank !== zero) {
      yield { zero, bytes: content.subarray(start, at) };
      start = at;
    }
    zero = blank;
  }
  if (zero !== undefined) yield { zero, bytes: content.subarray(start) };
}
