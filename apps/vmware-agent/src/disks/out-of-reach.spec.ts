import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Discovery } from '../inventory/discovery.ts';
import { machineAt } from '../inventory/identity.ts';
import { Machines } from '../inventory/machines.ts';
import type { PowerOffWork } from '../inventory/power-off-work.ts';
import type { Running } from '../inventory/running.ts';
import { keepFor } from '../lifecycle/kept-disks.ts';
import { abandonedBases, remainsOf } from '../lifecycle/remains.ts';
import type { Leases } from '../network/leases.ts';
import { DiskUsers } from './disk-users.ts';

/** Who may read only what is everybody's; root may read all. */
const NOBODY = 65_534;

let root = '';
let vms = '';
let templates = '';
let inventory = '';
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'out-of-reach-')));
  [vms, templates, inventory] = [join(root, 'vms'), join(root, 'templates'), join(root, 'inventory.vmls')];
  for (const folder of [vms, templates]) mkdirSync(folder);
});
afterEach(() => {
  for (const path of hidden.splice(0)) chmodSync(path, 0o700);
  rmSync(root, { recursive: true, force: true });
});

const hidden: string[] = [];
const hide = (path: string) => {
  chmodSync(path, 0);
  hidden.push(path);
};
const show = () => {
  for (const path of hidden.splice(0)) chmodSync(path, 0o700);
};
const write = (path: string, text: string) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
const disk = (path: string, parent?: string) =>
  write(
    path,
    `# Disk DescriptorFile\nparentCID=${parent === undefined ? 'ffffffff' : '12345678'}\ncreateType="monolithicSparse"\n${
      parent === undefined ? '' : `parentFileNameHint="${parent}"\n`
    }RW 2048 SPARSE "${path.replace(/^.*\//, '')}"\n`,
  );
const vmx = (path: string, diskPath: string) =>
  write(
    path,
    `config.version = "8"\nvirtualHW.version = "21"\nscsi0.present = "TRUE"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "${diskPath}"\n`,
  );

/** As an agent that has just started, and that is nobody who may read all. */
async function asAgent<Result>(look: (machines: Machines) => Promise<Result>): Promise<Result> {
  const machines = new Machines({
    discovery: new Discovery({ platform: 'linux', folders: [vms], templates, inventoryFile: inventory }),
    running: { list: async () => ({ paths: [], has: () => false }) } as unknown as Running,
    leases: {} as Leases,
    powerOffWork: {} as PowerOffWork,
    codePage: 'windows-1252',
    imageFolder: join(root, 'images'),
  });
  const isRoot = process.geteuid!() === 0;
  if (!isRoot) return look(machines);
  for (const path of [root, ...readdirSync(root, { recursive: true, encoding: 'utf8' }).map((one) => join(root, one))])
    chownSync(path, NOBODY, NOBODY);
  process.seteuid!(NOBODY);
  try {
    return await look(machines);
  } finally {
    process.seteuid!(0);
  }
}

