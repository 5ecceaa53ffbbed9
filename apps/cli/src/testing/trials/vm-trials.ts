import { expect } from '@jest/globals';
import type { Vm } from '../installation.ts';
import { eventually, type Trial, type Trials } from './trial.ts';

const running = ({ cli, name }: Trial) => cli.vm({ name, start: true });

/** A command that brings a running VM into a state. */
const power =
  (verb: string, state: Vm['state'], ...options: string[]) =>
  async (trial: Trial) => {
    const { id } = await running(trial);
    expect(await trial.done(['vm', verb, trial.name, ...options])).toContain(`vm.${verb} ${id} succeeded`);
    expect(await trial.cli.read(id)).toMatchObject({ state });
  };

async function snapshotted(trial: Trial): Promise<Vm> {
  const vm = await trial.cli.vm({ name: trial.name, disks: [{ sizeGiB: 1 }] });
  const params = { path: { vmId: vm.id }, header: { Prefer: 'wait=60' } };
  await trial.cli.admin.POST('/api/v1/vms/{vmId}/snapshots', { params, body: { name: 'before' } });
  return vm;
}
const snapshots = async ({ cli }: Trial, vmId: string) =>
  (await cli.admin.GET('/api/v1/vms/{vmId}/snapshots', { params: { path: { vmId } } })).data.items;

/** A disk that no VM has any more, and the id of its volume. */
async function volume(trial: Trial): Promise<string> {
  const { id, disks } = await trial.cli.vm({ name: trial.name, disks: [{ sizeGiB: 1 }, { sizeGiB: 2 }] });
  const params = { path: { vmId: id, device: disks[1]!.device }, header: { Prefer: 'wait=60' } };
  await trial.cli.admin.DELETE('/api/v1/vms/{vmId}/disks/{device}', { params });
  let found: string | undefined;
  await eventually(async () => {
    found = (await volumes(trial)).find(({ path }) => path === disks[1]!.path)?.id;
    expect(found).toBeDefined();
  });
  return found!;
}
const volumes = async ({ cli }: Trial) =>
  (await cli.admin.GET('/api/v1/hosts/{hostId}/volumes', { params: { path: { hostId: 'fake-a' } } })).data.items;

