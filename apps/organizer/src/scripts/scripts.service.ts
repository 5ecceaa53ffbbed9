import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Archive } from '../archive/archive.ts';
import { History, nativeId, record } from '../testing/events.ts';
import { batchValue, shellWord } from './quote.ts';
import { kvmBackup, kvmSnapshot } from './kvm.ts';
import { prismBackup, prismSnapshot } from './prism.ts';
import { windowsBackup, windowsSnapshot } from './workstation-windows.ts';
import { workstationBackup, workstationSnapshot } from './workstation.ts';

const run = promisify(execFile);

const nasty = [
  'plain',
  "it's",
  '$(touch INJECTED)',
  '`touch INJECTED`',
  '"; touch INJECTED; "',
  "'; touch INJECTED; '",
  'line\ntouch INJECTED\n',
  '-rf',
  '--help',
  '🚀 é 日本',
  '%PATH% !x! ^ & |',
  'back\\slash',
];

describe('scripts', () => {
  let folder: string;
  let bin: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-scripts-'));
    bin = join(folder, 'bin');
    await mkdir(bin);
  });

  afterEach(() => rm(folder, { recursive: true }));

  const program = async (path: string, text: string) => {
    await writeFile(path, text);
    await chmod(path, 0o755);
  };

  /** Stands in for a program: notes its arguments, one a line with a blank line behind, and does what the text says. */
  const fake = (name: string, text = '') =>
    program(
      join(bin, name),
      `#!/bin/sh\n{ for word in "$@"; do printf '<%s>\\n' "$word"; done; printf '\\n'; } >>"$CALLS"\n${text}\n`,
    );

  const script = async (text: string, args: string[] = [], environment: Record<string, string> = {}) => {
    const path = join(folder, 'script.sh');
    await program(path, text);
    return run(path, args, {
      // One that would wait for ever is not left behind.
      timeout: 60_000,
      cwd: folder,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, CALLS: join(folder, 'calls'), ...environment },
    });
  };

  const calls = async () =>
    (await readFile(join(folder, 'calls'), 'utf8'))
      .split('\n\n')
      .filter((call) => call !== '')
      .map((call) => call.split('\n').map((word) => word.slice(1, -1)));

  describe('for KVM', () => {
    /** Answers like virsh for a machine with the given disks; a backup job copies them. */
    const fakeVirsh = async (state: string, disks: Array<{ device: string; format: string; source: string }>) => {
      const xml = [
        '<domain>',
        '  <devices>',
        ...disks.flatMap(({ device, format, source }) => [
          `    <disk type='file' device='disk'>`,
          `      <driver name='qemu' type='${format}'/>`,
          `      <source file='${source.replaceAll("'", '&apos;')}'/>`,
          `      <backingStore type='file'>`,
          `        <format type='raw'/>`,
          `      </backingStore>`,
          `      <target dev='${device}' bus='virtio'/>`,
          `    </disk>`,
        ]),
        `    <disk type='file' device='cdrom'>`,
        `      <driver name='qemu' type='raw'/>`,
        `      <target dev='sda' bus='sata'/>`,
        `      <readonly/>`,
        `    </disk>`,
        '  </devices>',
        '</domain>',
      ].join('\n');
      await writeFile(join(folder, 'answer.xml'), xml);
      const list = [
        ' Type   Device   Target   Source',
        '------------------------------------------------',
        ...disks.map(({ device, source }) => ` file   disk     ${device}      ${source}`),
        ' file   cdrom    sda      -',
        '',
      ];
      await writeFile(join(folder, 'answer.list'), list.join('\n'));
      await fake(
        'virsh',
        `case $1 in
          domstate) printf '%s\\n\\n' '${state}' ;;
          dumpxml) cat '${folder}/answer.xml' ;;
          domblklist) cat '${folder}/answer.list' ;;
          backup-begin)
            cp "$5" '${folder}/backup.xml'
            [ -z "\${FAIL_JOB:-}" ] || exit 0
            sed -n "s/.*target file='\\([^']*\\)'.*/\\1/p" "$5" | sed "s/&apos;/'/g; s/&amp;/\\&/g" | while IFS= read -r file; do printf copy >"$file"; done ;;
          domjobinfo)
            case "$*" in
              *--completed*) if [ -n "\${FAIL_JOB:-}" ]; then echo 'Job type: Failed'; else echo 'Job type: Completed'; fi ;;
              *) echo 'Job type:         None' ;;
            esac ;;
        esac`,
      );
    };

    const image = async (path: string, format: string) => {
      await run('qemu-img', ['create', '-q', '-f', format, path, '1M']);
      await run('qemu-io', ['-f', format, '-c', 'write -P 0x5a 0 64k', path]);
    };

    it('copies the disks of a VM that is off, each whole and in its format', async () => {
      const disks = [
        { device: 'vda', format: 'qcow2', source: join(folder, 'a disk with spaces & $(touch INJECTED).qcow2') },
        { device: 'vdb', format: 'raw', source: join(folder, "it's.img") },
      ];
      for (const { source, format } of disks) await image(source, format);
      await fakeVirsh('shut off', disks);
      const { stdout } = await script(kvmBackup(nativeId, 'web-1'), [join(folder, 'my backups')]);
      const backup = stdout.trimEnd();
      expect(backup).toMatch(/\/my backups\/web-1_\d{8}T\d{6}Z$/);
      expect(await readdir(backup)).toEqual(['disks.tsv', 'domain.xml', 'vda.qcow2', 'vdb.raw']);
      await run('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', disks[0]!.source, join(backup, 'vda.qcow2')]);
      await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', disks[1]!.source, join(backup, 'vdb.raw')]);
      expect(await readFile(join(backup, 'disks.tsv'), 'utf8')).toBe(
        `vda.qcow2\t${disks[0]!.source}\nvdb.raw\t${disks[1]!.source}\n`,
      );
      expect(await readdir(folder)).not.toContain('INJECTED');
      for (const call of await calls()) expect(call.slice(1, 3)).toEqual(['--domain', nativeId]);
    });

    it('never takes what a guest wrote into a raw disk for the format of the disk', async () => {
      const secret = join(folder, 'secret');
      await writeFile(secret, 'secret'.repeat(200));
      const source = join(folder, 'evil.img');
      await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', secret, '-F', 'raw', source]);
      await fakeVirsh('shut off', [{ device: 'vda', format: 'raw', source }]);
      const { stdout } = await script(kvmBackup(nativeId, 'web-1'));
      expect(await readFile(join(stdout.trimEnd(), 'vda.raw'))).toEqual(
        await readFile(source).then((content) =>
          Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]),
        ),
      );
    });

    it('has libvirt copy the disks of a VM that runs, and moves the copies', async () => {
      await mkdir(join(folder, "the pool's & more"));
      const source = join(folder, "the pool's & more", 'a.qcow2');
      await image(source, 'qcow2');
      await fakeVirsh('running', [{ device: 'vda', format: 'qcow2', source }]);
      const { stdout } = await script(kvmBackup(nativeId, 'web-1'));
      const backup = stdout.trimEnd();
      expect(backup.startsWith(join(folder, 'backups/web-1_'))).toBe(true);
      expect(await readFile(join(backup, 'vda.qcow2'), 'utf8')).toBe('copy');
      expect(await readdir(backup)).toEqual(['disks.tsv', 'domain.xml', 'vda.qcow2']);
      expect(await readdir(join(folder, "the pool's & more"))).toEqual(['a.qcow2']);
    });

    it('leaves nothing behind when it fails', async () => {
      const source = join(folder, 'a.qcow2');
      await image(source, 'qcow2');
      await fakeVirsh('running', [{ device: 'vda', format: 'qcow2', source }]);
      await expect(script(kvmBackup(nativeId, 'web-1'), [], { FAIL_JOB: 'yes' })).rejects.toMatchObject({
        code: 1,
        stderr: 'The backup job of libvirt failed.\n',
      });
      await rm(source);
      await fakeVirsh('shut off', [{ device: 'vda', format: 'qcow2', source }]);
      await expect(script(kvmBackup(nativeId, 'web-1'))).rejects.toMatchObject({
        stderr: expect.stringContaining('a.qcow2'),
      });
      await fake('virsh', 'echo "error: failed to get domain" >&2; exit 1');
      await expect(script(kvmBackup(nativeId, 'web-1'))).rejects.toMatchObject({
        stderr: 'error: failed to get domain\n',
      });
      expect(await readdir(join(folder, 'backups'))).toEqual([]);
    });

    it.each([
      ['domblklist', 'which disks'],
      ['domjobinfo', 'how the backup goes on'],
      ['completed', 'how the backup ended'],
    ])('fails, and ends, when virsh fails at %s', async (step, sentence) => {
      const source = join(folder, 'a.qcow2');
      await image(source, 'qcow2');
      await fakeVirsh('running', [{ device: 'vda', format: 'qcow2', source }]);
      const virsh = await readFile(join(bin, 'virsh'), 'utf8');
      const fails =
        step === 'completed'
          ? '*--completed*) false'
          : `${step}*) case "$*" in *--completed*) true ;; *) false ;; esac`;
      const said = 'error: Requested operation is not valid: domain is not running';
      await program(
        join(bin, 'virsh'),
        virsh.replace('\n', `\ncase "$*" in ${fails} || { echo '${said}' >&2; exit 1; } ;; esac\n`),
      );
      await expect(script(kvmBackup(nativeId, 'web-1'))).rejects.toMatchObject({
        code: 1,
        killed: false,
        stderr: expect.stringMatching(new RegExp(`^${said}\\n.*${sentence}.*\\n$`)),
      });
      expect(await readdir(join(folder, 'backups'))).toEqual([]);
      expect((await readdir(folder)).filter((name) => name.startsWith('.polyvirt'))).toEqual([]);
    });

    it.each(nasty)('takes a snapshot called %j', async (name) => {
      await fake('virsh');
      await script(kvmSnapshot(nativeId), [name]);
      expect(await readdir(folder)).not.toContain('INJECTED');
      const call = (await readFile(join(folder, 'calls'), 'utf8')).replace(/\n\n$/, '');
      expect(call).toContain(`<--domain>\n<${nativeId}>\n<--name=${name}>\n`);
    });

    it.each(nasty)('works for a VM called %j', async (name) => {
      const log = { warn: () => {} };
      const archive = await Archive.open(join(folder, 'archive'), log);
      const { folder: own } = await archive.apply(new History().add('vm.created', record({ name })));
      await fakeVirsh('shut off', []);
      const environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, CALLS: join(folder, 'calls') };
      const options = { cwd: folder, env: environment };
      const { stdout } = await run(join(archive.root, own, 'backup_script.sh'), [], options);
      expect(await readdir(stdout.trimEnd())).toEqual(['disks.tsv', 'domain.xml']);
      await run(join(archive.root, own, 'snapshot_script.sh'), [], options);
      expect((await calls()).at(-1)![0]).toBe('snapshot-create-as');
      expect(await readdir(folder)).not.toContain('INJECTED');
    });
  });

  describe('for Workstation', () => {
    const machine = async (name: string) => {
      const home = join(folder, 'vms', name);
      await mkdir(join(home, 'web.vmx.lck'), { recursive: true });
      await writeFile(join(home, 'web.vmx'), 'displayName');
      await writeFile(join(home, 'web.vmdk'), 'disk');
      return join(home, 'web.vmx');
    };

    it.each(nasty)('copies and snapshots a VM in a folder called %j', async (name) => {
      const vmx = await machine(name);
      await fake('vmrun', `[ "$3" != list ] || printf 'Total running VMs: 0\\r\\n'`);
      const { stdout } = await script(workstationBackup(vmx, 'web'));
      expect((await readdir(stdout.trimEnd())).sort()).toEqual(['web.vmdk', 'web.vmx']);
      await script(workstationSnapshot(vmx), [name]);
      const call = (await readFile(join(folder, 'calls'), 'utf8')).trimEnd();
      expect(call.endsWith(`<-T>\n<ws>\n<snapshot>\n<${vmx}>\n<${name}>`)).toBe(true);
      expect(await readdir(folder)).not.toContain('INJECTED');
    });

    it('suspends a running VM for the time of the copy, and lets it go on even when the copy fails', async () => {
      const vmx = await machine('web');
      await fake('vmrun', `[ "$3" != list ] || printf 'Total running VMs: 1\\r\\n%s\\r\\n' '${vmx}'`);
      await script(workstationBackup(vmx, 'web'));
      await fake('cp', 'exit 1');
      await expect(script(workstationBackup(vmx, 'web-2'))).rejects.toMatchObject({ code: 1 });
      expect((await calls()).filter(([first]) => first === '-T').map((call) => call[2])).toEqual([
        ...['list', 'suspend', 'start'],
        ...['list', 'suspend', 'start'],
      ]);
      expect((await readdir(join(folder, 'backups'))).length).toBe(1);
    });

    it('copies nothing when vmrun does not say what is running', async () => {
      const vmx = await machine('web');
      await fake('vmrun', 'echo "Error: Unable to connect" >&2; exit 255');
      await expect(script(workstationBackup(vmx, 'web'))).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('which VMs are running'),
      });
      expect(await readdir(join(folder, 'backups'))).toEqual([]);
      expect((await calls()).map((call) => call[2])).toEqual(['list']);
    });

    it('says what is missing', async () => {
      await fake('vmrun');
      await expect(script(workstationSnapshot(''))).rejects.toMatchObject({
        stderr: expect.stringContaining('in VMX'),
      });
      await expect(script(workstationSnapshot('/none.vmx'))).rejects.toMatchObject({
        stderr: 'Cannot read /none.vmx.\n',
      });
      const moved = await machine('moved');
      await script(workstationSnapshot('/none.vmx'), ['s'], { VMX: moved });
    });

    it('on Windows, closes the folder of a backup to others before the VM is suspended and anything is copied', () => {
      const text = windowsBackup('C:\\VMs\\web.vmx', 'web');
      const steps = [
        'mkdir "%WORK%"',
        'icacls "%WORK%" /inheritance:r ',
        ' suspend "%VMX%"',
        'robocopy "%SOURCE%" "%WORK%"',
      ];
      const places = steps.map((step) => text.indexOf(step));
      expect(places).toEqual([...places].sort((a, b) => a - b));
      expect(places).not.toContain(-1);
      expect(text).toContain('"%USERDOMAIN%\\%USERNAME%:(OI)(CI)F"');
    });

    it('on Windows, ends lines as cmd wants and doubles percent signs', () => {
      for (const text of [
        windowsBackup('C:\\VMs\\100%\\a & b.vmx', 'web'),
        windowsSnapshot('C:\\VMs\\100%\\a & b.vmx'),
      ]) {
        expect(text).toContain('set "VMX=C:\\VMs\\100%%\\a & b.vmx"\r\n');
        expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
        expect(text).toMatch(/^@echo off\r\n/);
        expect(text).toContain('DisableDelayedExpansion');
        // vmrun may fail with -1, which `if errorlevel 1` lets pass, and a pipe forgets how its first part ended.
        expect(text).not.toMatch(/VMRUN%" -T[^\r\n|]*(?:\|(?!\|)|\r\nif errorlevel)/);
      }
    });
  });

  describe('for Nutanix', () => {
    const account = {
      PRISM_URL: 'https://prism:9440/',
      PRISM_USERNAME: 'admin',
      PRISM_PASSWORD: 'pass "word" \\ $(touch INJECTED)',
    };
    const curl = (status: string) => `cat >>"$CALLS.config"
      case "$*" in
        */tasks/*) printf '{"status": "${status}", "uuid": "t"}' ;;
        *snapshot*) printf '{"task_uuid": "t-1"}' ;;
        *) printf '{"spec": {}}' ;;
      esac`;

    it('saves the specification and takes a recovery point', async () => {
      await fake('curl', curl('SUCCEEDED'));
      const { stdout } = await script(prismBackup(nativeId, 'web'), [], account);
      expect(await readdir(stdout.trimEnd())).toEqual(['prism-spec.json', 'recovery-point']);
      const urls = (await calls()).map((call) => call.at(-1));
      expect(urls).toEqual([
        `https://prism:9440/api/nutanix/v3/vms/${nativeId}`,
        `https://prism:9440/api/nutanix/v3/vms/${nativeId}/snapshot`,
        'https://prism:9440/api/nutanix/v3/tasks/t-1',
      ]);
      expect(JSON.stringify(await calls())).not.toContain('word');
      expect((await readFile(join(folder, 'calls.config'), 'utf8')).split('\n')[0]).toBe(
        'user = "admin:pass \\"word\\" \\\\ $(touch INJECTED)"',
      );
      expect(await readdir(folder)).not.toContain('INJECTED');
    });

    it.each(nasty)('takes a recovery point called %j', async (name) => {
      await fake('curl', curl('SUCCEEDED'));
      await script(prismSnapshot(nativeId), [name], account);
      const text = await readFile(join(folder, 'calls'), 'utf8');
      const body = JSON.parse(/<(\{"name".*\})>/.exec(text)![1]!) as { name: string };
      expect(body.name.trim()).toBe(name.replace('\n', ' ').trim());
    });

    it('fails, and ends, when Prism Central stops answering or gives no status', async () => {
      await fake('curl', `case "$*" in */tasks/*) exit 22 ;; esac\n${curl('RUNNING')}`);
      await expect(script(prismSnapshot(nativeId), [], account)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('how task t-1 goes on'),
      });
      await fake('curl', curl(''));
      await expect(script(prismSnapshot(nativeId), [], account)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no status of task t-1'),
      });
      await fake('curl', 'exit 22');
      await expect(script(prismSnapshot(nativeId), [], account)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('took no recovery point'),
      });
    });

    it('fails when the task does, and when it is told no account', async () => {
      await fake('curl', curl('FAILED'));
      await expect(script(prismSnapshot(nativeId), [], account)).rejects.toMatchObject({
        stderr: expect.stringContaining('task t-1 is FAILED'),
      });
      await expect(script(prismBackup(nativeId, 'web'), [], account)).rejects.toMatchObject({ code: 1 });
      expect(await readdir(join(folder, 'backups'))).toEqual([]);
      await expect(script(prismSnapshot(nativeId))).rejects.toMatchObject({
        stderr: expect.stringContaining('PRISM_URL'),
      });
    });
  });

  it('are such as a POSIX shell reads', async () => {
    for (const text of [
      ...[kvmBackup(nativeId, 'web'), kvmSnapshot(nativeId), prismBackup(nativeId, 'web'), prismSnapshot(nativeId)],
      ...[workstationBackup('/web.vmx', 'web'), workstationSnapshot('/web.vmx')],
    ]) {
      await program(join(folder, 'script.sh'), text);
      await run('sh', ['-n', join(folder, 'script.sh')]);
    }
  });

  it('quotes every word for a shell', async () => {
    for (const word of nasty) {
      const { stdout } = await script(`#!/bin/sh\nprintf '%s' ${shellWord(word)}\n`);
      expect(stdout).toBe(word);
    }
    expect(shellWord('a\0b')).toBe(`'ab'`);
    expect(batchValue('a"b\n%c')).toBe('ab%%c');
  });
});
