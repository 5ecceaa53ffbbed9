import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../host/processes.ts';
import { LockFolder } from '../machine/lock-folder.ts';
import { Workbench } from '../testing/workbench.ts';

const DONE = { exit: 0, stdout: '', stderr: '' };
const NOT_ON = (vmx: string) => `Error: The virtual machine is not powered on: ${vmx}\n`;

// Numbers are the rows of the reference's golden transcripts.
jest.setTimeout(120_000);

describe('power commands', () => {
  let bench: Workbench;
  beforeEach(() => {
    bench = new Workbench();
  });
  afterEach(() => bench.close());

  it('8: start prints nothing and leaves a process that list and the log agree on', async () => {
    const vmx = bench.vm('web');
    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject(DONE);
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 1', vmx]);
    expect(bench.logOf(vmx)).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z In\(05\) vmx Log for VMware Workstation pid=\d+ version=17\.6\.3 build=build-24583834 option=Release\n/,
    );
    expect(isAlive(bench.pidOf(vmx))).toBe(true);
    expect(bench.filesOf(vmx)).toEqual(expect.arrayContaining(['web.vmx.lck', 'web.vmdk.lck', 'web.vmem.lck']));
  });

  it('9: on Windows a GUI keeps the pipes of start open until it is closed', async () => {
    bench.set({ style: 'windows', display: 'present' });
    const vmx = bench.vm('web');
    const child = bench.start('vmrun', ['-T', 'ws', 'start', vmx]);
    const events: string[] = [];
    const isClosed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    await new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.once('close', () => events.push('close'));
    expect(child.exitCode).toBe(0);
    expect((await bench.vmrun('list')).lines).toHaveLength(2);
    expect(events).toEqual([]);
    const holder = new LockFolder(vmx).holders().find(({ program }) => program === 'vmware.exe');
    process.kill(holder!.pid, 'SIGTERM');
    await isClosed;
  });

  it('9: on Linux nothing is held', async () => {
    bench.set({ display: 'present' });
    const vmx = bench.vm('web');
    const child = bench.start('vmrun', ['-T', 'ws', 'start', vmx, 'gui']);
    child.stdout!.resume();
    child.stderr!.resume();
    await new Promise<void>((resolve) => child.once('close', () => resolve()));
    expect(child.exitCode).toBe(0);
  });

  it.each([
    ['refuse', 'Error: The virtual machine should not be powered on. It is already running.\n', 255],
    ['already-running', 'Error: The virtual machine is already running\n', 255],
    ['succeed', '', 0],
  ] as const)('10: start of a running VM, startRunning %s', async (startRunning, stdout, exit) => {
    const vmx = await bench.runningVm('web');
    bench.set({ startRunning });
    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject({ exit, stdout, stderr: '' });
  });

  it('11, 40: a VM that is open in a window can neither be started without one nor deleted', async () => {
    bench.set({ display: 'present' });
    const vmx = bench.vm('web');
    const gui = bench.start('vmware', [vmx]);
    await bench.until(() => new LockFolder(vmx).holders().length > 0);
    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject({
      exit: 255,
      stdout: 'Error: The file is already in use\n',
    });
    expect(await bench.vmrun('deleteVM', vmx)).toMatchObject({ exit: 255, stdout: 'Error: This VM is in use.\n' });
    gui.kill('SIGTERM');
    await bench.until(() => !existsSync(`${vmx}.lck`));
    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject(DONE);
  });

  it.each([
    ['a hardware version that is too new', { 'virtualHW.version': '99' }],
    ['an unknown guest', { guestOS: 'plan9' }],
    ['a memory size that is no multiple of four', { memsize: '65' }],
    ['a disk that is missing', { 'scsi0:0.fileName': 'gone.vmdk' }],
    ['a state that is gone', { 'checkpoint.vmState': 'web-12345678.vmss' }],
    ['an adapter model it does not have', { 'ethernet0.virtualDev': 'virtio' }],
    ['NVMe without PCI Express ports', { 'nvme0.present': 'TRUE', 'pciBridge4.present': 'FALSE' }],
  ])('12: start is canceled for %s, and the log says why', async (_, entries) => {
    const vmx = bench.vm('web', entries);
    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject({
      exit: 255,
      stdout: 'Error: The operation was canceled\n',
    });
    expect(bench.logOf(vmx)).toContain('Msg_Post: Error');
    expect(bench.filesOf(vmx).filter((name) => name.endsWith('.lck'))).toEqual([]);
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 0']);
  });

  it('13, 14, 15: what cannot be opened is told apart', async () => {
    const missing = join(bench.folder, 'none.vmx');
    const other = join(bench.folder, 'other.txt');
    const empty = join(bench.folder, 'empty.vmx');
    writeFileSync(other, '');
    writeFileSync(empty, 'displayName = "x"\n');
    for (const [path, why] of [
      [missing, 'The virtual machine cannot be found'],
      [empty, 'Cannot read the virtual machine configuration file'],
      [other, 'unknown file suffix'],
    ] as const) {
      const { exit, stdout } = await bench.vmrun('start', path, 'nogui');
      expect([exit, stdout]).toEqual([255, `Error: Cannot open VM: ${path}, ${why}\n`]);
    }
  });

  it('14: a key that occurs twice is refused, or the last one wins', async () => {
    const vmx = bench.vm('web');
    writeFileSync(vmx, Buffer.concat([bench.read(vmx).bytes(), Buffer.from('MEMSIZE = "128"\n')]));
    expect((await bench.vmrun('listSnapshots', vmx)).stdout).toContain('Cannot read the virtual machine configuration');
    bench.set({ duplicateKeys: 'last-wins' });
    expect((await bench.vmrun('listSnapshots', vmx)).exit).toBe(0);
  });

  it('16: stop hard ends the process, unlocks and marks a clean shutdown', async () => {
    const vmx = await bench.runningVm('web');
    const pid = bench.pidOf(vmx);
    expect(bench.read(vmx).get('cleanShutdown')).toBe('FALSE');
    expect(await bench.vmrun('stop', vmx, 'hard')).toMatchObject(DONE);
    expect(isAlive(pid)).toBe(false);
    expect(bench.read(vmx).get('cleanShutdown')).toBe('TRUE');
    expect(bench.filesOf(vmx).filter((name) => /\.(lck|vmem)$/.test(name))).toEqual([]);
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 0']);
    expect(bench.logOf(vmx)).toMatch(/VMAutomation_PowerOff/);
  });

  it.each(['stop', 'reset', 'suspend', 'pause', 'unpause', 'getGuestIPAddress'])(
    '17, 23, 43: %s of a VM that is off',
    async (command) => {
      const vmx = bench.vm('web');
      expect(await bench.vmrun(command, vmx)).toMatchObject({ exit: 255, stdout: NOT_ON(vmx), stderr: '' });
      bench.set({ notPoweredOnText: 'short' });
      expect((await bench.vmrun(command, vmx)).stdout).toBe('Error: The virtual machine is not powered on\n');
    },
  );

  it('18: a soft stop or reset needs Tools', async () => {
    bench.set({ tools: 'absent' });
    const vmx = await bench.runningVm('web');
    for (const command of ['stop', 'reset']) {
      expect(await bench.vmrun(command, vmx, 'soft')).toMatchObject({
        exit: 255,
        stdout: `Error: The VMware Tools are not running in the virtual machine: ${vmx}\n`,
      });
    }
  });

  it('18: with Tools a soft stop ends the VM, unless scripts cannot run yet or the guest does not obey', async () => {
    bench.clock.hold();
    const vmx = await bench.runningVm('web');
    bench.set({ scriptsReadyMs: 60000 });
    expect((await bench.vmrun('stop', vmx, 'soft')).stdout).toBe('Error: Cannot execute scripts\n');
    bench.clock.release();
    bench.set({ softStop: 'guest-ignores', softTimeoutMs: 50 });
    expect((await bench.vmrun('stop', vmx, 'soft')).exit).toBe(255);
    bench.set({});
    expect(await bench.vmrun('stop', vmx, 'soft')).toMatchObject(DONE);
    expect(bench.read(vmx).get('softPowerOff')).toBe('TRUE');
    expect(bench.logOf(vmx)).toMatch(/PM Soft Off/);
    expect(bench.logOf(vmx)).not.toMatch(/VMAutomation_PowerOff/);
  });

  it('19, 20: suspend leaves a state file, start uses it up', async () => {
    const vmx = await bench.runningVm('web');
    expect(await bench.vmrun('suspend', vmx)).toMatchObject(DONE);
    const state = bench.read(vmx).get('checkpoint.vmState');
    expect(state).toMatch(/^web-[0-9a-f]{8}\.vmss$/);
    expect(bench.filesOf(vmx)).toEqual(expect.arrayContaining([state, state!.replace('.vmss', '.vmem')]));
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 0']);

    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject(DONE);
    expect(bench.read(vmx).get('checkpoint.vmState')).toBe('');
    expect(bench.filesOf(vmx).filter((name) => name.endsWith('.vmss'))).toEqual([]);
  });

  it('19: a guest that is resumed goes on where it was', async () => {
    const vmx = await bench.runningVm('web');
    await bench.vmrun('writeVariable', vmx, 'guestVar', 'colour', 'blue');
    await bench.guest('runProgramInGuest', vmx, '-noWait', '/bin/sleep', '900');
    await bench.vmrun('suspend', vmx);
    await bench.vmrun('start', vmx, 'nogui');
    expect((await bench.vmrun('readVariable', vmx, 'guestVar', 'colour')).stdout).toBe('blue\n');
    expect((await bench.guest('listProcessesInGuest', vmx)).stdout).toContain('cmd=/bin/sleep 900');
  });

  it('21, 22: reset, pause and unpause print nothing, and a paused VM is still listed', async () => {
    const vmx = await bench.runningVm('web');
    const pid = bench.pidOf(vmx);
    for (const command of ['reset', 'pause']) expect(await bench.vmrun(command, vmx)).toMatchObject(DONE);
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 1', vmx]);
    expect(await bench.vmrun('unpause', vmx)).toMatchObject(DONE);
    expect(bench.logOf(vmx)).not.toMatch(/hard reset/);
    expect(await bench.vmrun('reset', vmx, 'hard')).toMatchObject(DONE);
    expect(bench.logOf(vmx)).toMatch(/hard reset/);
    expect(isAlive(pid)).toBe(true);
  });

  it('21: reset hard leaves the VM off by knob', async () => {
    const vmx = await bench.runningVm('web');
    bench.set({ resetHard: 'leaves-off' });
    expect(await bench.vmrun('reset', vmx, 'hard')).toMatchObject(DONE);
    expect((await bench.vmrun('list')).lines).toHaveLength(1);
  });

  it('53, 54, 67: an encrypted VM needs its password, and no window', async () => {
    bench.set({ machines: [{ vmx: '*/web.vmx', vmPassword: 'secret' }], display: 'present' });
    const vmx = bench.vm('web', { 'encryption.keySafe': 'vmware:key/list/(pair/(null/x,y,z))' });
    const cannot = `Error: Cannot open VM: ${vmx},`;
    expect((await bench.vmrun('start', vmx)).stdout).toBe(`${cannot} A password is required for this operation\n`);
    expect((await bench.vmrun('-vp', 'wrong', 'start', vmx)).stdout).toBe(`${cannot} Incorrect password\n`);
    expect(await bench.vmrun('-vp', 'secret', 'start', vmx, 'gui')).toMatchObject({
      exit: 255,
      stdout: 'Error: The operation is not supported\n',
    });
    expect(await bench.vmrun('-vp', 'secret', 'start', vmx, 'nogui')).toMatchObject(DONE);
    expect((await bench.vmrun('-vp', 'secret', 'snapshot', vmx, 'live')).stdout).toBe(
      'Error: Authentication for encrypted virtual machine failed\n',
    );
    expect((await bench.run('vmcli', [vmx, 'power', 'query'])).stderr).toContain('Missing decryption key');
  });

  it('64: a suspended VM is not on, and stop leaves it suspended', async () => {
    const vmx = await bench.runningVm('web');
    await bench.vmrun('suspend', vmx);
    for (const mode of ['hard', 'soft']) {
      expect(await bench.vmrun('stop', vmx, mode)).toMatchObject({ exit: 255, stdout: NOT_ON(vmx) });
    }
    expect(bench.read(vmx).get('checkpoint.vmState')).toMatch(/\.vmss$/);
  });

  it('start gui needs a display', async () => {
    const vmx = bench.vm('web');
    expect((await bench.vmrun('start', vmx)).stdout).toBe(
      'Error: Cannot launch the UI because no display server is present in the current environment\n',
    );
  });

  it('a VM whose .vmx is deleted ends by itself', async () => {
    const vmx = await bench.runningVm('web');
    const pid = bench.pidOf(vmx);
    rmSync(vmx);
    await bench.until(() => !isAlive(pid));
  });
});
