import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isAlive } from '../host/processes.ts';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

describe('a vmrun that is killed', () => {
  let bench: Workbench;
  let vmx: string;
  beforeEach(() => {
    bench = new Workbench();
    bench.clock.hold();
    vmx = bench.vm('web');
  });
  afterEach(() => bench.close());

  const snapshots = async () => (await bench.vmrun('listSnapshots', vmx)).lines.slice(1);
  /** Kills a snapshot half-way through. */
  const killSnapshot = async () => {
    const child = bench.start('vmrun', ['-T', 'ws', 'snapshot', vmx, 'base']);
    child.stdout!.resume();
    const struck = await bench.clock.untilStruck('snapshot');
    expect(existsSync(join(dirname(vmx), 'web-000001.vmdk'))).toBe(true);
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    return struck;
  };
  const hang = { kind: 'hang', command: 'snapshot', at: 'halfway', times: 1, delayMs: 2_500 } as const;
  const slow = { ...hang, kind: 'slow' } as const;

  it.each([hang, slow])('takes its work along, by knob: $kind', async (fault) => {
    bench.set({ killedCall: 'stops', faults: [fault] });
    const { pid } = await killSnapshot();
    expect(isAlive(pid)).toBe(false);
    bench.clock.advance(2_500);
    expect(await snapshots()).toEqual([]);
  });

  it.each([hang, slow])('leaves its work going on, by knob: $kind', async (fault) => {
    bench.set({ killedCall: 'goes-on', faults: [fault] });
    const { pid } = await killSnapshot();
    expect(await snapshots()).toEqual([]);
    expect((await bench.vmrun('snapshot', vmx, 'other')).stdout).toContain('already in progress');
    bench.clock.advance(2_500);
    await bench.until(() => !isAlive(pid));
    expect(await snapshots()).toEqual(['base']);
  });

  it('answers, refuses and dies as ever while nobody kills it', async () => {
    bench.set({ killedCall: 'goes-on', faults: [{ kind: 'die', command: 'clone' }] });
    expect(await bench.vmrun('start', vmx, 'nogui')).toMatchObject({ exit: 0, stdout: '' });
    expect(await bench.vmrun('deleteVM', vmx)).toMatchObject({
      exit: 255,
      stdout: 'Error: The virtual machine should not be powered on. It is already running.\n',
    });
    expect(await bench.vmrun('stop', vmx, 'hard')).toMatchObject({ exit: 0, stdout: '' });
    const copy = join(bench.folder, 'copy', 'copy.vmx');
    expect(await bench.vmrun('clone', vmx, copy, 'full')).toMatchObject({ exit: null, signal: 'SIGKILL', stdout: '' });
  });
});
