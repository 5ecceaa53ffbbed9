import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { requireSuccess, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { run } from '@polyvirt/tools';
import { GuestTerminal } from './guest-terminal.ts';
import { createVm, deleteVm, editVm, patienceMs, power, readVm, vmWhen } from './requests.ts';
import { virsh } from './stack/kvm-belongings.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'kvm-a';
const story = storiesOn({ agents: [{ kind: 'kvm', id: host }] });

const tinyLinux = {
  host,
  memoryMiB: 160,
  disks: [{ image: 'tiny-linux' }],
  nics: [{ network: 'default' }],
};
const nastyName = (prefix: string) => `${prefix}it's "q" $(touch no) & é ñ 🚀 %s`;

/** Has the host look at the VM now: libvirt tells nobody of a snapshot. */
const look = async (client: Client, vmId: string) =>
  (await client.GET('/api/v1/vms/{vmId}', { params: { path: { vmId }, query: { fresh: 'true' } } })).data;

/** What the console says first. */
async function greeting({ admin }: Stack, vmId: string): Promise<string> {
  const { data } = await admin.POST('/api/v1/vms/{vmId}/console', { params: { path: { vmId } } });
  expect(data.protocol).toBe('rfb');
  const socket = new WebSocket(new URL(data.url, admin.url.replace('http', 'ws')));
  socket.binaryType = 'arraybuffer';
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.addEventListener('message', ({ data }) => resolve(Buffer.from(data as ArrayBuffer).toString('latin1')));
      socket.addEventListener('close', ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`)));
    });
  } finally {
    socket.close();
  }
}

story('carries one real machine from a REST call to its archive and its end', async (stack) => {
  const { admin, prefix } = stack;
  const log = await stack.listen({ types: ['vm.*'], hosts: [host] });
  const name = `${prefix}web-1`;
  const { data: made, response } = await admin.POST('/api/v1/vms', {
    body: { ...tinyLinux, name, start: true, labels: { env: 'test' } },
    params: { header: { Prefer: 'wait=60' } },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('location')).toBe(`/api/v1/operations/${made.id}`);
  expect(requireSuccess(made).steps.map(({ status }) => status)).toEqual(made.steps.map(() => 'succeeded'));
  const vmId = made.vmId!;
  expect(await readVm(admin, vmId)).toMatchObject({ name, state: 'running', labels: { env: 'test' } });
  expect((await virsh('list', '--name')).split('\n')).toContain(name);

  const running = await vmWhen(admin, vmId, ({ nics }) => nics[0]!.addresses.length > 0);
  expect(running.nics[0]!.addresses[0]).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  await log.ofVm(vmId, 'vm.updated');
  const params = { path: { vmId } };
  // The guest has an address before its agent answers, and the host may be too busy to answer a question within its two seconds.
  await eventually(async () => {
    const { data: guest } = await admin.GET('/api/v1/vms/{vmId}/guest', { params });
    const { addresses } = running.nics[0]!;
    expect(guest).toEqual({ agent: true, addresses, hostname: 'tiny-linux', os: 'tiny-linux (Polyvirt)' });
  }, patienceMs);
  const definition = await eventually(
    async () => (await admin.GET('/api/v1/vms/{vmId}/definition', { params })).data,
    patienceMs,
  );
  expect(definition).toMatchObject({ format: 'libvirt-xml', files: [running.disks[0]!.path] });
  expect(definition.text).toContain(`<name>${name}</name>`);
  expect(await greeting(stack, vmId)).toBe('RFB 003.008\n');
  const terminal = await GuestTerminal.open(admin, vmId);
  expect(await terminal.run('hostname')).toBe('tiny-linux');
  const other = await GuestTerminal.open(admin, vmId);
  expect(await terminal.closed).toBe('admin has taken this console over.');
  expect(await other.run('uname')).toBe('Linux');
  await other.leave();

  const metrics = async () => (await admin.GET('/api/v1/vms/{vmId}/metrics', { params: { path: { vmId } } })).data;
  // A sweep never waits for a machine that is busy with a call, here with the console's: that reading has no disks' counts.
  const first = await eventually(async () => {
    const reading = await metrics();
    expect(reading.disks[0]!.readBytes).toBeGreaterThan(0);
    return reading;
  }, patienceMs);
  expect(first.memoryTotalMiB).toBeGreaterThan(0);
  await eventually(async () => {
    const next = await metrics();
    expect(Date.parse(next.observedAt)).toBeGreaterThan(Date.parse(first.observedAt));
    expect(next.cpuPercent).toBeGreaterThan(0);
  }, patienceMs);

  const { data: archive } = await admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } });
  expect(archive.folder).toMatch(/^\d{4}-\d\d-\d\d_/);
  const script = join(archive.path, 'snapshot_script.sh');
  for (const file of ['backup_script.sh', 'snapshot_script.sh']) {
    await access(join(archive.path, file), constants.X_OK);
    await run('sh', ['-n', join(archive.path, file)]);
  }
  const metadata = JSON.parse(await readFile(join(archive.path, 'metadata.json'), 'utf8')) as object;
  expect(JSON.stringify(metadata)).toContain(vmId);
  await power(admin, vmId, 'stop');
  expect((await virsh('domstate', name)).trim()).toBe('shut off');
  await run(script, [], { timeoutMs: patienceMs });
  expect(await look(admin, vmId)).toMatchObject({ snapshotCount: 1, state: 'stopped' });
  await log.ofVm(vmId, 'vm.snapshot-created');

  const { data: snapshots } = await admin.GET('/api/v1/vms/{vmId}/snapshots', { params: { path: { vmId } } });
  const snapshot = snapshots.items[0]!.id;
  const path = { vmId, snapshot };
  const header = { Prefer: 'wait=60' };
  requireSuccess(
    (await admin.POST('/api/v1/vms/{vmId}/snapshots/{snapshot}/revert', { body: {}, params: { path, header } })).data,
  );
  requireSuccess((await admin.DELETE('/api/v1/vms/{vmId}/snapshots/{snapshot}', { params: { path, header } })).data);

  await deleteVm(admin, vmId);
  await expect(readVm(admin, vmId)).rejects.toMatchObject({ code: 'vm-not-found' });
  await log.ofVm(vmId, 'vm.deleted');
  expect(log.typesOf(vmId).filter((type) => type !== 'vm.updated')).toEqual([
    'vm.created',
    'vm.started',
    'vm.stopped',
    'vm.snapshot-created',
    'vm.snapshot-reverted',
    'vm.snapshot-deleted',
    'vm.deleted',
  ]);
  expect(await stack.kvm.machines()).toEqual([]);
  expect(await stack.kvm.volumes()).toEqual([]);
  await eventually(async () => {
    const { data } = await admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } });
    expect(data.deletedAt).toBeDefined();
    expect(data.history.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['vm.created', 'vm.started', 'vm.stopped', 'vm.snapshot-created', 'vm.deleted']),
    );
  });
  await access(script, constants.X_OK);
});

story('changes, copies and removes a machine whose name a shell would stumble over', async (stack) => {
  const { admin, prefix } = stack;
  const name = nastyName(prefix);
  const blank = { host, memoryMiB: 32, disks: [{ sizeGiB: 1 }] };
  const { id: vmId } = await createVm(admin, { ...blank, name: `${prefix}plain` });
  await editVm(admin, vmId, { name, cpus: 2, memoryMiB: 48, notes: 'n' });
  const ofDisk = { path: { vmId, device: 'vda' }, header: { Prefer: 'wait=60' } };
  requireSuccess(
    (await admin.PATCH('/api/v1/vms/{vmId}/disks/{device}', { body: { sizeGiB: 2 }, params: ofDisk })).data,
  );
  expect(await readVm(admin, vmId)).toMatchObject({ name, cpus: 2, memoryMiB: 48, disks: [{ sizeGiB: 2 }] });
  expect((await virsh('list', '--all', '--name')).split('\n')).toContain(name);
  await power(admin, vmId, 'start');
  expect((await virsh('domstate', name)).trim()).toBe('running');

  const params = { path: { vmId }, header: { Prefer: 'wait=60' } };
  const snapshot = { name: `before "$(id)" 'é'`, description: '`reboot`' };
  const { data: taken } = await admin.POST('/api/v1/vms/{vmId}/snapshots', { body: snapshot, params });
  requireSuccess(taken);
  const { data: list } = await admin.GET('/api/v1/vms/{vmId}/snapshots', { params: { path: { vmId } } });
  expect(list.items).toMatchObject([{ name: snapshot.name, memory: true, state: 'running', current: true }]);
  await power(admin, vmId, 'stop', { force: true });
  requireSuccess(
    (
      await admin.DELETE('/api/v1/vms/{vmId}/snapshots/{snapshot}', {
        params: { path: { vmId, snapshot: taken.result!.snapshot! }, header: params.header },
      })
    ).data,
  );

  const cloneNames = [`${name} full`, `${name} linked`];
  const clone = async (body: { name: string; linked: boolean }) =>
    requireSuccess((await admin.POST('/api/v1/vms/{vmId}/clone', { body, params })).data).result!.vmId!;
  const full = await clone({ name: cloneNames[0]!, linked: false });
  const linked = await clone({ name: cloneNames[1]!, linked: true });
  expect(await stack.kvm.machines()).toEqual([name, ...cloneNames].sort());
  const { data: archive } = await admin.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } });
  expect(archive.name).toBe(name);
  await access(join(archive.path, 'backup_script.sh'), constants.X_OK);
  await run(join(archive.path, 'snapshot_script.sh'), [], { timeoutMs: patienceMs });
  expect(await look(admin, vmId)).toMatchObject({ snapshotCount: 1 });
  for (const folder of ['.', archive.path]) await expect(access(join(folder, 'no'))).rejects.toThrow('ENOENT');

  await deleteVm(admin, full);
  // The linked clone stands on the disk of its source, which therefore stays.
  const deleted = await deleteVm(admin, vmId);
  expect(deleted.result?.notes?.join()).toContain('in use by');
  await power(admin, linked, 'start');
  await power(admin, linked, 'stop', { force: true });
  await deleteVm(admin, linked);
  expect(await stack.kvm.machines()).toEqual([]);
  expect(await stack.kvm.volumes()).toEqual([]);
});
