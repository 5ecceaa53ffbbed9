import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { isoOf } from '../testing/image-content.ts';
import { imageFormatOf } from './image-format.ts';

describe('the format of an image', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'image-format-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const formatOf = async (content: Uint8Array) => {
    const path = join(folder, 'image');
    await writeFile(path, content);
    return imageFormatOf(path);
  };
  const beginning = (text: string, bytes = 4_096) => {
    const content = Buffer.alloc(bytes);
    content.write(text, 'latin1');
    return content;
  };
  const qcow2 = (more: { version?: number; backingAt?: bigint; incompatible?: bigint } = {}) => {
    const content = beginning('QFI\xfb');
    content.writeUInt32BE(more.version ?? 3, 4);
    content.writeBigUInt64BE(more.backingAt ?? 0n, 8);
    content.writeBigUInt64BE(more.incompatible ?? 0n, 72);
    return content;
  };

  it.each<[string, Buffer]>([
    ['qcow2', qcow2()],
    ['qcow2', qcow2({ version: 2, incompatible: 4n })],
    ['vmdk', beginning('KDMV')],
    ['iso', isoOf(0)],
    ['raw', Buffer.alloc(512)],
    ['raw', Buffer.alloc(0x8200, 'a')],
  ])('is %s by its content', async (format, content) => expect(await formatOf(content)).toBe(format));

  it('is ISO also where it boots as a disk', async () => {
    const hybrid = isoOf(0);
    hybrid.writeUInt16LE(0xaa55, 510);
    expect(await formatOf(hybrid)).toBe('iso');
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', Buffer.alloc(0), /0 bytes/],
    ['less than a sector', Buffer.alloc(511), /sector/],
    ['a document', Buffer.alloc(33_000, 'a'), /33000 bytes/],
    ['nothing', Buffer.alloc(0), /sector/],
    ['a compressed file', gzipSync(isoOf(0)), /gzip.*Unpack/],
    ['an xz file', Buffer.concat([Buffer.from('fd377a585a0000', 'hex'), Buffer.alloc(600)]), /xz/],
    ['an archive', beginning('PK\x03\x04'), /ZIP/],
    ['an OVA', Buffer.concat([Buffer.alloc(257), beginning('ustar')]), /OVA/],
    ['another kind of disk', beginning('vhdxfile'), /qemu-img convert/],
    ['a VMDK in two files', beginning('# Disk DescriptorFile\nversion=1'), /single file/],
    ['a page', Buffer.from(`\n<!DOCTYPE html>${' '.repeat(600)}`), /browser/],
    ['a disk that reads another file', qcow2({ backingAt: 520n }), /one file/],
    ['a disk whose data is in another file', qcow2({ incompatible: 4n }), /one file/],
    ['the beginning of a disk', qcow2().subarray(0, 40), /beginning/],
  ])('is none of %s, and says what to do', async (_, content, advice) => {
    await expect(formatOf(content)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(advice),
    });
  });
});
