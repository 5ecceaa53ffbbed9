import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { moduleFiles } from './modules.ts';

describe('moduleFiles', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-modules-'));
    await writeFile(
      join(folder, 'modules.dep'),
      [
        'kernel/virtio.ko.xz: kernel/ring.ko.xz',
        'kernel/ring.ko.xz:',
        'kernel/virtio-net.ko.xz: kernel/failover.ko.xz kernel/virtio.ko.xz',
        'kernel/failover.ko.xz:',
        'kernel/other.ko.xz:',
        '',
      ].join('\n'),
    );
    await writeFile(join(folder, 'modules.builtin'), 'kernel/block/nvme-core.ko\n');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('brings along what a module needs, and what that needs', async () => {
    expect(await moduleFiles(folder, ['virtio_net'])).toEqual([
      'kernel/failover.ko.xz',
      'kernel/ring.ko.xz',
      'kernel/virtio-net.ko.xz',
      'kernel/virtio.ko.xz',
    ]);
  });

  it('takes what is built into the kernel for granted', async () => {
    expect(await moduleFiles(folder, ['nvme_core'])).toEqual([]);
  });

  it('rejects a module that the kernel does not have', async () => {
    await expect(moduleFiles(folder, ['nonsense'])).rejects.toThrow('no module nonsense');
  });
});
