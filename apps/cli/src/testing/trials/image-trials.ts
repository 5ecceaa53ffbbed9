import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect } from '@jest/globals';
import type { Trial, Trials } from './trial.ts';

/** Nothing but what makes it an ISO image, by ECMA-119. */
const content = Buffer.alloc(0x8800);
content.write('\x01CD001\x01', 0x8000, 'latin1');
const sha256 = createHash('sha256').update(content).digest('hex');

/** Has a server of this machine offer an ISO image meanwhile. */
async function whileServed(work: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) => response.end(content)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/rescue.iso`);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

const images = async ({ cli }: Trial) =>
  (await cli.admin.GET('/api/v1/hosts/{hostId}/images', { params: { path: { hostId: 'fake-a' } } })).data.items;

export const imageTrials: Trials = {
  'image add': (trial) =>
    whileServed(async (url) => {
      const add = ['image', 'add', 'fake-a', trial.name, '--url', url];
      expect(await trial.done([...add, '--sha256', sha256])).toContain('succeeded');
      expect(await images(trial)).toContainEqual(expect.objectContaining({ name: trial.name, kind: 'iso' }));
      const folder = await mkdtemp(join(tmpdir(), 'polyvirt-image-'));
      try {
        await writeFile(join(folder, 'rescue.iso'), content);
        const upload = ['image', 'add', 'fake-a', `${trial.name}-2`, '--file', join(folder, 'rescue.iso')];
        expect(await trial.done(upload)).toContain('succeeded');
      } finally {
        await rm(folder, { recursive: true });
      }
    }),
  'image delete': (trial) =>
    whileServed(async (url) => {
      await trial.cli.admin.POST('/api/v1/hosts/{hostId}/images', {
        body: { name: trial.name, url },
        params: { path: { hostId: 'fake-a' }, header: { Prefer: 'wait=60' } },
      });
      expect(await trial.done(['image', 'delete', 'fake-a', trial.name, '--kind', 'iso'])).toContain('succeeded');
      expect((await images(trial)).map(({ name }) => name)).not.toContain(trial.name);
    }),
};
