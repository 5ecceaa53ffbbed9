import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem, TestOperation } from '@polyvirt/hypervisor/testing';
import { hostProcesses, isMonitor } from './host/processes.ts';
import { nativeIdOf } from './inventory/identity.ts';
import { SimulatedWorkstation, type Knobs } from './testing/simulated-workstation.ts';
import { TestTimer } from './testing/test-timer.ts';
import type { WorkstationDriver } from './workstation.driver.ts';

describe('a graceful stop', () => {
  let host: SimulatedWorkstation;
  let driver: WorkstationDriver;
  let timer: TestTimer;

  beforeEach(async () => {
    host = new SimulatedWorkstation();
    timer = new TestTimer();
    driver = await host.open({ timer, patience: { effectMs: 60_000 } });
  });
  afterEach(() => host.close());

  const started = async (name: string, knobs: Knobs) => {
    const vmx = await host.foreignVm(host.vmFolder, name);
    host.clock.hold();
    host.set({ guestShutdownMs: 0, ...knobs });
    await host.vmrun('start', vmx, 'nogui');
    return { nativeId: nativeIdOf(vmx, 'linux'), vmx };
  };
  const stop = (nativeId: string) => {
    const stopping = new TestOperation().run((context) =>
      driver.stop(nativeId, { force: false, timeoutSeconds: 20 }, context),
    );
    stopping.catch(() => undefined);
    return stopping;
  };
  const monitorsOf = async (vmx: string) =>
    (await hostProcesses()).filter((one) => isMonitor(one) && one.command.at(-1) === vmx);
  /** Resolves when the guest has gone off and only the list has not heard of it. */
  const untilOff = async (vmx: string) => {
    while ((await monitorsOf(vmx)).length > 0) continue;
    expect(await host.vmrun('list')).toContain(vmx);
  };

  it('waits for the list of vmrun, which lags behind', async () => {
    const { nativeId, vmx } = await started('lagging', { listLagMs: 1_500 });
    host.clock.advance(1_500);
    const stopping = stop(nativeId);
    await untilOff(vmx);
    host.clock.advance(1_500);
    expect(await stopping).toBe('changed');
    expect(await driver.get(nativeId)).toMatchObject({ state: 'stopped' });
  });

  it('counts as done in time when only the list goes on', async () => {
    const { nativeId, vmx } = await started('last-moment', { listLagMs: 4_500 });
    host.clock.advance(4_500);
    const stopping = stop(nativeId);
    await untilOff(vmx);
    timer.fall('guest');
    host.clock.advance(4_500);
    expect(await stopping).toBe('changed');
  });

  it('names the cause when the guest does not hear it', async () => {
    const { nativeId, vmx } = await started('deaf', {
      tools: 'absent',
      faults: [{ kind: 'slow', command: 'stop', after: 1, times: 1, delayMs: 0 }],
    });
    const stopping = stop(nativeId);
    await host.clock.untilStruck('stop');
    timer.fall('guest');
    const problem = await expectProblem('timed-out', stopping);
    expect(problem.message).toMatch(/Workstation says: .*VMware Tools are not running.*stop it with force/);
    expect(await host.vmrun('list')).toContain(vmx);
  });
});

it('a forced stop cuts the power of a VM that runs, though its file names what it has resumed from', async () => {
  const host = new SimulatedWorkstation();
  try {
    const driver = await host.open();
    const vmx = await host.foreignVm(host.vmFolder, 'resumed');
    await host.vmrun('start', vmx, 'nogui');
    const saved = join(dirname(vmx), 'old.vmss');
    writeFileSync(saved, 'memory');
    const lines = readFileSync(vmx, 'utf8').replace(/^checkpoint\.vmState.*\n/gm, '');
    writeFileSync(vmx, `${lines}checkpoint.vmState = "old.vmss"\n`);
    const stopping = new TestOperation().run((context) =>
      driver.stop(nativeIdOf(vmx, 'linux'), { force: true, timeoutSeconds: 1 }, context),
    );
    expect(await stopping).toBe('changed');
    expect(await host.vmrun('list')).not.toContain(vmx);
    expect(existsSync(saved)).toBe(true);
  } finally {
    await host.close();
  }
});
