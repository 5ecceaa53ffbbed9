import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { requireSuccess, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { waiting } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { UploadedFile } from './uploads.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });
const mib = 2 ** 20;

const make = async (client: Client, body: { name: string; upload: string; sha256: string }) =>
  requireSuccess(
    (
      await client.POST('/api/v1/hosts/{hostId}/images', {
        body,
        params: { path: { hostId: host }, header: waiting },
      })
    ).data,
  );
const found = async (client: Client, name: string) =>
  (await client.GET('/api/v1/hosts/{hostId}/images', { params: { path: { hostId: host } } })).data.items.filter(
    (image) => image.name === name,
  );
const remove = (client: Client, image: string) =>
  client.DELETE('/api/v1/hosts/{hostId}/images/{image}', {
    params: { path: { hostId: host, image }, header: waiting },
  });

/** The most memory that a process has had since the last call, in MiB. */
function peakMiB(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1];
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return Number(kib) / 1_024;
}

story('makes an image of an upload of 256 MiB, and needs no more memory for it', async (stack) => {
  const { admin } = stack;
  const services = ['gateway', `agent-${host}`].map((name) => stack.service(name).pid!);
  for (const pid of services) peakMiB(pid);
  const before = services.map(peakMiB);
  const file = await UploadedFile.send(admin, Buffer.alloc(256 * mib, randomBytes(mib)));
  await make(admin, { name: 'large', upload: file.id, sha256: file.sha256 });
  const growth = services.map((pid, index) => peakMiB(pid) - before[index]!);
  process.stderr.write(`  256 MiB uploaded: gateway and agent took ${growth.map(Math.round).join(' and ')} MiB more\n`);
  expect(Math.max(...growth)).toBeLessThan(128);
  expect(await found(admin, 'large')).toMatchObject([{ kind: 'disk', format: 'raw', sizeGiB: 0.25 }]);
  await eventually(async () => expect(await file.livesMs()).toBeLessThan(601_000));
  requireSuccess((await remove(admin, 'large')).data);
  expect(await found(admin, 'large')).toEqual([]);
});

story('continues an upload when the gateway was killed in its middle', async (stack) => {
  const { admin } = stack;
  const file = await UploadedFile.begin(admin, randomBytes(3 * mib));
  await file.sendUpTo(mib);
  await stack.kill('gateway');
  await stack.launch('gateway');
  await stack.ready();
  expect(await file.offset()).toBe(mib);
  await file.sendUpTo(3 * mib);
  await make(admin, { name: 'continued', upload: file.id, sha256: file.sha256 });
  expect(await found(admin, 'continued')).toHaveLength(1);
  requireSuccess((await remove(admin, 'continued')).data);
});

story('says which machine needs an image that is to go', async ({ admin }) => {
  const { data } = await admin.POST('/api/v1/vms', {
    body: { host, name: 'reader', cdrom: 'tiny-iso' },
    params: { header: waiting },
  });
  const { vmId } = requireSuccess(data);
  const plan = admin.DELETE('/api/v1/hosts/{hostId}/images/{image}', {
    params: { path: { hostId: host, image: 'tiny-iso' }, query: { dryRun: 'true' } },
  });
  await expect(plan).rejects.toMatchObject({ code: 'image-in-use', message: expect.stringContaining('reader') });
  await expect(remove(admin, 'tiny-iso')).rejects.toMatchObject({ code: 'image-in-use', status: 409 });
  requireSuccess(
    (await admin.DELETE('/api/v1/vms/{vmId}', { params: { path: { vmId: vmId! }, header: waiting } })).data,
  );
  requireSuccess((await remove(admin, 'tiny-iso')).data);
});
