import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Workbench } from '../testing/workbench.ts';

/** Node that is told this does not start. */
const withoutNode = { NODE_OPTIONS: '--no-such-option' };

describe('a list that is answered without Node', () => {
  let bench: Workbench;

  beforeEach(() => {
    bench = new Workbench();
  });

  afterEach(async () => {
    await bench.close();
  });

  const list = (env: Record<string, string> = {}) => bench.run('vmrun', ['-T', 'ws', 'list'], env);

  /** The same before and after Node has noted that it may be, as Node alone says it. */
  const requireSame = async (env: Record<string, string> = {}) => {
    const looks = [];
    for (let look = 0; look < 3; look += 1) looks.push(await list(env));
    const [{ exit, stdout, stderr }] = [await bench.run('node/vmrun', ['-T', 'ws', 'list'], env)];
    for (const look of looks) expect(look).toMatchObject({ exit, stdout, stderr });
    return stdout;
  };

  it('is answered so when Node has answered once', async () => {
    const vmx = await bench.runningVm('one');
    expect((await list(withoutNode)).exit).not.toBe(0);
    await list();
    expect(await list(withoutNode)).toMatchObject({ exit: 0, lines: ['Total running VMs: 1', vmx], stderr: '' });
  });

  it('says what Node says of none, of one, and of several in the order of their starts', async () => {
    expect(await requireSame()).toBe('Total running VMs: 0\n');
    const names = ['zoë', 'and a space', 'a "quoted" \\ one', '10', '9'];
    const started: string[] = [];
    for (const name of names) {
      started.push(await bench.runningVm(name));
      expect(await requireSame()).toBe([`Total running VMs: ${started.length}`, ...started, ''].join('\n'));
    }
    await bench.vmrun('stop', started[1]!, 'hard');
    await bench.vmrun('pause', started[0]!);
    await bench.vmrun('suspend', started[2]!, 'hard');
    expect(await requireSame()).toContain('Total running VMs: 3\n');
  });

  it('does not count one that has died', async () => {
    const [died, lives] = [await bench.runningVm('died'), await bench.runningVm('lives')];
    await list();
    await bench.crash(died);
    expect(await requireSame()).toBe(`Total running VMs: 1\n${lives}\n`);
  });

  it('is left to Node where a knob changes the answer', async () => {
    await bench.runningVm('one');
    for (const knobs of [
      { style: 'windows' },
      { preamble: 'Warning: an old licence' },
      { texts: { 'Total running VMs': 'Laufende VMs' } },
      { product: 'player' },
      { questionListed: 'no' },
      { machines: [{ vmx: '*', questionListed: 'no' }] },
      { listLagMs: 60_000 },
      { faults: [{ command: 'list', kind: 'refuse' }] },
      { faults: [{ command: '*', kind: 'refuse', text: 'Error: no' }] },
      { latencyMs: { list: 1 } },
      { latencyMs: { '*': 1 } },
      { noSuchKnob: 1 },
    ] as object[]) {
      bench.set({});
      await list();
      bench.set(knobs);
      await requireSame();
      expect((await list(withoutNode)).exit).not.toBe(0);
    }
    bench.set({});
    await list();
    await requireSame({ VMRUN_SIMULATOR_KNOBS: '/no/such/file' });
  });

  it('is answered so under knobs of other commands', async () => {
    bench.set({ faults: [{ command: 'stop', kind: 'refuse' }], machines: [{ vmx: '*deaf*', tools: 'absent' }] });
    await requireSame();
    expect(await list(withoutNode)).toMatchObject({ exit: 0, lines: ['Total running VMs: 0'] });
  });
});
