import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

/** Commands that change a VM, with what has to be there for them. */
const CHANGES: Record<string, { args: string[]; runs?: boolean }> = {
  start: { args: ['nogui'] },
  stop: { args: ['hard'], runs: true },
  reset: { args: ['hard'], runs: true },
  suspend: { args: [], runs: true },
  pause: { args: [], runs: true },
  snapshot: { args: ['one'] },
  revertToSnapshot: { args: ['base'] },
  deleteSnapshot: { args: ['base'] },
  clone: { args: ['<clone>', 'full'] },
  deleteVM: { args: [] },
  addNetworkAdapter: { args: ['nat'] },
  enableSharedFolders: { args: [], runs: true },
};

describe('faults', () => {
  let bench: Workbench;
  beforeEach(() => {
    bench = new Workbench();
  });
  afterEach(() => bench.close());

  const call = (command: string, vmx: string, args: string[]) =>
    bench.vmrun(command, vmx, ...args.map((arg) => arg.replace('<clone>', join(bench.folder, 'copy', 'copy.vmx'))));

  it('refuses with a named error or with any text, for as many calls as asked', async () => {
    const vmx = bench.vm('web');
    bench.set({
      faults: [
        { kind: 'refuse', command: 'start', error: 'not-supported-for-parameters', after: 1, times: 1 },
        { kind: 'refuse', command: 'list', text: 'Error: Unknown error', exit: 0, times: 1 },
      ],
    });
    const snapshots = () => bench.vmrun('listSnapshots', vmx);
    expect((await snapshots()).exit).toBe(0);
    expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(0);
    await bench.vmrun('stop', vmx, 'hard');
    expect((await bench.vmrun('start', vmx, 'nogui')).stdout).toBe(
      'Error: The operation is not supported for the specified parameters\n',
    );
    expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(0);
    expect(await bench.vmrun('list')).toMatchObject({ exit: 0, stdout: 'Error: Unknown error\n' });
    expect((await bench.vmrun('list')).lines).toHaveLength(2);
  });

  it('strikes the VMs of a pattern only', async () => {
    const [web, db] = [bench.vm('web'), bench.vm('db')];
    bench.set({ faults: [{ kind: 'refuse', command: '*', vmx: '*/DB.vmx', error: 'canceled' }] });
    expect((await bench.vmrun('start', db, 'nogui')).stdout).toBe('Error: The operation was canceled\n');
    expect((await bench.vmrun('start', web, 'nogui')).exit).toBe(0);
  });

  it('fails after the work is done', async () => {
    const vmx = bench.vm('web');
    bench.set({ faults: [{ kind: 'refuse', command: 'start', at: 'after', error: 'unknown' }] });
    expect((await bench.vmrun('start', vmx, 'nogui')).exit).toBe(255);
    expect((await bench.vmrun('list')).lines).toEqual(['Total running VMs: 1', vmx]);
  });

  it('is slow, by fault and by latency', async () => {
    const vmx = bench.vm('web');
    bench.clock.hold();
    bench.set({ faults: [{ kind: 'slow', command: 'listSnapshots', delayMs: 300 }], latencyMs: { list: 300 } });
    for (const args of [['listSnapshots', vmx], ['list']]) {
      let hasEnded = false;
      const call = bench.vmrun(...args).finally(() => (hasEnded = true));
      await bench.clock.untilWaiting(args[0]!);
      bench.clock.advance(299);
      expect((await bench.run('vmware', ['-v'])).exit).toBe(0);
      expect(hasEnded).toBe(false);
      bench.clock.advance(1);
      expect((await call).exit).toBe(0);
    }
  });

  it.each(['before', 'halfway', 'after'] as const)('hangs %s the work until it is killed', async (at) => {
    const vmx = bench.vm('web');
    bench.set({ faults: [{ kind: 'hang', command: 'snapshot', at, times: 1 }] });
    const child = bench.start('vmrun', ['-T', 'ws', 'snapshot', vmx, 'base']);
    child.stdout!.resume();
    const metadata = vmx.replace(/vmx$/, 'vmsd');
    expect(await bench.clock.untilStruck('snapshot')).toMatchObject({ pid: child.pid, kind: 'hang', at });
    expect(existsSync(join(dirname(vmx), 'web-000001.vmdk'))).toBe(at !== 'before');
    expect(child.exitCode).toBeNull();
    expect(existsSync(metadata)).toBe(at === 'after');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    bench.set({});
    expect((await bench.vmrun('listSnapshots', vmx)).exit).toBe(0);
  });

  it.each(Object.entries(CHANGES))(
    'dies half-way through %s, and later calls work',
    async (command, { args, runs }) => {
      const vmx = bench.vm('web');
      await bench.vmrun('snapshot', vmx, 'base');
      if (runs) await bench.vmrun('start', vmx, 'nogui');
      bench.set({ faults: [{ kind: 'die', command, times: 1 }] });
      const reply = await call(command, vmx, args);
      expect([reply.exit, reply.signal, reply.stdout]).toEqual([null, 'SIGKILL', '']);
      if (!existsSync(vmx)) return;
      expect((await bench.vmrun('listSnapshots', vmx)).exit).toBe(0);
    },
  );

  it.each(Object.entries(CHANGES))('runs out of disk half-way through %s', async (command, { args, runs }) => {
    const vmx = bench.vm('web');
    await bench.vmrun('snapshot', vmx, 'base');
    if (runs) await bench.vmrun('start', vmx, 'nogui');
    bench.set({ faults: [{ kind: 'disk-full', command }] });
    const { exit, stdout } = await call(command, vmx, args);
    expect(exit).toBe(255);
    expect(stdout).toMatch(/^Error: An error occurred while writing a file; the disk is full\./);
  });

  it('leaves a half-made clone when it dies', async () => {
    const vmx = bench.vm('web');
    bench.set({ faults: [{ kind: 'die', command: 'clone' }] });
    await call('clone', vmx, CHANGES['clone']!.args);
    const folder = join(bench.folder, 'copy');
    expect(existsSync(join(folder, 'web-cl1.vmdk'))).toBe(true);
    expect(existsSync(join(folder, 'copy.vmx'))).toBe(false);
  });

  it('holds the pipes of any command', async () => {
    bench.clock.hold();
    bench.set({ faults: [{ kind: 'hold-pipes', command: 'list', delayMs: 600 }] });
    const child = bench.start('vmrun', ['list']);
    child.stdout!.resume();
    child.stderr!.resume();
    const events: string[] = [];
    const isClosed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.once('close', () => events.push('close'));
    await new Promise((resolve) => child.once('exit', resolve));
    await bench.clock.untilWaiting('600');
    bench.clock.advance(599);
    expect((await bench.run('vmware', ['-v'])).exit).toBe(0);
    expect(events).toEqual([]);
    bench.clock.advance(1);
    await isClosed;
  });

  it('strikes vmware-vdiskmanager and vmcli by their own names', async () => {
    const disk = join(bench.folder, 'd.vmdk');
    bench.set({
      faults: [
        { kind: 'disk-full', command: 'vmware-vdiskmanager -c' },
        { kind: 'refuse', command: 'vmcli power', text: 'vmcli: no' },
      ],
    });
    const full = await bench.vdiskmanager('-c', '-s', '64MB', '-a', 'ide', '-t', '0', disk);
    expect(full).toMatchObject({ exit: 1 });
    expect(full.stdout).toMatch(/^Failed to create disk: .*the disk is full.* \(0x8\)\.\n$/);
    expect((await bench.run('vmcli', ['a.vmx', 'power', 'query'])).stderr).toBe('vmcli: no\n');
  });

  it('a second change of a busy VM is refused or waits, by knob', async () => {
    const vmx = bench.vm('web');
    bench.clock.hold();
    bench.set({ faults: [{ kind: 'slow', command: 'snapshot', at: 'halfway', delayMs: 700, times: 1 }] });
    const first = bench.vmrun('snapshot', vmx, 'one');
    await bench.clock.untilWaiting('one');
    expect((await bench.vmrun('snapshot', vmx, 'two')).stdout).toBe('Error: The operation is already in progress\n');
    bench.set({ busy: 'wait' });
    const third = bench.vmrun('snapshot', vmx, 'three');
    bench.clock.advance(700);
    expect((await third).exit).toBe(0);
    expect((await first).exit).toBe(0);
    expect((await bench.vmrun('listSnapshots', vmx)).lines).toEqual(['Total snapshots: 2', 'one', 'three']);
  });

  it('tells a knob file with a typing error from one without', async () => {
    bench.set({ startRuning: 'refuse' } as object);
    const { exit, stderr } = await bench.vmrun('list');
    expect(exit).toBe(78);
    expect(stderr).toContain('unknown knob startRuning');
    bench.set({ startRunning: 'maybe' as 'refuse', faults: [{ kind: 'explode' as 'die' }] });
    expect((await bench.vmrun('list')).stderr).toMatch(/startRunning must be one of .*kind must be one of/);
  });

  it('reads knobs from the environment over those of the installation', async () => {
    const other = new Workbench({ productVersion: '25H2' });
    try {
      const env = { VMRUN_SIMULATOR_KNOBS: join(other.home, 'simulator', 'knobs.json') };
      expect((await bench.run('vmware', ['-v'], env)).stdout).toContain('25H2');
    } finally {
      await other.close();
    }
  });

  it('has localised and differently worded texts, and log lines before its output', async () => {
    bench.set({
      texts: { 'The virtual machine cannot be found': 'Die virtuelle Maschine wurde nicht gefunden' },
      preamble: '2015-08-31T17:57:29.547| ServiceImpl_Opener: PID 5033',
    });
    expect((await bench.vmrun('stop', '/x/y.vmx')).lines).toEqual([
      '2015-08-31T17:57:29.547| ServiceImpl_Opener: PID 5033',
      'Error: Cannot open VM: /x/y.vmx, Die virtuelle Maschine wurde nicht gefunden',
    ]);
  });

  it('list lags behind by knob', async () => {
    bench.clock.hold();
    bench.set({ listLagMs: 1500 });
    const vmx = bench.vm('web');
    const listed = async () => (await bench.vmrun('list')).lines[0];
    await bench.vmrun('start', vmx, 'nogui');
    bench.clock.advance(1499);
    expect(await listed()).toBe('Total running VMs: 0');
    bench.clock.advance(1);
    expect(await listed()).toBe('Total running VMs: 1');
    await bench.vmrun('stop', vmx, 'hard');
    bench.clock.advance(1499);
    expect(await listed()).toBe('Total running VMs: 1');
    bench.clock.advance(1);
    expect(await listed()).toBe('Total running VMs: 0');
  });

  it('a folder in place of the .vmx is no VM', async () => {
    const vmx = bench.vm('web');
    rmSync(vmx);
    mkdirSync(vmx);
    expect((await bench.vmrun('start', vmx)).stdout).toContain('The virtual machine cannot be found');
  });
});
