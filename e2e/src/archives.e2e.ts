import { constants } from 'node:fs';
import { access, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { requireSuccess, type Client, type components } from '@polyvirt/api-client';
import { ensureTopology } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { consumers, streams } from '@polyvirt/contracts';
import { run } from '@polyvirt/tools';
import { createVm, deleteVm, editVm, patienceMs, power, waiting } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

type Archive = components['schemas']['Archive'];

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] });

const disks = [{ sizeGiB: 1 }];
const today = () => new Date().toISOString().slice(0, 10);

async function snapshot(client: Client, vmId: string, name: string): Promise<string> {
  const params = { path: { vmId }, header: waiting };
  const { data } = await client.POST('/api/v1/vms/{vmId}/snapshots', { params, body: { name } });
  return requireSuccess(data).result!.snapshot!;
}

const readArchive = async (client: Client, vmId: string): Promise<Archive> =>
  (await client.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } })).data;

/** The archive of a machine as soon as its history ends with an event. */
async function archiveAfter(client: Client, vmId: string, event: string): Promise<Archive> {
  let found: Archive | undefined;
  await eventually(async () => {
    found = await readArchive(client, vmId);
    expect(found.history.at(-1)?.event).toBe(event);
  }, patienceMs);
  return found!;
}

const historyOf = ({ history }: Archive) => history.map(({ event, detail }) => `${event} ${detail}`);

interface Metadata {
  readonly vmId: string;
  readonly name: string;
  readonly createdBy?: string;
  readonly deletedAt?: string;
  readonly vm: { readonly cpus: number };
  readonly history: Archive['history'];
}
const metadataIn = async ({ path }: Archive): Promise<Metadata> =>
  JSON.parse(await readFile(join(path, 'metadata.json'), 'utf8')) as Metadata;

/** Every file below a folder with what is in it, and where a link leads. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isSymbolicLink()) found[name] = `-> ${await readlink(path)}`;
    else if (entry.isFile()) found[name] = `${(await stat(path)).mode.toString(8)} ${await readFile(path, 'utf8')}`;
  }
  return found;
}

const odd = `it's "web" $(reboot) é 🚀`;

story('writes down everything that happens to a machine, and keeps its folder', async (stack) => {
  const { admin, archives } = stack;
  const operator = { username: 'ada', password: 'correct horse battery' };
  await admin.POST('/api/v1/users', { body: { ...operator, role: 'operator' } });
  const ada = stack.client(operator);
  const { id: vmId } = await createVm(ada, { host, name: 'web-1', disks });
  const born = await archiveAfter(admin, vmId, 'vm.created');
  expect(born).toMatchObject({ vmId, name: 'web-1', folder: `${today()}_web-1` });
  expect(born.path).toBe(join(archives, born.folder));
  expect(await metadataIn(born)).toMatchObject({ vmId, name: 'web-1', createdBy: 'ada' });
  expect(await readFile(join(born.path, 'vm_files/domain.xml'), 'utf8')).toContain('<name>web-1</name>');

  const renamed = await editVm(admin, vmId, { name: odd });
  await editVm(admin, vmId, { cpus: 4, notes: 'not for the archive' });
  await power(admin, vmId, 'start');
  const taken = await snapshot(ada, vmId, 'before "it"');
  await power(admin, vmId, 'stop', { force: true });
  const params = { path: { vmId, snapshot: taken }, header: waiting };
  requireSuccess((await admin.POST('/api/v1/vms/{vmId}/snapshots/{snapshot}/revert', { body: {}, params })).data);
  requireSuccess((await admin.DELETE('/api/v1/vms/{vmId}/snapshots/{snapshot}', { params })).data);
  // The snapshot was of a machine that ran, so it runs again.
  await power(admin, vmId, 'stop', { force: true });
  const { data: cloned } = await admin.POST('/api/v1/vms/{vmId}/clone', {
    body: { name: 'copy' },
    params: { path: { vmId }, header: waiting },
  });
  const copy = requireSuccess(cloned).result!.vmId!;
  const whole = await archiveAfter(admin, vmId, 'vm.cloned');
  expect(whole).toMatchObject({ name: odd, folder: born.folder, createdAt: born.createdAt });
  expect(historyOf(whole).filter((entry) => !/^vm\.(?:started|stopped)/.test(entry))).toEqual([
    'vm.created Created as "web-1".',
    `vm.renamed Renamed from "web-1" to "${odd}".`,
    'vm.reconfigured CPUs from 1 to 4.',
    'vm.snapshot-created Snapshot "before "it"" taken.',
    'vm.snapshot-reverted Put back to snapshot "before "it"".',
    'vm.snapshot-deleted Snapshot "before "it"" deleted.',
    `vm.cloned Source of the clone ${copy}.`,
  ]);
  expect(whole.history.find(({ event }) => event === 'vm.renamed')).toMatchObject({
    operationId: renamed.id,
    by: 'admin',
  });
  expect(whole.history.find(({ event }) => event === 'vm.snapshot-created')?.by).toBe('ada');
  const metadata = await metadataIn(whole);
  expect(metadata.vm.cpus).toBe(4);
  expect(metadata.history.map(({ event }) => event)).toEqual(whole.history.map(({ event }) => event));
  expect(await readFile(join(whole.path, 'vm_files/domain.xml'), 'utf8')).toContain('<vcpu>4</vcpu>');
  expect(whole.files.map(({ path }) => path)).toEqual(
    ['README.md', 'backup_script.sh', 'metadata.json', 'snapshot_script.sh', 'vm_files/domain.xml'].sort(),
  );
  for (const { path, bytes } of whole.files) expect((await stat(join(whole.path, path))).size).toBe(bytes);
  for (const script of ['backup_script.sh', 'snapshot_script.sh']) {
    await access(join(whole.path, script), constants.X_OK);
    await run('sh', ['-n', join(whole.path, script)]);
  }
  expect(historyOf(await archiveAfter(admin, copy, 'vm.created'))).toEqual([`vm.created Cloned from ${vmId}.`]);

  const deleted = await deleteVm(ada, vmId);
  const gone = await archiveAfter(admin, vmId, 'vm.deleted');
  expect(gone.history.at(-1)).toMatchObject({ by: 'ada', operationId: deleted.id });
  expect(gone.deletedAt).toBe((await metadataIn(gone)).deletedAt);
  await access(join(gone.path, 'README.md'));
  const listed = async (query: object) =>
    (await admin.GET('/api/v1/archives', { params: { query } })).data.items.map((one) => one.vmId);
  expect(await listed({ deleted: 'true' })).toContain(vmId);
  expect(await listed({ deleted: 'true' })).not.toContain(copy);
  expect(await listed({ q: 'REBOOT' })).toEqual([vmId]);
  expect(await listed({ deleted: 'false' })).toContain(copy);
  expect(await listed({ deleted: 'false' })).not.toContain(vmId);
});

story('gives machines of one name folders of their own, all of them below the root', async ({ admin, archives }) => {
  const ids: string[] = [];
  for (let time = 0; time < 3; time++) {
    const { id } = await createVm(admin, { host, name: '..passwd', disks });
    await deleteVm(admin, id);
    ids.push(id);
  }
  const found = await Promise.all(ids.map((id) => archiveAfter(admin, id, 'vm.deleted')));
  const folders = ['', '-2', '-3'].map((suffix) => `${today()}_passwd${suffix}`);
  expect(found.map(({ folder }) => folder)).toEqual(folders);
  expect(await readdir(archives)).toEqual(expect.arrayContaining(folders));
  const strays = (await readdir(archives)).filter((name) => !name.startsWith(today()));
  expect(strays).toEqual([]);
});

/** What happens to some machines while nobody writes it down. */
async function liveOn(client: Client, before: string, wave: string): Promise<string[]> {
  await editVm(client, before, { name: `renamed ${wave}` });
  await snapshot(client, before, `snapshot ${wave}`);
  const { id: brief } = await createVm(client, { host, name: `brief ${wave}`, disks });
  await deleteVm(client, brief);
  const { id: late } = await createVm(client, { host, name: `late ${wave}`, disks, start: true });
  return [brief, late];
}