describe('a disk that a VM may stand on which cannot be seen now', () => {
  let source = '';
  let base = '';
  beforeEach(() => {
    base = disk(join(vms, 'source', 'base.vmdk'));
    source = vmx(join(vms, 'source', 'source.vmx'), 'base.vmdk');
    write(join(vms, 'source', 'source.nvram'), 'variables');
  });

  const remains = () => asAgent((machines) => remainsOf(machineAt(source, 'linux'), machines, 'delete'));
  /** A linked clone, or a copy that names the disk by its path. */
  const clone = (folder: string, kind: 'linked' | 'by path' = 'linked') => {
    const child = kind === 'linked' ? disk(join(folder, 'child.vmdk'), base) : base;
    return vmx(join(folder, 'clone.vmx'), child);
  };

  it.each<[string, () => { at: string; spoil: () => void }]>([
    ['its folder', () => at(dirname(clone(join(vms, 'clone'))))],
    ['its folder, of a copy', () => at(dirname(clone(join(vms, 'clone'), 'by path')))],
    ['the group of its folder', () => at(dirname(dirname(clone(join(vms, 'group', 'clone')))))],
    ['its .vmx file', () => at(clone(join(vms, 'clone'), 'by path'))],
    ['its folder among the templates', () => at(dirname(clone(join(templates, 'clone'))))],
    [
      'its folder that only the window knows',
      () => {
        const path = clone(join(root, 'elsewhere', 'clone'), 'by path');
        write(inventory, `vmlist1.config = "${path}"\n`);
        return at(dirname(path));
      },
    ],
    [
      'the inventory of the window',
      () => {
        write(inventory, `vmlist1.config = "${clone(join(root, 'elsewhere', 'clone'), 'by path')}"\n`);
        return at(inventory);
      },
    ],
    ['a disk that was kept', () => at(disk(join(vms, 'kept', 'kept.vmdk'), base))],
    [
      'a disk between',
      () => {
        const between = disk(join(root, 'elsewhere', 'between.vmdk'), base);
        vmx(join(vms, 'clone', 'clone.vmx'), disk(join(vms, 'clone', 'child.vmdk'), between));
        return at(between);
      },
    ],
    [
      'half a .vmx file',
      () => {
        const path = clone(join(vms, 'clone'), 'by path');
        return { at: path, spoil: () => writeFileSync(path, 'config.version = "8"\n') };
      },
    ],
  ])('stays, and it is said why: %s', async (_, arrange) => {
    const { at: place, spoil } = arrange();
    expect((await remains()).inherited).toEqual([base]);
    spoil();
    const { files, kept, isWhole, notes } = await remains();
    expect(kept).toEqual([base]);
    expect(isWhole).toBe(false);
    for (const path of [base, source.replace(/vmx$/, 'nvram')]) {
      expect(files).not.toContain(path);
      expect(notes).toContainEqual(
        expect.stringMatching(new RegExp(`^Kept ${path}: .*${place}.* If nothing needs it`)),
      );
    }
    const users = await asAgent((machines) => DiskUsers.read(machines));
    expect(users.doubt).toContain(place);
  });

  const at = (path: string) => ({ at: path, spoil: () => hide(path) });

  it('goes when all can be seen again, and beside what nobody ever reads', async () => {
    const path = clone(join(vms, 'clone'));
    hide(dirname(path));
    expect((await remains()).kept).toEqual([base]);
    show();
    rmSync(dirname(path), { recursive: true });
    mkdirSync(join(vms, 'lost+found'));
    hide(join(vms, 'lost+found'));
    expect(await remains()).toMatchObject({ kept: [], inherited: [], isWhole: true });
  });

  it('stays for a linked clone on a medium that is not there, and not for one that was deleted', async () => {
    const notes = (path: string) =>
      write(
        source.replace(/vmx$/, 'vmsd'),
        `snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.numDisks = "1"\nsnapshot0.disk0.fileName = "base.vmdk"\nsnapshot0.numClones = "1"\nsnapshot0.clone0 = "${path}"\n`,
      );
    const unplugged = join(root, 'medium', 'vms', 'clone', 'clone.vmx');
    notes(unplugged);
    expect(await remains()).toMatchObject({ inherited: [base], heirs: [unplugged] });
    notes(join(vms, 'clone', 'clone.vmx'));
    expect(await remains()).toMatchObject({ inherited: [], kept: [] });
  });

  it.each<[string, (user: string) => void]>([
    ['is out of reach', (user) => hide(dirname(user))],
    ['has a disk that is out of reach', (user) => hide(join(dirname(user), 'child.vmdk'))],
    ['is on a medium that is not there', (user) => rmSync(dirname(dirname(user)), { recursive: true })],
  ])('stays as the kept base of a machine that is noted for it and %s', async (_, spoil) => {
    const user = clone(join(root, 'elsewhere', 'group', 'clone'));
    rmSync(source);
    await keepFor(dirname(base), [user], [base]);
    const top = disk(join(vms, 'other', 'top.vmdk'), base);
    const other = vmx(join(vms, 'other', 'other.vmx'), 'top.vmdk');
    spoil(user);
    const found = await asAgent((machines) => remainsOf(machineAt(other, 'linux'), machines, 'delete'));
    expect(found.abandoned).toEqual([]);
    rmSync(dirname(other), { recursive: true });
    expect(await asAgent((machines) => abandonedBases([top, base], machines))).toEqual([]);
  });

  it('is a volume like others when it was kept for somebody who is gone', async () => {
    rmSync(source);
    await keepFor(dirname(base), [join(vms, 'clone', 'clone.vmx')], [base]);
    expect((await asAgent((machines) => machines.survey())).disks).toEqual([base]);
    mkdirSync(join(vms, 'clone'));
    vmx(join(vms, 'clone', 'clone.vmx'), disk(join(vms, 'clone', 'child.vmdk'), base));
    expect((await asAgent((machines) => machines.survey())).disks).not.toContain(base);
  });
});
