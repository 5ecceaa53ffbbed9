import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostPaths } from '../host/host-paths.ts';
import { createChild, mergeIntoParent } from './child-disk.ts';
import { copyDisk } from './copy-disk.ts';
import { createDisk, type DiskType } from './create-disk.ts';
import { chainOf } from './disk-chain.ts';
import { DiskImage } from './disk-image.ts';
import { readDescriptor } from './disk-file.ts';
import { findQemuImg } from './qemu-img.ts';
import { GRAIN_BYTES } from './sparse-extent.ts';

const paths = new HostPaths('linux', {}, '');

describe('disk chains', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'disks-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const make = (name: string, type: DiskType = 0) => {
    const path = join(folder, name);
    createDisk({ path, sectors: 131072, adapter: 'lsilogic', type, hardwareVersion: '21' }, undefined);
    return path;
  };
  const write = (path: string, grains: Record<number, string>) => {
    const image = DiskImage.open(path, { writable: true });
    for (const [index, text] of Object.entries(grains))
      image.writeGrain(Number(index), Buffer.alloc(GRAIN_BYTES, text));
    image.close();
  };
  const content = (path: string) => {
    const found: Record<number, string> = {};
    const image = DiskImage.open(path);
    image.eachGrain((index, data) => (found[index] = String.fromCharCode(data[0]!)));
    image.close();
    return found;
  };

  it.each([0, 1, 2, 3, 4, 6] as const)('keeps what is written to a disk of type %d', (type) => {
    const disk = make('d.vmdk', type);
    write(disk, { 0: 'a', 5: 'b', 1023: 'c' });
    write(disk, { 5: 'B' });
    expect(content(disk)).toEqual({ 0: 'a', 5: 'B', 1023: 'c' });
  });

  it('merges a child into its parent', () => {
    const base = make('base.vmdk');
    write(base, { 0: 'a', 1: 'b' });
    const child = join(folder, 'base-000001.vmdk');
    createChild(base, child, paths);
    write(child, { 1: 'B', 9: 'c' });
    expect(chainOf(child, paths)).toEqual([child, base]);
    const { contentId } = readDescriptor(child);
    mergeIntoParent(child, base);
    expect(content(base)).toEqual({ 0: 'a', 1: 'B', 9: 'c' });
    expect(readDescriptor(base).contentId).toBe(contentId);
    expect(() => chainOf(child, paths)).toThrow('has been modified');
  });

  it.each([undefined, findQemuImg()])('flattens a chain with %s', (qemuImg) => {
    const base = make('base.vmdk', 1);
    write(base, { 0: 'a', 1: 'b' });
    const child = join(folder, 'base-000001.vmdk');
    createChild(base, child, paths);
    write(child, { 1: 'B' });
    for (const type of [0, 2] as const) {
      const target = join(folder, `flat${type}.vmdk`);
      copyDisk(child, target, type, paths, qemuImg);
      expect(content(target)).toEqual({ 0: 'a', 1: 'B' });
      expect(readDescriptor(target).parentHint).toBeUndefined();
    }
  });

  it('reads a compressed stream where QEMU can make one', () => {
    const qemuImg = findQemuImg();
    const base = make('base.vmdk');
    write(base, { 0: 'a', 700: 'z' });
    const stream = join(folder, 'stream.vmdk');
    if (qemuImg === undefined) {
      expect(() => copyDisk(base, stream, 5, paths, undefined)).toThrow('not supported');
      return;
    }
    copyDisk(base, stream, 5, paths, qemuImg);
    expect(content(stream)).toEqual({ 0: 'a', 700: 'z' });
  });
});
