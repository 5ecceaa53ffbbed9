import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { NativeId } from '@polyvirt/contracts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { Running } from './running.ts';

const machine = { nativeId: 'x' as NativeId, vmx: '/vms/x/x.vmx' };

/** A host on which the VM is turned on and off behind the agent's back, or by it. */
class Host {
  isOn = false;
  isPaused = false;
  calls: string[] = [];
  #changedAt = -Infinity;
  readonly running = new Running({
    platform: 'linux',
    look: async () => {
      this.calls.push('list');
      return [`Total running VMs: ${Number(this.isOn)}`, ...(this.isOn ? [machine.vmx] : [])];
    },
    cli: async () => {
      this.calls.push('query');
      return [JSON.stringify({ PowerState: this.isPaused ? 'paused' : 'on' })];
    },
    isUnchangedSince: (time: number) => this.#changedAt < time,
  } as unknown as Vmrun);

  change(): void {
    this.#changedAt = performance.now();
  }

  async shows(freshness: 'fresh' | 'recent'): Promise<boolean> {
    return (await this.running.list(freshness)).has(machine);
  }
}

describe('what runs', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is asked for again and again by who wants it fresh', async () => {
    const host = new Host();
    expect(await host.shows('fresh')).toBe(false);
    host.isOn = true;
    expect(await host.shows('fresh')).toBe(true);
  });

  it('is not asked for again by whom the last answer will do', async () => {
    const host = new Host();
    await host.shows('fresh');
    await host.shows('recent');
    await host.running.isPaused(machine, 'fresh');
    await host.running.isPaused(machine, 'recent');
    expect(host.calls).toEqual(['list', 'query']);
  });

  it('is asked for again when this agent has changed something since', async () => {
    jest.useFakeTimers();
    const host = new Host();
    await host.shows('fresh');
    await host.running.isPaused(machine, 'fresh');
    jest.advanceTimersByTime(1);
    [host.isOn, host.isPaused] = [true, true];
    host.change();
    expect(await host.shows('recent')).toBe(true);
    expect(await host.running.isPaused(machine, 'recent')).toBe(true);
  });

  it('is asked for again when the last answer is old', async () => {
    jest.useFakeTimers();
    const host = new Host();
    await host.shows('fresh');
    await host.running.isPaused(machine, 'fresh');
    [host.isOn, host.isPaused] = [true, true];
    jest.advanceTimersByTime(60_000);
    expect(await host.shows('recent')).toBe(true);
    expect(await host.running.isPaused(machine, 'recent')).toBe(true);
  });
});
