import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

const DONE = { exit: 0, stdout: '', stderr: '' };

// Knobs that no transcript is about.
describe('knobs', () => {
  let bench: Workbench;
  let vmx: string;
  beforeEach(() => {
    bench = new Workbench();
    vmx = bench.vm('web');
  });
  afterEach(() => bench.close());

  const refused = (text: string) => ({ exit: 255, stdout: `Error: ${text}\n`, stderr: '' });
  const start = () => bench.vmrun('start', vmx, 'nogui');
  const noTools = () => refused(`The VMware Tools are not running in the virtual machine: ${vmx}`);

  it.each([
    ['stop', 'stopDefault'],
    ['reset', 'resetDefault'],
    ['suspend', 'suspendDefault'],
  ] as const)('%s without a mode is soft or hard by %s', async (command, knob) => {
    bench.set({ tools: 'absent' });
    await start();
    bench.set({ tools: 'absent', [knob]: 'soft' });
    expect(await bench.vmrun(command, vmx)).toMatchObject(noTools());
    bench.set({ tools: 'absent', [knob]: 'hard' });
    expect(await bench.vmrun(command, vmx)).toMatchObject(DONE);
  });

  it('maxHardwareVersion decides what starts and what upgradevm makes', async () => {
    bench.set({ maxHardwareVersion: 20 });
    expect(await start()).toMatchObject(refused('The operation was canceled'));
    bench.set({ maxHardwareVersion: 22 });
    expect(await bench.vmrun('upgradevm', vmx)).toMatchObject(DONE);
    expect(bench.read(vmx).get('virtualHW.version')).toBe('22');
    expect(await start()).toMatchObject(DONE);
  });

  it('failureExit is the exit code of every refusal', async () => {
    bench.set({ failureExit: 1 });
    expect((await bench.vmrun('stop', vmx)).exit).toBe(1);
    expect((await bench.vmrun('frobnicate')).exit).toBe(1);
  });

  it('guiHoldsPipes holds the pipes on Linux too', async () => {
    bench.set({ display: 'present', guiHoldsPipes: 'yes' });
    const child = bench.start('vmrun', ['-T', 'ws', 'start', vmx, 'gui']);
    let isClosed = false;
    child.once('close', () => (isClosed = true));
    await new Promise((resolve) => child.once('exit', resolve));
    expect((await bench.vmrun('list')).lines).toHaveLength(2);
    expect(isClosed).toBe(false);
  });

  it('pendingQuestion and openInGui make a VM wait or stay shut', async () => {
    bench.set({ pendingQuestion: 'yes', question: 'blocked-text' });
    expect((await start()).stdout).toContain('blocked waiting for a user operation');
    expect(await start()).toMatchObject(refused('The file is already in use'));
    expect(await bench.vmrun('stop', vmx, 'hard')).toMatchObject(DONE);
    bench.set({ openInGui: 'yes' });
    expect(await start()).toMatchObject(refused('The file is already in use'));
    expect(await bench.vmrun('deleteVM', vmx)).toMatchObject(refused('This VM is in use.'));
  });

  it('questionLog keeps a question out of the log', async () => {
    bench.set({ pendingQuestion: 'yes', question: 'blocked-text', questionLog: 'silent' });
    expect((await start()).stdout).toContain('blocked waiting for a user operation');
    expect(bench.logOf(vmx)).not.toContain('Msg_Question');
  });

  it('vmcliWords are other words for the states of a VM', async () => {
    await start();
    bench.set({ vmcliWords: { on: 'poweredOn' } });
    const query = () => bench.run('vmcli', [vmx, 'power', 'query', '-f', 'json']);
    expect((await query()).stdout).toBe('{"PowerState":"poweredOn"}\n');
    await bench.vmrun('pause', vmx);
    expect((await query()).stdout).toBe('{"PowerState":"paused"}\n');
  });

  it('diskFailureExit is the exit code of every failure of vmware-vdiskmanager', async () => {
    bench.set({ diskFailureExit: 7 });
    expect((await bench.vdiskmanager('-d', '/x/y.vmdk')).exit).toBe(7);
    expect((await bench.vdiskmanager('-c')).exit).toBe(7);
  });

  it('guestUsers are the accounts, guestConsoleUser is the one at the console', async () => {
    bench.set({ guestUsers: { ada: 'lovelace' }, guestConsoleUser: 'ada' });
    await start();
    const asAda = [
      '-gu',
      'ada',
      '-gp',
      'lovelace',
      'runProgramInGuest',
      vmx,
      '-interactive',
      '-activeWindow',
      '/bin/true',
    ];
    expect(await bench.vmrun(...asAda)).toMatchObject(DONE);
    expect((await bench.guest('listProcessesInGuest', vmx)).stdout).toContain('Invalid user name or password');
  });

  it('guestOpPaused lets a guest operation on a paused VM hang', async () => {
    await start();
    await bench.vmrun('pause', vmx);
    bench.set({ guestOpPaused: 'hang' });
    const child = bench.start('vmrun', ['-gu', 'root', '-gp', 'password', 'listProcessesInGuest', vmx]);
    child.stdout!.resume();
    expect((await bench.vmrun('list')).exit).toBe(0);
    expect(child.exitCode).toBeNull();
    await bench.vmrun('unpause', vmx);
    bench.set({});
    expect((await bench.guest('listProcessesInGuest', vmx)).exit).toBe(0);
  });

  it('portForwardingRights asks for root', async () => {
    bench.set({ portForwardingRights: 'root' });
    const { exit } = await bench.vmrun('setPortForwarding', 'vmnet8', 'tcp', '80', '192.168.3.5', '80');
    expect(exit).toBe(process.getuid?.() === 0 ? 0 : 255);
  });

  it('ballastMiB is memory that the process really has', async () => {
    const resident = () => {
      const status = readFileSync(`/proc/${bench.pidOf(vmx)}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    };
    bench.set({ ballastMiB: 0 });
    await start();
    const small = resident();
    await bench.vmrun('stop', vmx, 'hard');
    bench.set({ ballastMiB: 100 });
    await start();
    expect(resident() - small).toBeGreaterThan(60);
  });
});
