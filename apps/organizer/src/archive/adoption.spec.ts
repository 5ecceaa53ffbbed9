import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VmRecord } from '@polyvirt/contracts';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { History, record, tree } from '../testing/events.ts';
import { Archive } from './archive.ts';

const old = '2024-01-15_ma-vm';

describe('a folder that Auto-Creation-VM made', () => {
  let root: string;
  let history: History;
  const log = { warn: () => undefined };
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'polyvirt-adoption-'));
    history = new History();
  });
  afterEach(() => rm(root, { recursive: true }));

  const files = {
    'metadata.json': '{"name":"ma-vm","created":"2024-01-15"}',
    'README.md': '# ma-vm',
    'notes.txt': 'mine',
  };
  async function oldFolder(name = old, change: Record<string, string> = {}): Promise<void> {
    await mkdir(join(root, name, 'vm_files'), { recursive: true });
    const scripts = { 'backup_script.bat': '@echo é\r\n', 'snapshot_script.bat': '@echo off\r\n' };
    for (const [file, content] of Object.entries({ ...files, ...scripts, ...change }))
      await writeFile(join(root, name, file), content, 'latin1');
  }
  const machine = (change: Partial<VmRecord> = {}) =>
    record({ hypervisor: 'vmware', name: 'ma-vm', disks: [], ...change });
  const vmx = (paths: string[]) => ({ format: 'vmx' as const, text: 'displayName = "ma-vm"\n', files: paths });
  const apply = async (vm: VmRecord, fields = {}) =>
    (await Archive.open(root, log)).apply(history.add('vm.created', vm, fields));

  it('becomes that of its VM, with everything that was in it', async () => {
    await oldFolder();
    const document = await apply(machine(), { definition: vmx(['C:\\VMs\\ma-vm\\ma-vm.vmx']) });
    expect(document.folder).toBe(old);
    expect(await readdir(root)).toEqual([old]);
    const found = await tree(join(root, old));
    expect(found['earlier/metadata.json']).toBe(`600 ${files['metadata.json']}`);
    expect(found['earlier/README.md']).toBe('600 # ma-vm');
    expect(await readFile(join(root, old, 'earlier/backup_script.bat'), 'latin1')).toBe('@echo é\r\n');
    expect(found['notes.txt']).toContain('mine');
    expect(JSON.parse(found['metadata.json']!.slice(4))).toMatchObject({ vmId: machine().id, folder: old });
    expect(found['backup_script.bat']).toContain('ma-vm.vmx');
    expect(found['vm_files/machine.vmx']).toContain('displayName');
  });

  it('is known again, and adopted once', async () => {
    await oldFolder();
    await apply(machine());
    const archive = await Archive.open(root, log);
    await archive.apply(history.add('vm.started', machine({ state: 'running' })));
    const other = machine({ id: 'vmware-b~2', host: 'vmware-b', nativeId: '2' });
    expect((await archive.apply(history.add('vm.created', other))).folder).toBe('2026-11-21_ma-vm');
    const kept = await readFile(join(root, old, 'earlier/metadata.json'), 'utf8');
    expect(kept).toBe(files['metadata.json']);
  });

  it('is left as it was by a crash in the middle, and adopted then', async () => {
    await oldFolder();
    await mkdir(join(root, old, 'earlier'));
    await writeFile(join(root, old, 'earlier/README.md'), '# ma-vm');
    await writeFile(join(root, old, 'README.md'), 'the new page');
    expect((await apply(machine())).folder).toBe(old);
    expect(await readFile(join(root, old, 'earlier/README.md'), 'utf8')).toBe('# ma-vm');
  });

  it('keeps the files of a VM that lives in it, whatever they are called', async () => {
    await oldFolder('2024-01-15_autre-nom');
    const folder = join(root, '2024-01-15_autre-nom', 'vm_files');
    const own = ['machine.vmx', 'disk.vmdk'].map((name) => join(folder, name));
    for (const path of own) await writeFile(path, `content of ${path}`);
    await writeFile(join(folder, 'a.vmdk'), 'in the way');
    const elsewhere = join(root, 'a.vmdk');
    await writeFile(elsewhere, 'elsewhere');
    const document = await apply(machine(), { definition: vmx([...own, elsewhere]) });
    expect(document.folder).toBe('2024-01-15_autre-nom');
    for (const path of own) expect(await readFile(path, 'utf8')).toBe(`content of ${path}`);
    expect(await readFile(join(folder, 'a.vmdk'), 'utf8')).toBe('in the way');
    expect(document.files.map(({ path, missing }) => [path, missing !== undefined])).toEqual([
      [own[0], false],
      [own[1], false],
      [elsewhere, true],
    ]);
  });

  it.each([
    ['a VM of KVM', machine({ hypervisor: 'kvm' }), {}],
    ['a VM of another name', machine({ name: 'autre' }), {}],
    ['a VM of another hypervisor', machine(), { 'metadata.json': '{"hypervisor":"nutanix"}' }],
    ['anybody, when its metadata cannot be read', machine(), { 'metadata.json': 'damaged' }],
    ['anybody, when they are damaged ones of ours', machine(), { 'metadata.json': '{"vmId":"x"}' }],
  ])('is not for %s', async (_, vm, change) => {
    await oldFolder(old, change);
    const before = await tree(join(root, old));
    expect((await apply(vm)).folder).not.toBe(old);
    expect(await tree(join(root, old))).toEqual(before);
  });

  it('is not guessed at when there are two of the name', async () => {
    await oldFolder();
    await oldFolder('2024-02-01_ma_vm');
    expect((await apply(machine())).folder).toBe('2026-11-21_ma-vm');
  });
});
