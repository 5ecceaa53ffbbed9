import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
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

story('makes an image of an upload, and keeps that for ten minutes more', async ({ admin }) => {
  const file = await UploadedFile.send(admin, randomBytes(mib));
  await make(admin, { name: 'uploaded', upload: file.id, sha256: file.sha256 });
  expect(await found(admin, 'uploaded')).toMatchObject([{ kind: 'disk', format: 'raw' }]);
  await eventually(async () => expect(await file.livesMs()).toBeLessThan(601_000));
  requireSuccess((await remove(admin, 'uploaded')).data);
  expect(await found(admin, 'uploaded')).toEqual([]);
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
