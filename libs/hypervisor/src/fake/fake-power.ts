import { ProblemError, type NativeId, type StopVm } from '@polyvirt/contracts';
import { allow } from '../allow.ts';
import type { Effect, OperationContext, SuspendFacet } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';
import { pause } from './fake-faults.ts';

const lookEveryMs = 5;

/** Everything that changes the state of a VM. */
export class FakePower implements SuspendFacet {
  constructor(private readonly calls: FakeCalls) {}

  start(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    return this.calls.call('start', nativeId, context.signal, () => {
      const machine = this.calls.machine(nativeId);
      if (allow('start', machine) === 'already') return 'unchanged';
      if (machine.state === 'suspended') this.calls.host.restore(nativeId);
      else this.calls.host.powerOn(nativeId);
      return 'changed';
    });
  }

  stop(nativeId: NativeId, input: StopVm, { signal }: OperationContext): Promise<Effect> {
    return this.calls.call('stop', nativeId, signal, async () => {
      const { state } = this.calls.machine(nativeId);
      if (allow(input.force ? 'stop-force' : 'stop', state) === 'already') return 'unchanged';
      await this.#turnOff(nativeId, input, signal);
      return 'changed';
    });
  }

  restart(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    return this.calls.call('restart', nativeId, context.signal, async (): Promise<Effect> => {
      // In a step of its own: a repeat finds the VM off and must go on, not refuse.
      await this.calls.step('restart', nativeId, context, {
        name: 'check the state',
        act: () => {
          allow(input.force ? 'restart-force' : 'restart', this.calls.machine(nativeId));
        },
      });
      await this.calls.step('restart', nativeId, context, {
        name: 'shut it down',
        native: input.force ? 'power-off' : 'press-power-button',
        act: () => this.#turnOff(nativeId, input, context.signal),
      });
      await this.calls.step('restart', nativeId, context, {
        name: 'power it on',
        native: 'power-on',
        act: () => {
          if (this.calls.machine(nativeId).state !== 'running') this.calls.host.powerOn(nativeId);
        },
      });
      return 'changed';
    });
  }

  reset(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    return this.calls.call('reset', nativeId, context.signal, async () => {
      await this.calls.step('reset', nativeId, context, {
        name: 'press reset',
        native: 'reset',
        once: true,
        act: () => {
          allow('reset', this.calls.machine(nativeId));
          this.calls.host.reset(nativeId);
        },
      });
      return 'changed' as const;
    });
  }

  suspend(nativeId: NativeId, { signal }: OperationContext): Promise<Effect> {
    return this.calls.call('suspend.suspend', nativeId, signal, () => {
      this.calls.require('suspend.suspend');
      if (allow('suspend', this.calls.machine(nativeId).state) === 'already') return 'unchanged';
      this.calls.host.save(nativeId);
      return 'changed';
    });
  }

  resume(nativeId: NativeId, { signal }: OperationContext): Promise<Effect> {
    return this.calls.call('suspend.resume', nativeId, signal, () => {
      const machine = this.calls.machine(nativeId);
      if (allow('resume', machine) === 'already') return 'unchanged';
      if (machine.state === 'suspended') this.calls.host.restore(nativeId);
      else this.calls.host.thaw(nativeId);
      return 'changed';
    });
  }

  pause(nativeId: NativeId, { signal }: OperationContext): Promise<Effect> {
    return this.calls.call('suspend.pause', nativeId, signal, () => {
      this.calls.require('suspend.pause');
      if (allow('pause', this.calls.machine(nativeId).state) === 'already') return 'unchanged';
      this.calls.host.freeze(nativeId);
      return 'changed';
    });
  }

  async #turnOff(nativeId: NativeId, { force, timeoutSeconds }: StopVm, signal: AbortSignal): Promise<void> {
    const { host } = this.calls;
    const isOn = () => !['stopped', 'crashed'].includes(this.calls.machine(nativeId).state);
    if (force) {
      if (this.calls.machine(nativeId).state !== 'stopped') host.powerOff(nativeId);
      return;
    }
    const until = Date.now() + timeoutSeconds * 1_000;
    while (isOn()) {
      if (Date.now() >= until)
        throw new ProblemError(
          'timed-out',
          `The guest did not shut down within ${timeoutSeconds} s. The VM is still on.`,
        );
      // A guest that was still booting did not hear the last one.
      host.pressPowerButton(nativeId);
      await pause(lookEveryMs, signal);
    }
  }
}
