import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { readFileSync, readdirSync, rmSync, cpSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isAlive } from '../host/processes.ts';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

const CANCELED = { exit: 255, stdout: 'Error: The operation was canceled\n' };

describe('the process of a running VM', () => {
  let bench: Workbench;
  beforeEach(() => {
    bench = new Workbench();
  });
  afterEach(() => bench.close());

  it('survives vmrun and looks like vmware-vmx in the process list', async () => {
    const vmx = await bench.runningVm('web');
    const pid = bench.pidOf(vmx);
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    expect(commandLine[0]).toBe('/usr/lib/vmware/bin/vmware-vmx');
    expect(commandLine.at(-1)).toBe(vmx);
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('vmware-vmx\n');
    const parent = / (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) \S/, ''))?.[1];
    expect(Number(parent)).not.toBe(process.pid);
  });

  it('burns a little time, so that its statistics move', async () => {
    bench.set({ burnMsPerSecond: 200 });
    const vmx = await bench.runningVm('web');
    const ticks = () => {
      const fields = readFileSync(`/proc/${bench.pidOf(vmx)}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(fields[11]) + Number(fields[12]);
    };
    const before = ticks();
    await bench.until(() => ticks() > before + 5, 'CPU time moves');
  });

  it('that is killed leaves the evidence of a crash', async () => {
    const vmx = await bench.runningVm('web');
    await bench.crash(vmx);
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 0']);
    expect(bench.read(vmx).get('cleanShutdown')).toBe('FALSE');
    const locks = bench.filesOf(vmx).filter((name) => name.endsWith('.lck'));
    expect(locks).toEqual(['web.vmdk.lck', 'web.vmem.lck', 'web.vmx.lck']);
    const [lock] = readdirSync(join(dirname(vmx), 'web.vmdk.lck'));
    expect(lock).toMatch(/^M\d{5}\.lck$/);
    expect(readFileSync(join(dirname(vmx), 'web.vmdk.lck', lock!), 'utf8')).toMatch(/\d+-\d+\(vmware-vmx\)/);
    expect((await bench.vmrun('stop', vmx, 'hard')).stdout).toContain('is not powered on');
  });

  it('that is killed blocks the next start until its locks are removed, or not, by knob', async () => {
    const vmx = await bench.runningVm('web');
    await bench.crash(vmx);
    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject(CANCELED);
    expect(bench.logOf(vmx)).toContain('appears to be in use');
    bench.set({ staleLock: 'take-over' });
    expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(0);
    await bench.crash(vmx);
    bench.set({});
    for (const name of bench.filesOf(vmx).filter((file) => file.endsWith('.lck'))) {
      rmSync(join(dirname(vmx), name), { recursive: true });
    }
    expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(0);
    await bench.vmrun('stop', vmx, 'hard');
    expect(bench.filesOf(vmx).filter((name) => name.endsWith('.lck'))).toEqual([]);
  });

  it('kills itself by knob, and leaves its locks by knob', async () => {
    bench.clock.hold();
    bench.set({ crashAfterMs: 50 });
    const crashing = await bench.runningVm('crashing');
    bench.clock.advance(49);
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 1', crashing]);
    bench.clock.advance(1);
    await bench.until(() => !isAlive(bench.pidOf(crashing)));
    bench.set({ leavesLocks: 'yes' });
    const messy = await bench.runningVm('messy');
    await bench.vmrun('stop', messy, 'hard');
    expect(bench.filesOf(messy)).toContain('messy.vmdk.lck');
  });

  it('ends in good order on SIGTERM', async () => {
    const vmx = await bench.runningVm('web');
    const pid = bench.pidOf(vmx);
    process.kill(pid, 'SIGTERM');
    await bench.until(() => !isAlive(pid));
    expect(bench.read(vmx).get('cleanShutdown')).toBe('TRUE');
    expect(bench.filesOf(vmx).filter((name) => name.endsWith('.lck'))).toEqual([]);
  });

  it('a soft stop goes on when the vmrun that asked for it is killed', async () => {
    bench.clock.hold();
    const vmx = await bench.runningVm('web');
    bench.set({ guestShutdownMs: 600 });
    const child = bench.start('vmrun', ['-T', 'ws', 'stop', vmx, 'soft']);
    const record = join(bench.home, 'simulator', 'running');
    await bench.until(() =>
      // Locks come and go beside the record.
      readdirSync(record).some(
        (name) => name.endsWith('.json') && /"ending"/.test(readFileSync(join(record, name), 'utf8')),
      ),
    );
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    bench.clock.advance(599);
    expect((await bench.vmrun('list')).lines).toHaveLength(2);
    bench.clock.advance(1);
    await bench.until(() => !isAlive(bench.pidOf(vmx)));
    expect(bench.read(vmx).get('softPowerOff')).toBe('TRUE');
  });

  it('a copied VM asks a question: start hangs, is canceled, or says so', async () => {
    const original = await bench.runningVm('web');
    await bench.vmrun('stop', original, 'hard');
    const copy = join(bench.folder, 'moved', 'web.vmx');
    cpSync(dirname(original), dirname(copy), { recursive: true });

    const child = bench.start('vmrun', ['-T', 'ws', 'start', copy, 'nogui']);
    const running = join(bench.home, 'simulator', 'running');
    await bench.until(() => readdirSync(running).some((name) => name.endsWith('.json')));
    expect(bench.logOf(copy)).toMatch(/Msg_Question/);
    expect(child.exitCode).toBeNull();
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 1', copy]);
    bench.set({ questionListed: 'no' });
    expect((await bench.vmrun('list')).lines).toHaveLength(1);
    child.kill('SIGKILL');
    expect((await bench.vmrun('stop', copy, 'hard')).exit).toBe(0);

    bench.set({ question: 'canceled' });
    expect(await bench.vmrun('start', copy, 'nogui')).toMatchObject(CANCELED);
    bench.set({ question: 'blocked-text' });
    expect((await bench.vmrun('start', copy, 'nogui')).stdout).toContain('is blocked waiting for a user operation');
  });

  it.each([
    ['create', false],
    ['keep', true],
  ])('a copied VM with uuid.action %s starts, and keeps its identity: %s', async (action, isKept) => {
    const original = await bench.runningVm('web', { 'uuid.action': action });
    await bench.vmrun('stop', original, 'hard');
    const copy = join(bench.folder, 'moved', 'web.vmx');
    cpSync(dirname(original), dirname(copy), { recursive: true });
    expect((await bench.vmrun('start', copy, 'nogui')).exit).toBe(0);
    const [one, other] = [bench.read(original), bench.read(copy)];
    expect(one.get('uuid.bios') === other.get('uuid.bios')).toBe(isKept);
    expect(one.get('ethernet0.generatedAddress') === other.get('ethernet0.generatedAddress')).toBe(isKept);
    expect(one.get('uuid.location')).not.toBe(other.get('uuid.location'));
  });

  it('cannot be read for a moment after suspend by knob', async () => {
    bench.clock.hold();
    bench.set({ suspendBusyMs: 1500 });
    const vmx = await bench.runningVm('web');
    await bench.vmrun('suspend', vmx);
    expect((await bench.vmrun('start', vmx, 'nogui')).stdout).toContain(
      'Cannot read the virtual machine configuration file',
    );
    bench.clock.advance(1500);
    expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(0);
  });

  it('rewrites the .vmx and leaves every byte it does not own', async () => {
    const vmx = bench.vm('web');
    const text = `#!/usr/bin/vmware\r\n.encoding = "windows-1252"\r\n# gr\xfcn\r\nmy.Key   =   "\xe4|22"\r\n`;
    const rest = bench
      .read(vmx)
      .bytes()
      .toString('latin1')
      .replace(/^\.encoding.*\n/, '')
      .replaceAll('\n', '\r\n');
    writeFileSync(vmx, text + rest, 'latin1');
    await bench.vmrun('start', vmx, 'nogui');
    await bench.vmrun('stop', vmx, 'hard');
    const after = readFileSync(vmx, 'latin1');
    expect(after.startsWith(text + rest)).toBe(true);
    expect(
      after
        .slice(text.length + rest.length)
        .split('\r\n')
        .every((line) => line === '' || / = ".*"$/.test(line)),
    ).toBe(true);
  });

  it('keeps three logs and writes the pid into the first line of each', async () => {
    const vmx = bench.vm('web');
    for (let round = 0; round < 5; round++) {
      await bench.vmrun('start', vmx, 'nogui');
      await bench.vmrun('stop', vmx, 'hard');
    }
    expect(bench.filesOf(vmx).filter((name) => name.endsWith('.log'))).toEqual([
      'vmware-0.log',
      'vmware-1.log',
      'vmware-2.log',
      'vmware.log',
    ]);
  });
});
