import { expect } from '@jest/globals';
import type { Client, components, Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { lackOf, type Capabilities, type FeatureRef } from '@polyvirt/contracts';
import { createVm, deleteVm, patienceMs, power, readVm, endedWell, vmWhen, waiting, type Vm } from './requests.ts';
import { uploadFile } from './uploads.ts';

type NewDisk = components['schemas']['AddDiskInput'];

/** A host, and what somebody has at home who is to work there. */
export interface Workplace {
  readonly client: Client;
  readonly host: string;
  /** Names of what is made begin with it. */
  readonly prefix: string;
  /** An ISO image to boot from. */
  readonly iso: string;
  /** The disk of a machine. */
  readonly image: string;
  /** Resolves when the guest of a machine is up; absent where nobody can reach one. */
  sitAt?(vm: Vm): Promise<Guest>;
}

/** Somebody who uses a machine. Disks are named as the API names them. */
export interface Guest {
  write(device: string, words: string): Promise<void>;
  read(device: string): Promise<string>;
}

/** For a guest that boots without hardware virtualisation beside much other work. */
export const longMs = 600_000;
const written = 'written by the first';
const ofVm = (vmId: string) => ({ path: { vmId }, header: waiting });
const nothingWaits = ({ pendingChanges = [] }: Vm) => pendingChanges.length === 0;

/** Makes the two images of the host. */
export async function bringImages({ client, host, prefix, iso, image }: Workplace): Promise<void> {
  const bring = async (name: string, path: string) => {
    const body = { name: `${prefix}${name}`, ...(await uploadFile(client, path)) };
    const params = { path: { hostId: host }, header: waiting };
    await endedWell(client, (await client.POST('/api/v1/hosts/{hostId}/images', { body, params })).data);
  };
  await bring('boot', iso);
  await bring('small', image);
}

/**
 * What somebody does with two machines, live where the product can: what the one writes to a disk, the other reads. Leaves nothing
 * of it, and neither the images that were brought.
 */
export async function workWithTwoMachines(place: Workplace): Promise<void> {
  const { client, host, prefix } = place;
  const { data } = await client.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId: host } } });
  const can = (feature: FeatureRef) => lackOf(data.capabilities as Capabilities, feature) === undefined;
  /** Carries a change of a machine that is on out; what is not done live comes with a power cycle. */
  const change = async (vmId: string, feature: FeatureRef, asked: Promise<{ data: Operation }>): Promise<Vm> => {
    const { result } = await endedWell(client, (await asked).data, longMs);
    // A slow guest lets go of a device when nobody waits for it any more.
    if (can(feature)) return vmWhen(client, vmId, nothingWaits, longMs);
    expect([feature, result?.pendingChanges ?? []]).not.toEqual([feature, []]);
    await power(client, vmId, 'stop', { force: true });
    await power(client, vmId, 'start');
    return vmWhen(client, vmId, nothingWaits);
  };
  const add = (vmId: string, body: NewDisk) =>
    change(vmId, 'reconfigure.addDisksLive', client.POST('/api/v1/vms/{vmId}/disks', { body, params: ofVm(vmId) }));

  const empty = { host, name: `${prefix}empty`, firmware: 'uefi' as const, memoryMiB: 256, cdrom: `${prefix}boot` };
  const first = await createVm(client, { ...empty, start: true });
  expect(first).toMatchObject({ state: 'running', firmware: 'uefi', disks: [], cdrom: `${prefix}boot` });
  const writer = await place.sitAt?.(first);
  const [disk, ...others] = (await add(first.id, { sizeGiB: 1 })).disks;
  expect([disk, others]).toMatchObject([{ sizeGiB: 1 }, []]);
  await writer?.write(disk!.device, written);
  const eject = client.PUT('/api/v1/vms/{vmId}/cdrom', { body: { image: null }, params: ofVm(first.id) });
  expect((await change(first.id, 'reconfigure.cdromLive', eject)).cdrom).toBeNull();

  const snapshot = await takeSnapshot(client, first.id, 'written');
  const copied = { host, name: `${prefix}copied`, memoryMiB: 128, disks: [{ image: `${prefix}small` }] };
  const second = await createVm(client, { ...copied, start: true });
  const reader = await place.sitAt?.(second);
  const ofSnapshot = { ...ofVm(first.id), path: { vmId: first.id, snapshot } };
  const forget = client.DELETE('/api/v1/vms/{vmId}/snapshots/{snapshot}', { params: ofSnapshot });
  await endedWell(client, (await forget).data, longMs);

  const { path } = (await readVm(client, first.id)).disks[0]!;
  const detach = (keep: boolean) => {
    const params = { ...ofVm(first.id), path: { vmId: first.id, device: disk!.device } };
    const query = { keep: String(keep) as 'true' | 'false' };
    return client.DELETE('/api/v1/vms/{vmId}/disks/{device}', { params: { ...params, query } });
  };
  const keeps = can('reconfigure.keepDisks');
  if (!keeps) await expect(detach(true)).rejects.toMatchObject({ code: 'capability-missing' });
  expect((await change(first.id, 'reconfigure.removeDisksLive', detach(keeps))).disks).toEqual([]);
  if (keeps) {
    const { disks } = await add(second.id, { volume: await volumeAt(place, path!) });
    expect(disks).toMatchObject([{}, { sizeGiB: 1, path }]);
    expect((await reader?.read(disks[1]!.device)) ?? written).toBe(written);
  }

  for (const { id } of [first, second]) {
    await power(client, id, 'stop', { force: true });
    await deleteVm(client, id);
  }
  for (const name of ['boot', 'small']) {
    const params = { path: { hostId: host, image: `${prefix}${name}` }, header: waiting };
    await endedWell(client, (await client.DELETE('/api/v1/hosts/{hostId}/images/{image}', { params })).data);
  }
}

async function takeSnapshot(client: Client, vmId: string, name: string): Promise<string> {
  const { data } = await client.POST('/api/v1/vms/{vmId}/snapshots', { body: { name }, params: ofVm(vmId) });
  const { result } = await endedWell(client, data, longMs);
  expect((await readVm(client, vmId)).snapshotCount).toBe(1);
  return result!.snapshot!;
}

/** The host looks at its volumes now and then. */
async function volumeAt({ client, host }: Workplace, path: string): Promise<string> {
  return eventually(async () => {
    const { data } = await client.GET('/api/v1/hosts/{hostId}/volumes', { params: { path: { hostId: host } } });
    const found = data.items.find((volume) => volume.path === path);
    if (!found) throw new Error(`${path} is not among ${JSON.stringify(data.items)}`);
    return found.id;
  }, patienceMs);
}
