import type { DeleteVm, NativeId } from '@polyvirt/contracts';
import { allow } from '../allow.ts';
import type { OperationContext, Outcome } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';

/** Deletes VMs, and of their disks those that nobody else needs. */
export class FakeRemoval {
  constructor(private readonly calls: FakeCalls) {}

  delete(nativeId: NativeId, { disks }: DeleteVm, context: OperationContext): Promise<Outcome> {
    const { host } = this.calls;
    return this.calls.call('delete', nativeId, context.signal, async () => {
      // Once the machine is undefined nothing else says which disks it had.
      const plan = await this.calls.step('delete', nativeId, context, {
        name: 'note its disks',
        act: () => {
          const machine = host.find(nativeId);
          if (!machine) return null;
          allow('delete', machine.state);
          const notes: string[] = [];
          const doomed: string[] = machine.seed === undefined ? [] : [machine.seed];
          for (const { device, path } of machine.disks) {
            const others = host.usersOf(path).filter((name) => name !== machine.name);
            if (disks === 'keep') notes.push(`kept ${device}: ${path}`);
            else if (others.length > 0) notes.push(`kept ${device}: ${others.join(', ')} needs it`);
            else doomed.push(path);
          }
          return { notes, doomed };
        },
      });
      if (plan === null) return { effect: 'unchanged' };
      await this.calls.step('delete', nativeId, context, {
        name: 'undefine the machine',
        native: 'undefine',
        act: () => {
          if (host.find(nativeId)) host.undefine(nativeId);
        },
      });
      await this.calls.step('delete', nativeId, context, {
        name: 'delete its disks',
        native: 'delete-volume',
        act: () => {
          for (const path of plan.doomed) if (host.volume(path)) host.deleteVolume(path);
        },
      });
      return { effect: 'changed', notes: plan.notes };
    });
  }
}
