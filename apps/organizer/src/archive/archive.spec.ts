import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Archive as ArchiveView, type VmRecord } from '@polyvirt/contracts';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definition, History, nativeId, record, snapshot, tree } from '../testing/events.ts';
import { Archive, InvalidEventError } from './archive.ts';
import { longestHistory, type ArchiveDocument } from './document.ts';

describe('Archive', () => {
  let folder: string;
  let root: string;
  let warnings: string[];
  let history: History;
  const log = { warn: (_details: object, message: string) => warnings.push(message) };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-archive-'));
    root = join(folder, 'permanent_vms');
    warnings = [];
    history = new History();
  });

  afterEach(() => rm(folder, { recursive: true }));

  const open = () => Archive.open(root, log);
  const metadata = async (name: string) =>
    JSON.parse(await readFile(join(root, name, 'metadata.json'), 'utf8')) as ArchiveDocument;

  it('builds a folder with the definition, links to the files, metadata, scripts and a page', async () => {
    const disk = join(folder, 'web 1.qcow2');
    await writeFile(disk, 'disk');
    const archive = await open();
    const event = history.add('vm.created', record(), {
      definition: definition([disk, '/nowhere/other.img', 'C:\\VMs\\x.vmx']),
      operationId: nativeId,
      requestedBy: 'ada',
    });
    const document = await archive.apply(event);
    expect(await readdir(root)).toEqual(['2026-11-21_web-1']);
    const files = await tree(join(root, '2026-11-21_web-1'));
    expect(Object.keys(files)).toEqual([
      'README.md',
      'backup_script.sh',
      'metadata.json',
      'snapshot_script.sh',
      'vm_files/',
      'vm_files/domain.xml',
      'vm_files/web-1.qcow2',
    ]);
    expect(files['vm_files/domain.xml']).toBe('600 <domain/>\n');
    expect(files['vm_files/web-1.qcow2']).toBe(`-> ${disk}`);
    expect(files['backup_script.sh']).toMatch(/^700 #!\/bin\/sh\n/);
    expect(await metadata('2026-11-21_web-1')).toMatchObject({
      vmId: `kvm-lab1~${nativeId}`,
      host: 'kvm-lab1',
      createdBy: 'ada',
      operationId: nativeId,
      addresses: ['192.168.122.10'],
      vm: record(),
      files: [
        { path: disk, link: 'web-1.qcow2' },
        { path: '/nowhere/other.img', missing: 'It is not on the host of the organizer.' },
        { path: 'C:\\VMs\\x.vmx', missing: 'It is on a Windows host.' },
      ],
      history: [{ event: 'vm.created', detail: 'Created as "web-1".', by: 'ada', operationId: nativeId }],
    });
    const view = await archive.view(document);
    expect(ArchiveView.parse(view)).toEqual(view);
    expect(view).toMatchObject({ path: join(root, '2026-11-21_web-1'), folder: '2026-11-21_web-1' });
    expect(view.files).toContainEqual({ path: 'vm_files/web-1.qcow2', bytes: 4 });
  });

  it('writes down what happens to a VM, keeps its folder when it is renamed, and marks it when it is deleted', async () => {
    const archive = await open();
    const renamed = record({ name: 'web-2', state: 'running' });
    for (const event of [
      history.add('vm.created', record(), { definition: definition() }),
      history.add('vm.started', record({ state: 'running' }), { requestedBy: 'ada' }),
      history.add('vm.renamed', renamed, { previousName: 'web-1', definition: definition([], '<domain>2</domain>') }),
      history.add('vm.updated', { ...renamed, nics: [] }),
      history.add('vm.cloned', renamed, { clone: 'kvm-lab1~other' }),
      history.add('vm.snapshot-created', renamed, { snapshot: snapshot('before') }),
      history.add('vm.snapshot-reverted', renamed, { snapshot: snapshot('before') }),
      history.add('vm.snapshot-deleted', renamed, { snapshot: snapshot('before') }),
      history.add('vm.reconfigured', { ...renamed, nics: [], cpus: 4, memoryMiB: 1_024 }),
      history.add('vm.stopped', renamed),
      history.add('vm.unheard-of', renamed),
      history.add('vm.deleted', renamed),
    ]) {
      await archive.apply(event);
    }
    expect(await readdir(root)).toEqual(['2026-11-21_web-1']);
    const document = await metadata('2026-11-21_web-1');
    expect(document).toMatchObject({
      name: 'web-2',
      deletedAt: '2026-11-21T10:00:12.000Z',
      addresses: ['192.168.122.10'],
    });
    expect(document.history.map(({ event, detail }) => `${event}: ${detail}`)).toEqual([
      'vm.created: Created as "web-1".',
      'vm.started: Powered on.',
      'vm.renamed: Renamed from "web-1" to "web-2".',
      'vm.cloned: Source of the clone kvm-lab1~other.',
      'vm.snapshot-created: Snapshot "before" taken.',
      'vm.snapshot-reverted: Put back to snapshot "before".',
      'vm.snapshot-deleted: Snapshot "before" deleted.',
      'vm.reconfigured: CPUs from 2 to 4, memory from 512 to 1024 MiB, interface 52:54:00:00:00:01 on default removed.',
      'vm.stopped: Powered off.',
      'vm.unheard-of: It is running.',
      'vm.deleted: Deleted; this folder stays.',
    ]);
    expect(await readFile(join(root, '2026-11-21_web-1/vm_files/domain.xml'), 'utf8')).toBe('<domain>2</domain>');
    const readme = await readFile(join(root, '2026-11-21_web-1/README.md'), 'utf8');
    expect(readme).toMatch(/^# web-2\n\n\*\*This VM was deleted on 2026-11-21 10:00:12 UTC\.\*\*/);
  });

  it('takes back the mark when a VM comes back under its id', async () => {
    const archive = await open();
    for (const type of ['vm.created', 'vm.deleted', 'vm.created']) await archive.apply(history.add(type, record()));
    expect(await readdir(root)).toEqual(['2026-11-21_web-1']);
    const document = await metadata('2026-11-21_web-1');
    expect(document.deletedAt).toBeUndefined();
    expect(document.history.length).toBe(3);
  });

  it('changes nothing when an event comes again, however late', async () => {
    const archive = await open();
    history.add('vm.created', record(), { definition: definition() });
    history.add('vm.updated', record({ memoryMiB: 1_024 }));
    history.add('vm.renamed', record({ name: 'web-2' }), { previousName: 'web-1' });
    for (const event of history.events) await archive.apply(event);
    const before = await tree(root);
    for (const event of [...history.events, ...history.events.toReversed()]) await archive.apply(event);
    expect(await tree(root)).toEqual(before);
    const restarted = await open();
    for (const event of history.events) await restarted.apply(event);
    expect(await tree(root)).toEqual(before);
  });

  it('goes on with the events of a stream that was begun anew', async () => {
    const archive = await open();
    for (let index = 0; index < 5; index += 1) await archive.apply(history.add('vm.started', record()));
    const later = history.add('vm.stopped', record());
    await archive.apply({ event: later.event, sequence: 1 });
    expect((await metadata('2026-11-21_web-1')).history.at(-1)).toMatchObject({ event: 'vm.stopped' });
  });

  it('gives the same folders when everything is replayed', async () => {
    const disk = join(folder, 'a.img');
    await writeFile(disk, 'disk');
    const ids = ['a', 'b', 'c', 'd'];
    const names = ['web', 'WEB', '../web', 'web '];
    const vms: VmRecord[] = ids.map((id, index) => record({ nativeId: id, name: names[index]! }));
    for (const vm of vms) history.add('vm.created', vm, { definition: definition([disk, '/nowhere/x']) });
    for (const vm of vms) history.add('vm.started', { ...vm, state: 'running' });
    history.add('vm.renamed', { ...vms[1]!, name: 'other' }, { previousName: 'WEB' });
    history.add('vm.deleted', vms[0]!);
    const archive = await open();
    for (const event of history.events) await archive.apply(event);
    const first = await tree(root);
    expect(await readdir(root)).toEqual(['2026-11-21_WEB-2', '2026-11-21_web', '2026-11-21_web-3', '2026-11-21_web-4']);
    await rm(root, { recursive: true });
    // The umask of whoever replays makes no difference.
    const umask = process.umask(0o077);
    const again = await open();
    for (const event of history.events) await again.apply(event);
    process.umask(umask);
    expect(await tree(root)).toEqual(first);
  });

  it('lets go of the links to files that went with the VM', async () => {
    const disk = join(folder, 'a.img');
    await writeFile(disk, 'disk');
    const archive = await open();
    await archive.apply(history.add('vm.created', record(), { definition: definition([disk]) }));
    await rm(disk);
    await archive.apply(history.add('vm.deleted', record()));
    expect(await readdir(join(root, '2026-11-21_web-1/vm_files'))).toEqual(['domain.xml']);
    expect((await metadata('2026-11-21_web-1')).files).toEqual([
      { path: disk, missing: 'It is not on the host of the organizer.' },
    ]);
  });

  it('says of a file that cannot be looked at why it is missing, whatever is odd about its path', async () => {
    const circle = join(folder, 'circle');
    await symlink(circle, circle);
    const long = `/${'x'.repeat(300)}.img`;
    const archive = await open();
    const vm = record({ disks: [{ device: 'vda', sizeGiB: 1, path: long }] });
    await archive.apply(history.add('vm.created', vm));
    const files = [long, circle, '/with\0nul', '/proc/1/mem/x'];
    await archive.apply(history.add('vm.reconfigured', vm, { definition: definition(files) }));
    expect((await metadata('2026-11-21_web-1')).files).toEqual([
      { path: long, missing: 'Its path is longer than the host of the organizer takes.' },
      { path: circle, missing: 'The links in its path lead round in a circle.' },
      { path: '/with\0nul', missing: expect.stringContaining('cannot look at it') },
      { path: '/proc/1/mem/x', missing: 'It is not on the host of the organizer.' },
    ]);
  });

  it('says so when something is in the place of a link', async () => {
    const disk = join(folder, 'a.img');
    await writeFile(disk, 'disk');
    const archive = await open();
    await archive.apply(history.add('vm.created', record(), { definition: definition() }));
    await mkdir(join(root, '2026-11-21_web-1/vm_files/a.img/notes'), { recursive: true });
    await archive.apply(history.add('vm.reconfigured', record(), { definition: definition([disk]) }));
    expect((await metadata('2026-11-21_web-1')).files).toEqual([
      { path: disk, missing: expect.stringContaining('No link to it can be made') },
    ]);
  });

  it('makes the folder of links again when somebody took it away, also before a start', async () => {
    const archive = await open();
    await archive.apply(history.add('vm.created', record(), { definition: definition() }));
    await rm(join(root, '2026-11-21_web-1/vm_files'), { recursive: true });
    const event = history.add('vm.started', record(), { definition: definition() });
    await archive.apply(event);
    expect(await readdir(join(root, '2026-11-21_web-1/vm_files'))).toEqual(['domain.xml']);
    await rm(join(root, '2026-11-21_web-1/vm_files'), { recursive: true });
    await expect(open()).resolves.toBeDefined();
  });

  it('holds no script that can only fail, also when the VM could be kept in a snapshot before', async () => {
    const archive = await open();
    await archive.apply(history.add('vm.created', record()));
    const folderOf = join(root, '2026-11-21_web-1');
    expect(await readdir(folderOf)).toContain('snapshot_script.sh');
    await archive.apply(history.add('vm.reconfigured', record({ firmware: 'uefi' })));
    expect(await readdir(folderOf)).not.toContain('snapshot_script.sh');
    const page = await readFile(join(folderOf, 'README.md'), 'utf8');
    expect(page).not.toContain('snapshot_script');
    expect(page).toContain('UEFI');
    for (const file of ['nvram', 'tpm', 'memory', 'disks.tsv']) expect(page).toContain(`\`${file}\``);
  });

  it('opens beside a folder that cannot be read', async () => {
    await mkdir(join(root, 'lost+found/metadata.json'), { recursive: true });
    const archive = await open();
    await archive.apply(history.add('vm.created', record()));
    expect(await readdir(root)).toEqual(['2026-11-21_web-1', 'lost+found']);
    expect(warnings).toEqual(['This folder cannot be read; it is left alone.']);
  });

  it('shows no more than the bus takes in one message, and nothing that it cannot look at', async () => {
    const archive = await open();
    const document = await archive.apply(history.add('vm.created', record(), { definition: definition() }));
    const backups = join(root, '2026-11-21_web-1/backups');
    await mkdir(backups);
    await writeFile(Buffer.concat([Buffer.from(`${backups}/`), Buffer.from([0xff])]), 'no UTF-8');
    expect((await archive.view(document)).files.map(({ path }) => path)).toEqual([
      'README.md',
      'backup_script.sh',
      'metadata.json',
      'snapshot_script.sh',
      'vm_files/domain.xml',
    ]);
    for (let number = 0; number < 2_000; number += 1) {
      await writeFile(join(backups, `${number}${'x'.repeat(240)}`), '');
    }
    const detail = 'x'.repeat(2_000);
    const entries = Array.from({ length: longestHistory }, (_, index) => ({
      ...document.history[0]!,
      id: String(index),
      detail: `${index} ${detail}`,
    }));
    const view = await archive.view({ ...document, history: entries });
    expect(Buffer.byteLength(JSON.stringify(view))).toBeLessThan(900_000);
    expect(view.files.length).toBeGreaterThan(1_000);
    expect(view.history.at(-1)!.detail).toMatch(new RegExp(`^${longestHistory - 1} `));
  });

  it('keeps files apart that have one name, or that of the definition', async () => {
    const paths = ['one/disk.img', 'two/disk.img', 'three/domain.xml'].map((path) => join(folder, path));
    for (const path of paths) {
      await mkdir(join(path, '..'));
      await writeFile(path, 'x');
    }
    const archive = await open();
    await archive.apply(history.add('vm.created', record(), { definition: definition(paths) }));
    expect(await readdir(join(root, '2026-11-21_web-1/vm_files'))).toEqual([
      'disk-2.img',
      'disk.img',
      'domain-2.xml',
      'domain.xml',
    ]);
  });

  it.each([
    '../../../outside',
    '/etc/passwd',
    '..\\..\\outside',
    'CON',
    '.unfinished-x',
    'it\'s $(touch outside) `touch outside` "x"',
    'line\nbreak\0nul',
    '🚀'.repeat(60),
    'é'.repeat(80),
    '-rf',
    '\u202e\u200b',
  ])('keeps a VM called %j within the root', async (name) => {
    const archive = await open();
    const vm = record({ name });
    await archive.apply(history.add('vm.created', vm, { definition: definition() }));
    await archive.apply(history.add('vm.started', vm));
    expect(await readdir(folder)).toEqual(['permanent_vms']);
    const [only, ...others] = await readdir(root);
    expect(others).toEqual([]);
    expect(only).toMatch(/^2026-11-21_[^.-]/);
    expect((await metadata(only!)).name).toBe(name);
    const readme = await readFile(join(root, only!, 'README.md'), 'utf8');
    expect(readme.split('\n')[2]).toBe('| | |');
  });

  it('finds the folders again after a restart, also one that somebody renamed', async () => {
    let archive = await open();
    await archive.apply(history.add('vm.created', record()));
    await rename(join(root, '2026-11-21_web-1'), join(root, 'my web server'));
    archive = await open();
    await archive.apply(history.add('vm.started', record()));
    expect(await readdir(root)).toEqual(['my web server']);
    expect(await metadata('my web server')).toMatchObject({ folder: 'my web server' });
  });

  it('clears away what was left unfinished', async () => {
    const archive = await open();
    await archive.apply(history.add('vm.created', record()));
    await mkdir(join(root, '.unfinished-1/vm_files'), { recursive: true });
    await writeFile(join(root, '2026-11-21_web-1/.unfinished-metadata.json'), '{');
    await symlink('/nowhere', join(root, '2026-11-21_web-1/vm_files/.unfinished-disk'));
    await open();
    expect(await readdir(root)).toEqual(['2026-11-21_web-1']);
    expect(JSON.stringify(await tree(root))).not.toContain('unfinished');
  });

  it('leaves alone what is not its own, and does not take its place', async () => {
    await mkdir(join(root, '2026-11-21_web-1'), { recursive: true });
    await writeFile(join(root, '2026-11-21_web-1/metadata.json'), 'my own notes');
    await writeFile(join(root, 'notes.txt'), '');
    const archive = await open();
    await archive.apply(history.add('vm.created', record()));
    expect(await readdir(root)).toEqual(['2026-11-21_web-1', '2026-11-21_web-1-2', 'notes.txt']);
    expect(warnings).toEqual([expect.stringContaining('damaged')]);
  });

  it('makes a new folder when somebody took the old one away', async () => {
    const archive = await open();
    await archive.apply(history.add('vm.created', record()));
    await rm(join(root, '2026-11-21_web-1'), { recursive: true });
    await archive.apply(history.add('vm.started', record()));
    expect((await metadata('2026-11-21_web-1')).history.map(({ event }) => event)).toEqual(['vm.started']);
  });

  it('fails while the root is away and makes no second folder when it is back', async () => {
    const archive = await open();
    await archive.apply(history.add('vm.created', record()));
    await rename(root, `${root}-unmounted`);
    const event = history.add('vm.started', record());
    await expect(archive.apply(event)).rejects.toMatchObject({ code: 'ENOENT' });
    await rename(`${root}-unmounted`, root);
    await archive.apply(event);
    expect(await readdir(root)).toEqual(['2026-11-21_web-1']);
    expect((await metadata('2026-11-21_web-1')).history.length).toBe(2);
  });

  it('sees the folders that another organizer makes', async () => {
    const [one, other] = [await open(), await open()];
    await one.apply(history.add('vm.created', record()));
    await other.apply(history.add('vm.started', record()));
    await one.apply(history.add('vm.stopped', record()));
    expect(await readdir(root)).toEqual(['2026-11-21_web-1']);
    expect((await metadata('2026-11-21_web-1')).history.length).toBe(3);
  });

  it('keeps the first and the latest entries of a long history', async () => {
    const archive = await open();
    await archive.apply(history.add('vm.created', record()));
    const path = join(root, '2026-11-21_web-1/metadata.json');
    const document = await metadata('2026-11-21_web-1');
    const entries = Array.from({ length: longestHistory - 1 }, (_, index) => ({
      ...document.history[0]!,
      id: `old-${index}`,
      event: 'vm.started',
    }));
    await writeFile(path, JSON.stringify({ ...document, history: [...document.history, ...entries] }));
    await archive.apply(history.add('vm.stopped', record()));
    const kept = (await metadata('2026-11-21_web-1')).history;
    expect(kept.length).toBe(longestHistory);
    expect([kept[0]!.event, kept[1]!.id, kept.at(-1)!.event]).toEqual(['vm.created', 'old-1', 'vm.stopped']);
  });

  it('refuses an event that is not about a VM', async () => {
    const archive = await open();
    const { event } = history.add('vm.created', record());
    await expect(archive.apply({ event: { ...event, data: { vm: {} } }, sequence: 1 })).rejects.toBeInstanceOf(
      InvalidEventError,
    );
    expect(await readdir(root)).toEqual([]);
  });

  it('writes batch files for a host that runs Windows', async () => {
    const archive = await open();
    const vm = record({ hypervisor: 'vmware', disks: [] });
    await archive.apply(history.add('vm.created', vm));
    expect(await readdir(join(root, '2026-11-21_web-1'))).toContain('backup_script.sh');
    const files = ['C:\\VMs\\100% web\\web.vmx', 'C:\\VMs\\100% web\\web.vmdk'];
    await archive.apply(
      history.add('vm.reconfigured', vm, { definition: { format: 'vmx', text: 'displayName = "web"', files } }),
    );
    expect(await readdir(join(root, '2026-11-21_web-1'))).toEqual([
      'README.md',
      'backup_script.bat',
      'metadata.json',
      'snapshot_script.bat',
      'vm_files',
    ]);
    expect((await stat(join(root, '2026-11-21_web-1/vm_files/machine.vmx'))).isFile()).toBe(true);
  });
});
