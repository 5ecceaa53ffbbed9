import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Survey } from '../inventory/discovery.ts';
import { machineAt, type Machine } from '../inventory/identity.ts';
import { SnapshotTree } from '../snapshots/snapshot-tree.ts';
import type { Platform } from '../vmrun/installation.ts';
import { Dictionary } from '../vmx/dictionary.ts';
import { disksUsedBy, DiskUsers } from './disk-users.ts';

let folder = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'disk-users-')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (path: string, text: string) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
const layer = (path: string, parent?: string) =>
  write(
    path,
    `# Disk DescriptorFile\nparentCID=${parent === undefined ? 'ffffffff' : '12345678'}\ncreateType="monolithicFlat"\n${
      parent === undefined ? '' : `parentFileNameHint="${parent}"\n`
    }RW 2048 FLAT "x-flat.vmdk" 0\n`,
  );

/** A host that knows these machines, each with one disk. */
const hostOf = (disks: ReadonlyMap<Machine, string>, platform: Platform, vmsd: Record<string, string> = {}) => ({
  platform,
  survey: async (): Promise<Survey> => ({ machines: [...disks.keys()], disks: [], hidden: new Map() }),
  diskFiles: async (machine: Machine) =>
    [...disks].filter(([{ vmx }]) => vmx === machine.vmx).map(([, path]) => ({ device: 'scsi0:0', path })),
  snapshots: async ({ vmx }: Machine) => new SnapshotTree(/source/.test(vmx) ? Dictionary.of({ ...vmsd }) : undefined),
  nameOf: async ({ vmx }: Machine) => vmx.replace(/^.*\//, ''),
  configuration: async () => Dictionary.of({ 'config.version': '8', 'virtualHW.version': '21' }),
});
const namesOf = async (users: DiskUsers, path: string) => (await users.of(path)).map(({ name }) => name);

describe('users of a disk', () => {
  it('are found through symbolic links', async () => {
    const base = layer(join(folder, 'source', 'base.vmdk'));
    symlinkSync(folder, join(folder, 'link'));
    const child = layer(join(folder, 'clone', 'child.vmdk'), join(folder, 'link', 'source', 'base.vmdk'));
    const source = machineAt(join(folder, 'source', 'source.vmx'), 'linux');
    const clone = machineAt(join(folder, 'clone', 'clone.vmx'), 'linux');
    const host = hostOf(
      new Map([
        [source, join(folder, 'link', 'source', 'base.vmdk')],
        [clone, child],
      ]),
      'linux',
    );
    expect([...(await disksUsedBy(source, host))]).toEqual([base]);
    expect(await namesOf(await DiskUsers.read(host, source), base)).toEqual(['clone.vmx']);
  });

  it('are found in any spelling of Windows', async () => {
    const one = layer(join(folder, 'one', 'one.vmdk'), 'C:\\VMs\\Base\\base.vmdk');
    const two = layer(join(folder, 'two', 'two.vmdk'), 'c:/vms/base/BASE.vmdk');
    const source = machineAt(join(folder, 'one', 'source.vmx'), 'windows');
    const clone = machineAt(join(folder, 'two', 'clone.vmx'), 'windows');
    const host = hostOf(
      new Map([
        [source, one],
        [clone, two],
      ]),
      'windows',
    );
    const users = await DiskUsers.read(host, source);
    const used = await disksUsedBy(source, host);
    const shared: string[] = [];
    for (const path of used) if ((await namesOf(users, path)).length > 0) shared.push(path);
    expect(shared).toEqual(['C:\\VMs\\Base\\base.vmdk']);
    expect(await used.has('c:/VMS/base/base.vmdk')).toBe(true);
  });

  it('are the linked clones that the machine itself notes, for as long as they live', async () => {
    const base = layer(join(folder, 'noted', 'base.vmdk'));
    const source = machineAt(join(folder, 'noted', 'source.vmx'), 'linux');
    const elsewhere = write(join(folder, 'far', 'far.vmx'), 'config.version = "8"\n');
    const host = hostOf(new Map([[source, base]]), 'linux', {
      'snapshot0.uid': '1',
      'snapshot0.numDisks': '1',
      'snapshot0.disk0.fileName': 'base.vmdk',
      'snapshot0.numClones': '2',
      'snapshot0.clone0': elsewhere,
      'snapshot0.clone1': join(folder, 'gone', 'gone.vmx'),
    });
    expect(await namesOf(await DiskUsers.read(host, source), base)).toEqual(['far.vmx']);
    rmSync(elsewhere);
    expect(await namesOf(await DiskUsers.read(host, source), base)).toEqual([]);
  });

  it('are no linked clones that are known to have given up the disk', async () => {
    const base = layer(join(folder, 'given-up', 'base.vmdk'));
    const source = machineAt(join(folder, 'given-up', 'source.vmx'), 'linux');
    const clone = machineAt(write(join(folder, 'given-up-clone', 'clone.vmx'), 'config.version = "8"\n'), 'linux');
    const other = layer(join(folder, 'given-up-clone', 'other.vmdk'));
    const notes = {
      'snapshot0.uid': '1',
      'snapshot0.numDisks': '1',
      'snapshot0.disk0.fileName': 'base.vmdk',
      'snapshot0.numClones': '1',
      'snapshot0.clone0': clone.vmx,
    };
    const usersWith = async (disk: string) => {
      const machines = new Map([
        [source, base],
        [clone, disk],
      ]);
      return namesOf(await DiskUsers.read(hostOf(machines, 'linux', notes), source), base);
    };
    expect(await usersWith(layer(join(folder, 'given-up-clone', 'child.vmdk'), base))).toEqual(['clone.vmx']);
    expect(await usersWith(other)).toEqual([]);
  });

  it('are linked clones also where they are out of reach', async () => {
    const base = layer(join(folder, 'reach', 'base.vmdk'));
    const source = machineAt(join(folder, 'reach', 'source.vmx'), 'linux');
    const loop = join(folder, 'reach', 'loop');
    symlinkSync('loop', loop);
    const clone = join(loop, 'clone.vmx');
    const host = hostOf(new Map([[source, base]]), 'linux', {
      'snapshot0.uid': '1',
      'snapshot0.numDisks': '1',
      'snapshot0.disk0.fileName': 'base.vmdk',
      'snapshot0.numClones': '1',
      'snapshot0.clone0': clone,
    });
    expect(await (await DiskUsers.read(host, source)).of(base)).toEqual([{ name: clone, path: clone }]);
  });

  it('stand on a layer that cannot be read, too', async () => {
    const damaged = write(join(folder, 'damaged', 'damaged.vmdk'), 'no disk');
    const child = layer(join(folder, 'damaged', 'child.vmdk'), 'damaged.vmdk');
    const source = machineAt(join(folder, 'damaged', 'source.vmx'), 'linux');
    const clone = machineAt(join(folder, 'damaged', 'clone.vmx'), 'linux');
    const host = hostOf(new Map([[clone, child]]), 'linux');
    expect(await namesOf(await DiskUsers.read(host, source), damaged)).toEqual(['clone.vmx']);
  });

  it.each([
    ['its configuration', 'EACCES', ['other.vmx'], { diskFiles: true }],
    ['its snapshots', 'EIO', ['other.vmx'], { snapshots: true }],
    ['a snapshot list that leads to itself', 'ELOOP', [], { snapshots: true }],
    ['a configuration that is gone', 'ENOENT', [], { diskFiles: true }],
  ])('are seen as far as they can be: not %s (%s)', async (_, code, unseen, fails) => {
    const base = layer(join(folder, `unseen-${code}`, 'base.vmdk'));
    const source = machineAt(join(folder, `unseen-${code}`, 'source.vmx'), 'linux');
    const other = machineAt(join(folder, `unseen-${code}`, 'other.vmx'), 'linux');
    const host = hostOf(
      new Map([
        [source, base],
        [other, base],
      ]),
      'linux',
    );
    const failing =
      <Answer>(method: 'diskFiles' | 'snapshots', look: (machine: Machine) => Promise<Answer>) =>
      async (machine: Machine) => {
        if (machine === other && method in fails) throw Object.assign(new Error(code), { code, errno: -1 });
        return look(machine);
      };
    const users = await DiskUsers.read(
      { ...host, diskFiles: failing('diskFiles', host.diskFiles), snapshots: failing('snapshots', host.snapshots) },
      source,
    );
    expect([...users.unseen.keys()]).toEqual(unseen);
    expect(users.doubt ?? '').toMatch(unseen.length > 0 ? new RegExp(`"other.vmx" needs it: .*${code}|may not`) : /^$/);
    expect(await namesOf(users, base)).toEqual('snapshots' in fails ? ['other.vmx'] : []);
  });

  it('are found by another name of the same file', async () => {
    const base = layer(join(folder, 'hard', 'base.vmdk'));
    const name = join(folder, 'hard', 'twin', 'other.vmdk');
    mkdirSync(dirname(name), { recursive: true });
    linkSync(base, name);
    const source = machineAt(join(folder, 'hard', 'source.vmx'), 'linux');
    const twin = machineAt(join(folder, 'hard', 'twin', 'twin.vmx'), 'linux');
    const host = hostOf(
      new Map([
        [source, base],
        [twin, name],
      ]),
      'linux',
    );
    expect(await namesOf(await DiskUsers.read(host, source), base)).toEqual(['twin.vmx']);
  });

  it('use the parts of a disk as well as its descriptor', async () => {
    const parts = join(folder, 'split', 'web-s001.vmdk');
    const descriptor = (path: string) =>
      write(path, `# Disk DescriptorFile\ncreateType="twoGbMaxExtentSparse"\nRW 2048 SPARSE "${parts}"\n`);
    write(parts, 'grains');
    const own = descriptor(join(folder, 'split', 'web.vmdk'));
    const copy = descriptor(join(folder, 'split-copy', 'web.vmdk'));
    const source = machineAt(join(folder, 'split', 'source.vmx'), 'linux');
    const twin = machineAt(join(folder, 'split-copy', 'twin.vmx'), 'linux');
    const host = hostOf(
      new Map([
        [source, own],
        [twin, copy],
      ]),
      'linux',
    );
    const users = await DiskUsers.read(host, source);
    expect([await namesOf(users, own), await namesOf(users, parts)]).toEqual([[], ['twin.vmx']]);
  });

  it('are disks without a VM, too: what was kept, and what a VM has that cannot be read', async () => {
    const base = layer(join(folder, 'loose-source', 'base.vmdk'));
    const kept = layer(join(folder, 'loose', 'kept.vmdk'), base);
    const source = machineAt(join(folder, 'loose-source', 'source.vmx'), 'linux');
    const survey = async () => ({ machines: [source], disks: [kept, base], hidden: new Map<string, string>() });
    const host = { ...hostOf(new Map([[source, base]]), 'linux'), survey };
    expect(await namesOf(await DiskUsers.read(host, source), base)).toEqual([kept]);
  });
});
