import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { workstationBackup } from '../scripts/workstation.ts';
import { definition, History, record } from '../testing/events.ts';
import { Archive } from './archive.ts';

describe('another user of the machine', () => {
  let folder: string;
  let umask: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-others-'));
    // The widest there is: what is closed is closed by us.
    umask = process.umask(0);
  });
  afterEach(async () => {
    process.umask(umask);
    await rm(folder, { recursive: true });
  });

  /** What in a folder anybody but its owner may do anything with; the links in it are those of others. */
  async function openToOthers(root: string): Promise<string[]> {
    const names = await readdir(root, { recursive: true, withFileTypes: true });
    const paths = names.filter((name) => !name.isSymbolicLink()).map(({ parentPath, name }) => join(parentPath, name));
    expect(paths.length).toBeGreaterThan(0);
    const modes = await Promise.all([root, ...paths].map(async (path) => ({ path, mode: (await stat(path)).mode })));
    return modes.filter(({ mode }) => (mode & 0o077) !== 0).map(({ path }) => path);
  }

  it('reads no archive, nor one of an earlier release', async () => {
    const root = join(folder, 'permanent_vms');
    await mkdir(root, { mode: 0o755 });
    const log = { warn: () => undefined };
    const archive = await Archive.open(root, log);
    const history = new History();
    await archive.apply(history.add('vm.created', record(), { definition: definition([]) }));
    await archive.apply(history.add('vm.started', record({ state: 'running' })));
    await archive.apply(history.add('vm.reconfigured', record(), { definition: definition(['/nowhere']) }));
    expect(await openToOthers(root)).toEqual([]);
  });

  it('reads nothing that is written into the folder of an earlier program', async () => {
    const root = join(folder, 'permanent_vms');
    const theirs = join(root, '2024-01-15_web');
    await mkdir(theirs, { recursive: true });
    for (const name of ['metadata.json', 'README.md', 'backup_script.sh']) await writeFile(join(theirs, name), '{}');
    const archive = await Archive.open(root, { warn: () => undefined });
    const vm = record({ hypervisor: 'vmware', name: 'web', disks: [] });
    const document = await archive.apply(
      new History().add('vm.created', vm, { definition: { format: 'vmx', text: 'x', files: [] } }),
    );
    expect(document.folder).toBe('2024-01-15_web');
    expect(await readdir(join(theirs, 'earlier'))).toHaveLength(3);
    // The folder itself is as it was; no way leads to it.
    expect((await openToOthers(root)).filter((path) => path !== theirs)).toEqual([]);
  });

  it('reads no backup that a script of Workstation made, however open the VM itself is', async () => {
    const home = join(folder, 'vm');
    const bin = join(folder, 'bin');
    for (const path of [home, bin]) await mkdir(path);
    await writeFile(join(home, 'web.vmx'), 'guestinfo.userdata = "secret"');
    await writeFile(join(bin, 'vmrun'), '#!/bin/sh\n');
    await chmod(join(bin, 'vmrun'), 0o755);
    const script = join(folder, 'backup_script.sh');
    await writeFile(script, workstationBackup(join(home, 'web.vmx'), 'web'));
    const target = join(folder, 'backups');
    execFileSync('/bin/sh', [script, target], { env: { PATH: `${bin}:/usr/bin:/bin` } });
    expect(await openToOthers(target)).toEqual([]);
  });
});