story('catches up with what happened while the organizer was away, and says it once', async (stack: Stack) => {
  const { admin } = stack;
  const log = await stack.listen({ types: ['archive.updated'] });
  const { id: old } = await createVm(admin, { host, name: 'old', disks });
  await archiveAfter(admin, old, 'vm.created');
  const others: string[] = [];
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await stack.kill('organizer', signal);
    others.push(...(await liveOn(admin, old, signal)));
    await expect(readArchive(admin, others.at(-1)!)).rejects.toMatchObject({ code: 'archive-not-found' });
    await stack.launch('organizer');
    await stack.ready();
    const [brief, late] = others.slice(-2) as [string, string];
    await archiveAfter(admin, late, 'vm.started');
    expect(historyOf(await archiveAfter(admin, brief, 'vm.deleted'))).toEqual([
      `vm.created Created as "brief ${signal}".`,
      'vm.deleted Deleted; this folder stays.',
    ]);
  }
  // Killed in the middle of it, again and again.
  await stack.kill('organizer');
  for (const wave of ['one', 'two', 'three']) others.push(...(await liveOn(admin, old, wave)));
  for (let time = 0; time < 3; time++) {
    const updates = log.heard.length;
    await stack.launch('organizer');
    await log.first(() => log.heard.length > updates);
    await stack.kill('organizer');
  }
  await stack.launch('organizer');
  await stack.ready();
  await archiveAfter(admin, others.at(-1)!, 'vm.started');
  const waves = ['SIGKILL', 'SIGTERM', 'one', 'two', 'three'];
  expect(historyOf(await readArchive(admin, old))).toEqual([
    'vm.created Created as "old".',
    ...waves.flatMap((wave, n) => [
      `vm.renamed Renamed from "${n === 0 ? 'old' : `renamed ${waves[n - 1]}`}" to "renamed ${wave}".`,
      `vm.snapshot-created Snapshot "snapshot ${wave}" taken.`,
    ]),
  ]);
  const ids = log.heard.map(({ event }) => event.id);
  expect(ids.filter((id, n) => ids.indexOf(id) !== n)).toEqual([]);
});

async function requireAllWritten({ bus }: Stack): Promise<void> {
  await eventually(async () => {
    const { num_pending, num_ack_pending } = await bus.manager.consumers.info(streams.events.name, consumers.organizer);
    expect([num_pending, num_ack_pending]).toEqual([0, 0]);
  }, patienceMs);
}

story('builds the same folders when everything is replayed', async (stack) => {
  const { admin, archives, bus } = stack;
  const { id: old } = await createVm(admin, { host, name: 'replayed', disks });
  for (const wave of ['four', 'five', 'six', 'seven', 'eight', 'nine']) await liveOn(admin, old, wave);
  await requireAllWritten(stack);
  const before = await contents(archives);
  expect(Object.keys(before).length).toBeGreaterThan(60);
  await stack.kill('organizer', 'SIGTERM');
  await rm(archives, { recursive: true });
  await bus.manager.consumers.delete(streams.events.name, consumers.organizer);
  await ensureTopology(bus, { hosts: [host] });
  await stack.launch('organizer');
  await stack.ready();
  await requireAllWritten(stack);
  expect(await contents(archives)).toEqual(before);
});