export const vmTrials: Trials = {
  'vm list': async (trial) => {
    await running(trial);
    const text = await trial.done(['vm', 'list', '--filter', `name=${trial.name}`]);
    expect(text).toMatch(new RegExp(`^NAME +STATE +HOST .*\\n${trial.name} +running +fake-a `));
  },
  'vm get': async (trial) => {
    const { id } = await running(trial);
    expect(await trial.done(['vm', 'get', `fake-a/${trial.name}`, '--fresh'])).toContain(`id: ${id}`);
  },
  'vm create': async (trial) => {
    const sizes = ['--host', 'fake-b', '--cpus', '2', '--memory', '512M', '--disk', '1G', '--labels', 'env=test'];
    const text = await trial.done(['vm', 'create', trial.name, ...sizes, '--start']);
    const id = /vm\.create (\S+) succeeded/.exec(text)![1]!;
    expect(await trial.cli.read(id)).toMatchObject({
      ...{ name: trial.name, host: 'fake-b', cpus: 2, memoryMiB: 512, state: 'running', labels: { env: 'test' } },
      disks: [{ sizeGiB: 1 }],
    });
  },
  'vm start': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name });
    expect(await trial.done(['vm', 'start', trial.name])).toContain(`vm.start ${id} succeeded`);
    expect(await trial.cli.read(id)).toMatchObject({ state: 'running' });
  },
  'vm stop': power('stop', 'stopped', '--force'),
  'vm restart': power('restart', 'running', '--force'),
  'vm reset': power('reset', 'running'),
  'vm suspend': power('suspend', 'suspended'),
  'vm pause': power('pause', 'paused'),
  'vm resume': async (trial) => {
    const { id } = await running(trial);
    await trial.cli.admin.POST('/api/v1/vms/{vmId}/pause', {
      body: {},
      params: { path: { vmId: id }, header: { Prefer: 'wait=60' } },
    });
    await trial.done(['vm', 'resume', trial.name]);
    expect(await trial.cli.read(id)).toMatchObject({ state: 'running' });
  },
  'vm set': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name });
    await trial.done(['vm', 'set', trial.name, '--cpus', '4', '--memory', '2G', '--notes', 'a note', '--protect']);
    expect(await trial.cli.read(id)).toMatchObject({ cpus: 4, memoryMiB: 2_048, notes: 'a note', protected: true });
    await trial.done(['vm', 'set', trial.name, '--template', '--no-autostart']);
    expect(await trial.cli.read(id)).toMatchObject({ template: true, autostart: false });
    const templates = await trial.done(['vm', 'list', '--filter', 'template=true', '-c', 'name', '--no-headers']);
    expect(templates.split(/\s+/)).toContain(trial.name);
    await trial.done(['vm', 'set', trial.name, '--no-template', '--autostart']);
    expect(await trial.cli.read(id)).toMatchObject({ template: false, autostart: true });
  },
  'vm delete': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name });
    await trial.done(['vm', 'delete', trial.name]);
    await expect(trial.cli.read(id)).rejects.toMatchObject({ code: 'vm-not-found' });
  },
  'vm drop-pending': async (trial) => {
    const { id } = await running(trial);
    await trial.cli.admin.PATCH('/api/v1/vms/{vmId}', {
      body: { cpus: 3 },
      params: { path: { vmId: id }, header: { Prefer: 'wait=60' } },
    });
    expect((await trial.cli.read(id)).pendingChanges).toMatchObject([{ pointer: '/cpus', to: 3 }]);
    await trial.done(['vm', 'drop-pending', trial.name]);
    expect((await trial.cli.read(id)).pendingChanges ?? []).toEqual([]);
  },
  'vm clone': async (trial) => {
    await trial.cli.vm({ name: trial.name });
    const text = await trial.done(['vm', 'clone', trial.name, `${trial.name}-copy`, '--start']);
    const id = /vm\.clone (\S+) succeeded/.exec(text)![1]!;
    expect(await trial.cli.read(id)).toMatchObject({ name: `${trial.name}-copy`, state: 'running' });
  },
  'vm batch': async (trial) => {
    const names = [trial.name, `${trial.name}-2`];
    const ids: string[] = [];
    for (const name of names) ids.push((await trial.cli.vm({ name, disks: [{ sizeGiB: 1 }] })).id);
    const options = ['--params', '{"disks":"keep"}', '--max-parallel', '1', '--stop-on-error'];
    expect(await trial.done(['vm', 'batch', 'delete', ...names, ...options])).toContain('batch succeeded');
    for (const id of ids) await expect(trial.cli.read(id)).rejects.toMatchObject({ code: 'vm-not-found' });
  },
  'vm guest': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name, disks: [{ image: 'tiny-linux' }], start: true });
    await eventually(async () => {
      const { data } = await trial.cli.admin.GET('/api/v1/vms/{vmId}/guest', { params: { path: { vmId: id } } });
      if (!data.agent) throw new Error('the guest has not booted yet');
    });
    const text = await trial.done(['vm', 'guest', trial.name]);
    expect(text).toMatch(/^agent: true$/m);
    expect(text).toMatch(new RegExp(`^hostname: ${trial.name}$`, 'm'));
  },
  'vm definition': async (trial) => {
    await trial.cli.vm({ name: trial.name });
    expect(await trial.done(['vm', 'definition', trial.name])).toContain(trial.name);
  },
  'snapshot list': async (trial) => {
    await snapshotted(trial);
    expect(await trial.done(['snapshot', 'list', trial.name, '-c', 'name', '--no-headers'])).toMatch(/^before/);
  },
  'snapshot create': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name, disks: [{ sizeGiB: 1 }] });
    await trial.done(['snapshot', 'create', trial.name, 'fresh', '--description', 'as it was']);
    expect(await snapshots(trial, id)).toMatchObject([{ name: 'fresh', description: 'as it was' }]);
  },
  'snapshot revert': async (trial) => {
    await snapshotted(trial);
    expect(await trial.done(['snapshot', 'revert', trial.name, 'before'])).toContain('succeeded');
  },
  'snapshot delete': async (trial) => {
    const { id } = await snapshotted(trial);
    await trial.done(['snapshot', 'delete', trial.name, 'before']);
    expect(await snapshots(trial, id)).toEqual([]);
  },
  'disk list': async (trial) => {
    await trial.cli.vm({ name: trial.name, disks: [{ sizeGiB: 1 }] });
    expect(await trial.done(['disk', 'list', trial.name])).toMatch(/^DEVICE +SIZE +PATH\n\w+ +1 GiB +\//);
  },
  'disk add': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name, disks: [{ sizeGiB: 1 }] });
    await trial.done(['disk', 'add', trial.name, '--size', '2G']);
    expect((await trial.cli.read(id)).disks).toMatchObject([{ sizeGiB: 1 }, { sizeGiB: 2 }]);
  },
  'disk detach': async (trial) => {
    const { id, disks } = await trial.cli.vm({ name: trial.name, disks: [{ sizeGiB: 1 }, { sizeGiB: 2 }] });
    await trial.done(['disk', 'detach', trial.name, disks[1]!.device, '--delete']);
    expect((await trial.cli.read(id)).disks).toMatchObject([{ sizeGiB: 1 }]);
    expect((await volumes(trial)).map(({ path }) => path)).not.toContain(disks[1]!.path);
  },
  'volume list': async (trial) => {
    const id = await volume(trial);
    expect(await trial.done(['volume', 'list', 'fake-a'])).toContain(id);
  },
  'volume delete': async (trial) => {
    const id = await volume(trial);
    expect(await trial.done(['volume', 'delete', 'fake-a', id])).toContain('succeeded');
    expect((await volumes(trial)).map((one) => one.id)).not.toContain(id);
  },
  'cdrom insert': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name });
    await trial.done(['cdrom', 'insert', trial.name, 'tiny-iso']);
    expect(await trial.cli.read(id)).toMatchObject({ cdrom: expect.stringContaining('tiny-iso') });
  },
  'cdrom eject': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name });
    await trial.done(['cdrom', 'insert', trial.name, 'tiny-iso']);
    await trial.done(['cdrom', 'eject', trial.name]);
    expect((await trial.cli.read(id)).cdrom).toBeNull();
  },
  'disk grow': async (trial) => {
    const { id, disks } = await trial.cli.vm({ name: trial.name, disks: [{ sizeGiB: 1 }] });
    await trial.done(['disk', 'grow', trial.name, disks[0]!.device, '3G']);
    expect((await trial.cli.read(id)).disks).toMatchObject([{ sizeGiB: 3 }]);
  },
  'nic list': async (trial) => {
    const { nics } = await trial.cli.vm({ name: trial.name, nics: [{ network: 'default' }] });
    const text = await trial.done(['nic', 'list', trial.name]);
    expect(text).toContain(nics[0]!.mac!);
    expect(text).toContain('default');
  },
  'nic add': async (trial) => {
    const { id } = await trial.cli.vm({ name: trial.name });
    await trial.done(['nic', 'add', trial.name, 'network=default,mac=52:54:00:12:34:56']);
    expect((await trial.cli.read(id)).nics).toMatchObject([{ network: 'default', mac: '52:54:00:12:34:56' }]);
    await trial.cli.admin.DELETE('/api/v1/vms/{vmId}', {
      params: { path: { vmId: id }, header: { Prefer: 'wait=60' } },
    });
  },
  'nic change': async (trial) => {
    const { id, nics } = await trial.cli.vm({ name: trial.name, nics: [{ network: 'default' }] });
    await trial.done(['nic', 'change', trial.name, nics[0]!.mac!, '--disconnect']);
    expect((await trial.cli.read(id)).nics).toMatchObject([{ mac: nics[0]!.mac, connected: false }]);
  },
  'nic remove': async (trial) => {
    const { id, nics } = await trial.cli.vm({ name: trial.name, nics: [{ network: 'default' }] });
    await trial.done(['nic', 'remove', trial.name, nics[0]!.mac!]);
    expect((await trial.cli.read(id)).nics).toEqual([]);
  },
};
