import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { requireSuccess, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { bootableIso } from './bootable-iso.ts';
import { GuestTerminal } from './guest-terminal.ts';
import { createVm, deleteVm, patienceMs, power, readVm, waiting } from './requests.ts';
import { storiesOn } from './stack/story.ts';
import { UploadedFile } from './uploads.ts';

const host = 'kvm-a';
const story = storiesOn({ agents: [{ kind: 'kvm', id: host }] });
const withinMs = 600_000;

const ofVm = (vmId: string) => ({ path: { vmId }, header: waiting });

/** Makes an image of the host from a file of somebody who has it at home. */
async function upload(client: Client, name: string, path: string): Promise<void> {
  const file = await UploadedFile.send(client, await readFile(path));
  const params = { path: { hostId: host }, header: waiting };
  const body = { name, upload: file.id, sha256: file.sha256 };
  requireSuccess((await client.POST('/api/v1/hosts/{hostId}/images', { body, params })).data);
}

story(
  'works with two machines as a person does: what one writes to its disk, the other reads',
  async (stack) => {
    const { admin, folder } = stack;
    const tinyLinux = join(folder, 'images', 'tiny-linux.qcow2');
    await Promise.all([
      bootableIso(tinyLinux, join(folder, 'iso')).then((iso) => upload(admin, 'boot', iso)),
      upload(admin, 'small', tinyLinux),
    ]);

    const empty = { host, name: `${stack.prefix}empty`, firmware: 'uefi' as const, memoryMiB: 256 };
    const { id: first } = await createVm(admin, { ...empty, cdrom: 'boot', start: true });
    const terminal = await GuestTerminal.open(admin, first);
    expect(await terminal.run('uname')).toBe('Linux');
    // Its firmware has found nothing else to boot from.
    expect(await terminal.run('ls -d /sys/firmware/efi')).toBe('/sys/firmware/efi');
    expect(await terminal.run('ls /sys/block | grep -c ^vd || true')).toBe('0');

    const add = (vmId: string, body: { sizeGiB: number } | { volume: string }) =>
      admin.POST('/api/v1/vms/{vmId}/disks', { body, params: ofVm(vmId) });
    const added = requireSuccess((await add(first, { sizeGiB: 1 })).data);
    expect(added.result?.pendingChanges ?? []).toEqual([]);
    await terminal.run('until [ -b /dev/vda ]; do sleep 1; done');
    await terminal.run('echo written by the first | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null');
    const body = { image: null };
    requireSuccess((await admin.PUT('/api/v1/vms/{vmId}/cdrom', { body, params: ofVm(first) })).data);
    expect((await readVm(admin, first)).cdrom).toBeNull();

    const copied = { host, name: `${stack.prefix}copied`, memoryMiB: 128, disks: [{ image: 'small' }], start: true };
    const { id: second } = await createVm(admin, copied);
    const other = await GuestTerminal.open(admin, second);
    expect(await other.run('hostname')).toBe('tiny-linux');
    const snapshot = { name: 'before the disk' };
    requireSuccess((await admin.POST('/api/v1/vms/{vmId}/snapshots', { body: snapshot, params: ofVm(second) })).data);

    const [disk] = (await readVm(admin, first)).disks;
    const ofDisk = { ...ofVm(first), path: { vmId: first, device: disk!.device } };
    requireSuccess((await admin.DELETE('/api/v1/vms/{vmId}/disks/{device}', { params: ofDisk })).data);
    const [volume] = await eventually(async () => {
      const { data } = await admin.GET('/api/v1/hosts/{hostId}/volumes', { params: { path: { hostId: host } } });
      expect(data.items).toMatchObject([{ path: disk!.path }]);
      return data.items;
    }, patienceMs);
    requireSuccess((await add(second, { volume: volume!.id })).data);
    await other.run('until [ -b /dev/vdb ]; do sleep 1; done');
    expect(await other.run('head -n 1 /dev/vdb')).toBe('written by the first');

    for (const vmId of [first, second]) {
      await power(admin, vmId, 'stop', { force: true });
      await deleteVm(admin, vmId);
    }
    expect(await stack.kvm.machines()).toEqual([]);
    expect(await stack.kvm.volumes()).toEqual([]);
  },
  withinMs,
);
