import { expect } from '@jest/globals';
import { ApiProblem, requireSuccess, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { createVm, deleteVm, power, readVm, waiting } from './requests.ts';
import { storiesOn } from './stack/story.ts';

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });

const ofVm = (vmId: string) => ({ path: { vmId }, header: waiting });
const volumesOf = async (client: Client) =>
  (await client.GET('/api/v1/hosts/{hostId}/volumes', { params: { path: { hostId: host } } })).data.items;

story('moves a disk from one machine to another, and deletes what nobody needs', async ({ admin }) => {
  const { id: from } = await createVm(admin, { host, name: 'from', disks: [{ sizeGiB: 1 }], start: true });
  const { id: to } = await createVm(admin, { host, name: 'to' });
  const add = (vmId: string, body: { sizeGiB: number } | { volume: string }) =>
    admin.POST('/api/v1/vms/{vmId}/disks', { body, params: ofVm(vmId) });
  requireSuccess((await add(from, { sizeGiB: 2 })).data);
  const [, added] = (await readVm(admin, from)).disks;
  expect(added).toMatchObject({ sizeGiB: 2 });
  const ofDisk = { ...ofVm(from), path: { vmId: from, device: added!.device } };
  requireSuccess(
    (await admin.PATCH('/api/v1/vms/{vmId}/disks/{device}', { body: { sizeGiB: 3 }, params: ofDisk })).data,
  );

  const detached = (await admin.DELETE('/api/v1/vms/{vmId}/disks/{device}', { params: ofDisk })).data;
  expect(requireSuccess(detached).result?.notes?.join(' ')).toContain(added!.path);
  const [volume] = await eventually(async () => {
    const found = await volumesOf(admin);
    expect(found).toMatchObject([{ sizeGiB: 3, path: added!.path }]);
    return found;
  });
  requireSuccess((await add(to, { volume: volume!.id })).data);
  expect((await readVm(admin, to)).disks).toMatchObject([{ sizeGiB: 3, path: added!.path }]);
  await expect(add(from, { volume: volume!.id })).rejects.toMatchObject({ code: 'volume-in-use', status: 409 });

  const keep = { params: { path: { vmId: to }, query: { disks: 'keep' as const }, header: waiting } };
  requireSuccess((await admin.DELETE('/api/v1/vms/{vmId}', keep)).data);
  await eventually(async () => expect(await volumesOf(admin)).toHaveLength(1));
  const path = { hostId: host, volume: volume!.id };
  const plan = (await admin.DELETE('/api/v1/hosts/{hostId}/volumes/{volume}', {
    params: { path, query: { dryRun: 'true' } },
  })) as { data: unknown };
  expect(plan.data).toMatchObject({ disruption: 'data-loss', partial: false });
  requireSuccess(
    (await admin.DELETE('/api/v1/hosts/{hostId}/volumes/{volume}', { params: { path, header: waiting } })).data,
  );
  await eventually(async () => expect(await volumesOf(admin)).toEqual([]));
  const again = admin.DELETE('/api/v1/hosts/{hostId}/volumes/{volume}', { params: { path } });
  await expect(again).rejects.toMatchObject({ code: 'volume-not-found', status: 404 });
  await power(admin, from, 'stop', { force: true });
  await deleteVm(admin, from);
});

story('changes CD-ROM, boot order and interfaces in their place', async ({ admin }) => {
  const { id: vmId } = await createVm(admin, { host, name: 'parts', start: true });
  const params = ofVm(vmId);
  const cdrom = async (image: string | null) =>
    requireSuccess((await admin.PUT('/api/v1/vms/{vmId}/cdrom', { body: { image }, params })).data);
  await cdrom('tiny-iso');
  expect((await readVm(admin, vmId)).cdrom).toBe('tiny-iso');
  await cdrom(null);
  expect((await readVm(admin, vmId)).cdrom).toBeNull();

  const bootOrder = ['cdrom' as const, 'disk' as const];
  const { result } = requireSuccess((await admin.PATCH('/api/v1/vms/{vmId}', { body: { bootOrder }, params })).data);
  expect(result?.pendingChanges).toMatchObject([{ pointer: '/bootOrder', to: bootOrder }]);

  requireSuccess((await admin.POST('/api/v1/vms/{vmId}/nics', { body: { network: 'default' }, params })).data);
  const { mac } = (await readVm(admin, vmId)).nics[0]!;
  const ofNic = { ...params, path: { vmId, mac: mac! } };
  const change = async (body: { connected?: boolean; network?: string }) =>
    requireSuccess((await admin.PATCH('/api/v1/vms/{vmId}/nics/{mac}', { body, params: ofNic })).data);
  await change({ connected: false, network: 'isolated' });
  expect((await readVm(admin, vmId)).nics).toMatchObject([{ mac, network: 'isolated', connected: false }]);
  requireSuccess((await admin.DELETE('/api/v1/vms/{vmId}/nics/{mac}', { params: ofNic })).data);
  expect((await readVm(admin, vmId)).nics).toEqual([]);
  await expect(change({ connected: true })).rejects.toThrow(ApiProblem);
  await power(admin, vmId, 'stop', { force: true });
  expect((await readVm(admin, vmId)).bootOrder).toEqual(bootOrder);
  await deleteVm(admin, vmId);
});
