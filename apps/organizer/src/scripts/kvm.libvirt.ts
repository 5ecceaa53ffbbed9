import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kvmBackup, kvmSnapshot } from './kvm.ts';

const run = promisify(execFile);
const virsh = async (...args: string[]) =>
  (await run('virsh', ['-c', 'qemu:///system', ...args], { env: { ...process.env, LC_ALL: 'C' } })).stdout.trim();

/** For a script that hangs, on the slowest machine. */
const PATIENCE_MS = 180_000;

/** The scripts against the real thing: a machine with two disks whose name is no easier than it has to be. */
describe('the scripts for KVM on libvirt', () => {
  const uuid = randomUUID();
  const name = `polyvirt-organizer it's "$(x)" 🚀 ${uuid.slice(0, 8)}`;
  let folder: string;
  let pool: string;
  const disk = (device: string) => join(pool, `the disk's ${device}.img`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-scripts-'));
    // QEMU runs as a user that may not look into the temporary folder of ours.
    await chmod(folder, 0o755);
    pool = join(folder, 'pool & more');
    await mkdir(pool);
    await chmod(pool, 0o777);
    for (const [device, format] of [
      ['vda', 'qcow2'],
      ['vdb', 'qcow2'],
    ] as const) {
      await run('qemu-img', ['create', '-q', '-f', format, disk(device), '8M']);
      await run('qemu-io', ['-f', format, '-c', `write -P 0x${device === 'vda' ? '5a' : 'a5'} 1M 1M`, disk(device)]);
    }
    const escape = (text: string) =>
      text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll("'", '&apos;').replaceAll('"', '&quot;');
    const xml = `<domain type='qemu'>
      <name>${escape(name)}</name><uuid>${uuid}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
      <os><type arch='x86_64'>hvm</type></os>
      <devices>
        ${['vda', 'vdb']
          .map(
            (device) => `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
              <source file='${escape(disk(device))}'/><target dev='${device}' bus='virtio'/></disk>`,
          )
          .join('')}
        <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
      </devices></domain>`;
    await writeFile(join(folder, 'domain.xml'), xml);
    await virsh('define', join(folder, 'domain.xml'));
    for (const [file, text] of [
      ['backup_script.sh', kvmBackup(uuid, 'web-1')],
      ['snapshot_script.sh', kvmSnapshot(uuid)],
    ] as const) {
      await writeFile(join(folder, file), text);
      await chmod(join(folder, file), 0o755);
    }
  });

  afterAll(async () => {
    await virsh('destroy', uuid).catch(() => {});
    await virsh('undefine', uuid, '--snapshots-metadata', '--managed-save');
    await rm(folder, { recursive: true });
  });

  /** Tests find it in the state they need, whatever the one before has left. */
  const turn = async (wanted: 'running' | 'shut off') => {
    if ((await virsh('domstate', uuid)) !== wanted) await virsh(wanted === 'running' ? 'start' : 'destroy', uuid);
  };

  const backUp = async (target: string) => {
    const { stdout } = await run(join(folder, 'backup_script.sh'), [join(folder, target)]);
    const backup = stdout.trimEnd();
    expect(await readdir(backup)).toEqual(['disks.tsv', 'domain.xml', 'vda.qcow2', 'vdb.qcow2']);
    expect(await readFile(join(backup, 'domain.xml'), 'utf8')).toContain(uuid);
    for (const [device, pattern] of [
      ['vda', '0x5a'],
      ['vdb', '0xa5'],
    ] as const) {
      const { stdout: read } = await run('qemu-io', [
        ...['-r', '-f', 'qcow2', '-c', `read -P ${pattern} 1M 1M`, '-c', 'read -P 0 2M 6M'],
        join(backup, `${device}.qcow2`),
      ]);
      expect(read).not.toContain('verification failed');
      const { stdout: check } = await run('qemu-img', ['check', '-f', 'qcow2', join(backup, `${device}.qcow2`)]);
      expect(check).toContain('No errors');
    }
    expect((await readdir(pool)).sort()).toEqual(["the disk's vda.img", "the disk's vdb.img"]);
  };

  it(
    'back up a machine that is off',
    async () => {
      await turn('shut off');
      await backUp('off');
    },
    PATIENCE_MS,
  );

  it(
    'back up a machine that runs, and one that is paused',
    async () => {
      await turn('running');
      await backUp('running');
      await virsh('suspend', uuid);
      await backUp('paused');
      await virsh('resume', uuid);
      expect(await virsh('domstate', uuid)).toBe('running');
    },
    PATIENCE_MS,
  );

  it(
    'take a snapshot of a machine that runs, whatever the name',
    async () => {
      await turn('running');
      for (const snapshot of ["-it's a $(x) 🚀", undefined]) {
        await run(join(folder, 'snapshot_script.sh'), snapshot === undefined ? [] : [snapshot]);
      }
      const names = (await virsh('snapshot-list', uuid, '--name')).split('\n');
      expect(names).toEqual(["-it's a $(x) 🚀", expect.stringMatching(/^snapshot-\d{8}T\d{6}Z$/)]);
      for (const snapshot of names) await virsh('snapshot-delete', uuid, '--snapshotname', snapshot);
    },
    PATIENCE_MS,
  );

  describe('for a machine that is more than its disks', () => {
    const own = randomUUID();
    const called = `polyvirt-uefi-${own.slice(0, 8)}`;
    const nvram = `/var/lib/libvirt/qemu/nvram/${called}_VARS.fd`;

    beforeAll(async () => {
      const poolXml = `<pool type='dir'><name>${called} & pool</name><target><path>${folder}/of volumes</path></target></pool>`;
      await mkdir(join(folder, 'of volumes'));
      await chmod(join(folder, 'of volumes'), 0o777);
      await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder, 'of volumes', 'a b.qcow2'), '8M']);
      await writeFile(join(folder, 'pool.xml'), poolXml.replace('&', '&amp;'));
      await virsh('pool-create', join(folder, 'pool.xml'));
      // As other tools make it: libvirt finds the firmware variables by the name.
      await writeFile(
        join(folder, 'uefi.xml'),
        `<domain type='qemu'><name>${called}</name><uuid>${own}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
          <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
          <devices><disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>
            <source pool='${called} &amp; pool' volume='a b.qcow2'/><target dev='vda' bus='virtio'/></disk></devices></domain>`,
      );
      await virsh('define', join(folder, 'uefi.xml'));
      await writeFile(join(folder, 'uefi.sh'), kvmBackup(own, 'uefi'));
      await chmod(join(folder, 'uefi.sh'), 0o755);
    });

    afterAll(async () => {
      await virsh('destroy', own).catch(() => {});
      await virsh('undefine', own, '--nvram', '--managed-save', '--snapshots-metadata');
      await virsh('pool-destroy', `${called} & pool`);
    });

    const backUpAll = async (target: string) => {
      const { stdout } = await run(join(folder, 'uefi.sh'), [join(folder, target)]);
      const places = (await readFile(join(stdout.trimEnd(), 'disks.tsv'), 'utf8')).trimEnd().split('\n');
      return {
        backup: stdout.trimEnd(),
        places: Object.fromEntries(places.map((line) => line.split('\t') as [string, string])),
      };
    };
    const disk = { 'vda.qcow2': () => join(folder, 'of volumes', 'a b.qcow2') };

    it('copy the volume of a pool, and no firmware variables before the first start', async () => {
      const { backup, places } = await backUpAll('new');
      expect(await readdir(backup)).toEqual(['disks.tsv', 'domain.xml', 'vda.qcow2']);
      expect(places).toEqual({ 'vda.qcow2': disk['vda.qcow2']() });
    });

    it('copy the firmware variables, on or off, and the saved memory; put back, the machine continues', async () => {
      await virsh('start', own);
      expect((await backUpAll('running')).places).toEqual({ 'vda.qcow2': disk['vda.qcow2'](), nvram });
      await virsh('managedsave', own);
      await run('sh', ['-c', `printf keys | dd of='${nvram}' conv=notrunc status=none`]);
      const { backup, places } = await backUpAll('suspended');
      const memory = `/var/lib/libvirt/qemu/save/${called}.save`;
      expect(places).toEqual({ 'vda.qcow2': disk['vda.qcow2'](), nvram, memory });
      // As the README of the archive says.
      await virsh('undefine', own, '--nvram', '--managed-save');
      await rm(disk['vda.qcow2']());
      for (const [file, path] of Object.entries(places)) await run('cp', ['-Rp', join(backup, file), path]);
      await virsh('define', join(backup, 'domain.xml'));
      expect((await readFile(nvram)).subarray(0, 4).toString()).toBe('keys');
      await virsh('start', own);
      expect(await virsh('domstate', own, '--reason')).toContain('restored');
    }, 60_000);

    it('copy what the disk of a machine with snapshots holds now, on or off, and leave it its snapshots', async () => {
      await virsh('destroy', own).catch(() => {});
      const path = disk['vda.qcow2']();
      const qemuIo = async (command: string, file: string) =>
        (await run('qemu-io', ['-f', 'qcow2', '-c', command, file])).stdout;
      // As those of VMs with firmware variables are kept: inside the disk, and told to libvirt.
      await qemuIo('write -q -P 0x11 1M 64k', path);
      await run('qemu-img', ['snapshot', '-c', 'before', path]);
      await writeFile(
        join(folder, 'snapshot.xml'),
        `<domainsnapshot><name>before</name><state>shutoff</state><creationTime>1</creationTime><memory snapshot='no'/>
          <disks><disk name='vda' snapshot='internal'/></disks>${await virsh('dumpxml', '--inactive', own)}</domainsnapshot>`,
      );
      await virsh('snapshot-create', own, join(folder, 'snapshot.xml'), '--redefine');
      await qemuIo('write -q -P 0x22 1M 64k', path);
      for (const turned of ['off', 'on']) {
        if (turned === 'on') await virsh('start', own);
        const { backup } = await backUpAll(`with a snapshot, ${turned}`);
        const copy = join(backup, 'vda.qcow2');
        expect(await qemuIo('read -P 0x22 1M 64k', copy)).not.toContain('verification failed');
        expect((await run('qemu-img', ['snapshot', '-l', copy])).stdout).toBe('');
        expect(await virsh('snapshot-list', own, '--name')).toBe('before');
      }
      await virsh('destroy', own);
      await run('qemu-img', ['snapshot', '-a', 'before', path]);
      expect(await qemuIo('read -P 0x11 1M 64k', path)).not.toContain('verification failed');
    }, 60_000);
  });

  it('copy the state of a TPM, on or off; put back, the machine starts with what it had sealed', async () => {
    const [own, called] = [randomUUID(), `polyvirt-tpm-${uuid.slice(0, 8)}`];
    const state = `/var/lib/libvirt/swtpm/${own}`;
    await writeFile(
      join(folder, 'tpm.xml'),
      `<domain type='qemu'><name>${called}</name><uuid>${own}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
        <os><type arch='x86_64'>hvm</type></os><devices><tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm></devices>
      </domain>`,
    );
    if (!(await virsh('domcapabilities')).includes('<value>emulator</value>')) {
      // No swtpm on this machine, so that no VM of it has a TPM: apt-get install swtpm swtpm-tools.
      await expect(virsh('define', join(folder, 'tpm.xml'))).rejects.toThrow(/TPM/i);
      return;
    }
    await virsh('define', join(folder, 'tpm.xml'));
    try {
      const script = join(folder, 'tpm.sh');
      await writeFile(script, kvmBackup(own, 'tpm'));
      await chmod(script, 0o755);
      const backUp = async (target: string) => (await run(script, [join(folder, target)])).stdout.trimEnd();
      await virsh('start', own);
      await backUp('sealing');
      await virsh('destroy', own);
      await writeFile(join(state, 'tpm2', 'mark'), 'sealed');
      const backup = await backUp('sealed');
      expect(await readFile(join(backup, 'disks.tsv'), 'utf8')).toBe(`tpm\t${state}\n`);
      // As the README of the archive says.
      await virsh('undefine', own);
      await rm(state, { recursive: true, force: true });
      await run('cp', ['-Rp', join(backup, 'tpm'), state]);
      await virsh('define', join(backup, 'domain.xml'));
      await virsh('start', own);
      expect(await readFile(join(state, 'tpm2', 'mark'), 'utf8')).toBe('sealed');
    } finally {
      await virsh('destroy', own).catch(() => {});
      await virsh('undefine', own);
      await rm(state, { recursive: true, force: true });
    }
  }, 60_000);

  it('say so when the machine is gone', async () => {
    const other = join(folder, 'gone.sh');
    await writeFile(other, kvmBackup(randomUUID(), 'gone'));
    await chmod(other, 0o755);
    await expect(run(other, [join(folder, 'gone')])).rejects.toMatchObject({
      stderr: expect.stringContaining('failed to get domain'),
    });
    expect(await readdir(join(folder, 'gone'))).toEqual([]);
  });
});
