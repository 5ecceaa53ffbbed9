import type { DeleteVm, Forecast, NativeId } from '@polyvirt/contracts';
import { allow } from '../allow.ts';
import type { OperationContext, Outcome } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';
import { chainOf, ownFiles } from './fake-files.ts';
import type { FakeMachine } from './fake-machine.ts';

const undefineIt = { name: 'undefine the machine', native: 'undefine' } as const;
const deleteDisks = { name: 'delete its disks', native: 'delete-volume' } as const;

/** Deletes VMs, and of their files those that nobody else needs: with the last layer over it a base goes too. */
export class FakeRemoval {
  constructor(private readonly calls: FakeCalls) {}

  delete(nativeId: NativeId, { disks }: DeleteVm, context: OperationContext): Promise<Outcome> {
    const { host } = this.calls;
    return this.calls.call('delete', nativeId, context.signal, async () => {
      // Once the machine is undefined nothing else says which disks it had.
      const plan = await this.calls.step('delete', nativeId, context, {
        name: 'note its disks',
        act: () => {
          const machine = this.calls.machine(nativeId);
          allow('delete', machine.state);
          return this.#decide(machine, disks);
        },
      });
      await this.calls.step('delete', nativeId, context, {
        ...undefineIt,
        act: () => {
          if (host.find(nativeId)) host.undefine(nativeId);
        },
      });
      await this.calls.step('delete', nativeId, context, {
        ...deleteDisks,
        act: () => {
          for (const path of plan.orphans) host.editVolume(path, (volume) => (volume.orphan = true));
          for (const path of plan.doomed) if (host.volume(path)) host.deleteVolume(path);
        },
      });
      return { effect: 'changed', notes: plan.notes };
    });
  }

  /** Which disks stay although they were to go. */
  plan(nativeId: NativeId, { disks }: DeleteVm, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', nativeId, signal, () => {
      const machine = this.calls.machine(nativeId);
      const { notes } = this.#decide(machine, disks);
      return {
        steps: [undefineIt, deleteDisks],
        ...(disks === 'delete' && { warnings: notes.map((detail) => ({ code: 'disks-kept', detail })) }),
      };
    });
  }

  #decide(machine: FakeMachine, disks: DeleteVm['disks']) {
    const { host } = this.calls;
    const volumes = new Map(host.volumes().map((volume) => [volume.path, volume]));
    const devices = new Map(machine.disks.map(({ device, path }) => [path, device]));
    const notes: string[] = [];
    const orphans: string[] = [];
    const doomed = new Set<string>();
    const isFree = (path: string) =>
      host.usersOf(path).every((name) => name === machine.name) &&
      host.layersOver(path).every((layer) => doomed.has(layer.path));
    for (const path of ownFiles(machine)) {
      const device = devices.get(path);
      if (device === undefined || (disks === 'delete' && isFree(path))) doomed.add(path);
      else if (disks === 'keep') notes.push(`kept ${device}: ${path}`);
      else {
        const others = host.usersOf(path).filter((name) => name !== machine.name);
        notes.push(`kept ${device}: ${path}, as ${others.join(', ') || 'a disk that was kept'} needs it`);
        orphans.push(path);
      }
    }
    // What was kept for this machine alone goes with it.
    for (const path of [...doomed].flatMap((one) => chainOf(one, volumes).slice(1)))
      if (volumes.get(path)?.orphan && isFree(path)) doomed.add(path);
    return { notes, orphans, doomed: [...doomed] };
  }
}
