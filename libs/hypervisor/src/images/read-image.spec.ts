import { describe, expect, it } from '@jest/globals';
import { isoOf, MemorySource } from '../testing/image-content.ts';
import { readImage } from './read-image.ts';

describe('a source that is passed on', () => {
  const content = isoOf(300_000);

  async function read(source: MemorySource, signal = new AbortController().signal): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readImage(source, { signal, pauseMs: 1 })) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  it('is read whole, and continued where it was cut', async () => {
    const source = new MemorySource(content, { cuts: [100_000, 100_000, 200_000] });
    expect((await read(source)).equals(content)).toBe(true);
    expect(source.openedAt).toEqual([0, 100_000, 100_000, 200_000]);
  });

  it('that cannot be continued is given up when it was cut', async () => {
    const source = new MemorySource(content, { cuts: [100_000], resumes: false });
    await expect(read(source)).rejects.toMatchObject({ code: 'fetch-failed' });
  });

  it('that brings nothing again and again is given up', async () => {
    const source = new MemorySource(content, { cuts: Array.from({ length: 9 }, () => 100_000) });
    await expect(read(source)).rejects.toMatchObject({ code: 'fetch-failed' });
  });

  it('that has another content when it is continued is no longer the same', async () => {
    const source = new MemorySource(content, { cuts: [100_000] });
    const reading = readImage(source, { signal: new AbortController().signal, pauseMs: 1 });
    await reading.next();
    source.content = isoOf(400_000);
    const rest = async () => {
      for await (const _ of reading);
    };
    await expect(rest()).rejects.toMatchObject({
      code: 'fetch-failed',
      message: expect.stringContaining('another file'),
    });
  });

  it('is let go of when the operation ends', async () => {
    const cancel = new AbortController();
    const reading = readImage(new MemorySource(content), { signal: cancel.signal });
    await reading.next();
    cancel.abort(new Error('cancelled'));
    await expect(reading.next()).rejects.toThrow('cancelled');
  });
});
