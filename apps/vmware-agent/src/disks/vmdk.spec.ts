import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isOfOneFile, nameOwnExtent, readVmdk } from './vmdk.ts';

const sector = 512;
const monolithic = 'createType="monolithicSparse"\n';

/** A disk of one file as far as its description: behind a header of one sector, with room for 2 sectors. */
function sparse(extents: string, more = '', parent = 'ffffffff'): Buffer {
  const content = Buffer.alloc(8 * sector, 'd');
  content.fill(0, 0, sector).write('KDMV', 'latin1');
  content.writeBigUInt64LE(1n, 28);
  content.writeBigUInt64LE(2n, 36);
  const text = `# Disk DescriptorFile\nversion=1\nencoding="UTF-8"\nparentCID=${parent}\n${more}${extents}\n`;
  content.fill(0, sector, 3 * sector).write(text, sector, 'latin1');
  return content;
}

describe('a disk from elsewhere', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmdk-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const written = async (content: Buffer) => {
    const path = join(folder, '.part');
    await writeFile(path, content);
    return path;
  };
  it.each<[string, boolean, Buffer]>([
    ['itself', true, sparse('RW 2048 SPARSE "theirs.vmdk"', monolithic)],
    ['itself, as it is streamed', true, sparse('RW 2048 SPARSE "theirs.vmdk"', 'createType="streamOptimized"\n')],
    ['two others', false, sparse('RW 2048 SPARSE "a.vmdk"\nRW 2048 SPARSE "b.vmdk"', monolithic)],
    ['a file of the host', false, sparse('RW 2048 SPARSE "/etc/shadow"', monolithic)],
    ['a file of another folder', false, sparse('RW 2048 SPARSE "../web-1/web-1.vmdk"', monolithic)],
    ['a flat part', false, sparse('RW 2048 FLAT "theirs-flat.vmdk" 0', 'createType="monolithicFlat"\n')],
    ['a parent', false, sparse('RW 2048 SPARSE "a.vmdk"', `${monolithic}parentFileNameHint="base.vmdk"\n`, '12345678')],
  ])('that stands on %s is of one file: %s', async (_, expected, content) => {
    expect(isOfOneFile(await readVmdk(await written(content)))).toBe(expected);
  });

  it('calls its file as it is called now, and is otherwise as it was', async () => {
    const before = sparse('RW 2048 SPARSE "theirs.vmdk"', monolithic);
    const path = await written(before);
    for (let time = 0; time < 2; time += 1) {
      await nameOwnExtent(path, 'débian (13).vmdk');
      const { files, bytes } = await readVmdk(path);
      expect(files).toEqual([path, join(folder, 'débian (13).vmdk')]);
      expect(bytes).toBe(2_048 * sector);
      const after = await readFile(path);
      expect(after.subarray(0, sector).equals(before.subarray(0, sector))).toBe(true);
      expect(after.subarray(3 * sector).equals(before.subarray(3 * sector))).toBe(true);
    }
  });

  it('that has no room for the name is left as it was', async () => {
    const before = sparse('RW 2048 SPARSE "theirs.vmdk"', `${monolithic}${'# padding\n'.repeat(85)}`);
    const path = await written(before);
    await expect(nameOwnExtent(path, `${'a'.repeat(80)}.vmdk`)).rejects.toThrow('no room');
    expect((await readFile(path)).equals(before)).toBe(true);
  });
});
