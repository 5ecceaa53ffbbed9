import { ProblemError, type CreateSnapshot, type Forecast, type NativeId } from '@polyvirt/contracts';
import { allow } from '../allow.ts';
import type { OperationContext, Outcome, SnapshotFacet } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';
import { ownFiles } from './fake-files.ts';
import type { FakeMachine, FakeSnapshot } from './fake-machine.ts';

const takeIt = { name: 'take the snapshot', native: 'snapshot' } as const;

/** Snapshots as a tree. The id of a snapshot is the id of the operation that took it. */
export class FakeSnapshots implements SnapshotFacet {
  constructor(private readonly calls: FakeCalls) {}

  create(nativeId: NativeId, input: CreateSnapshot, context: OperationContext) {
    const { host } = this.calls;
    const id = context.operationId;
    return this.calls.call('snapshots.create', nativeId, context.signal, async () => {
      await this.calls.step('snapshots.create', nativeId, context, {
        name: 'check the request',
        act: () => this.#check(nativeId, input, id),
      });
      await this.calls.step('snapshots.create', nativeId, context, {
        ...takeIt,
        act: () => {
          const machine = this.calls.machine(nativeId);
          if (!machine.snapshots.some((snapshot) => snapshot.id === id))
            host.addSnapshot(nativeId, this.#photograph(machine, id, input));
        },
        undo: async () => {
          const found = host.find(nativeId)?.snapshots.some((snapshot) => snapshot.id === id);
          if (found) host.edit('delete-snapshot', nativeId, (machine) => forget(machine, new Set([id])));
        },
      });
      return { snapshot: id, effect: 'changed' as const };
    });
  }

  plan(nativeId: NativeId, input: CreateSnapshot, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', nativeId, signal, () => {
      this.#check(nativeId, input);
      return { steps: [takeIt] };
    });
  }

  /** What a revert brings back of the hardware. */
  planRevert(nativeId: NativeId, id: string, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', nativeId, signal, () => {
      const machine = this.calls.machine(nativeId);
      const { hardware } = machine.snapshots.find((one) => one.id === id) ?? {};
      const fields = (['cpus', 'memoryMiB'] as const).filter((field) => hardware && hardware[field] !== machine[field]);
      return {
        changes: fields.map((field) => ({
          pointer: `/${field}`,
          from: machine[field],
          to: hardware![field],
          when: 'now',
        })),
      };
    });
  }

  #check(nativeId: NativeId, input: CreateSnapshot, id?: string): void {
    const machine = this.calls.machine(nativeId);
    this.#requireFeatures(machine, input);
    allow('snapshot-create', machine.state);
    if (machine.snapshots.some((snapshot) => snapshot.name === input.name && snapshot.id !== id))
      throw new ProblemError('name-taken', `${machine.name} has a snapshot ${input.name}.`);
  }

  revert(nativeId: NativeId, id: string, { signal }: OperationContext): Promise<Outcome> {
    const { host } = this.calls;
    return this.calls.call<Outcome>('snapshots.revert', nativeId, signal, () => {
      const machine = this.calls.machine(nativeId);
      const before = ownFiles(machine);
      allow('snapshot-revert', machine);
      const snapshot = machine.snapshots.find((one) => one.id === id);
      if (!snapshot) throw new ProblemError('snapshot-not-found', `${machine.name} has no snapshot ${id}.`);
      for (const [path, sizeGiB] of Object.entries(snapshot.sizes)) host.resizeVolume(path, sizeGiB);
      host.edit('revert', nativeId, (target) => {
        Object.assign(target, structuredClone(snapshot.hardware), { pending: {}, currentSnapshot: id });
        target.state = snapshot.memory ? snapshot.state : 'stopped';
        delete target.offAt;
        host.dropSavedMemory(target);
        if (snapshot.memory) target.poweredOnAt = Date.now();
        else delete target.poweredOnAt;
      });
      return { effect: 'changed', ...this.#givenUp(nativeId, before) };
    });
  }

  delete(
    nativeId: NativeId,
    { snapshot: id, children }: { snapshot: string; children: boolean },
    context: OperationContext,
  ): Promise<Outcome> {
    return this.calls.call<Outcome>('snapshots.delete', nativeId, context.signal, () => {
      const machine = this.calls.machine(nativeId);
      const before = ownFiles(machine);
      allow('snapshot-delete', machine.state);
      if (!machine.snapshots.some((one) => one.id === id)) return { effect: 'unchanged' };
      const doomed = new Set([id]);
      // Parents stand before their children in the list.
      if (children)
        for (const one of machine.snapshots) if (one.parent !== null && doomed.has(one.parent)) doomed.add(one.id);
      this.calls.host.edit('delete-snapshot', nativeId, (target) => forget(target, doomed));
      return { effect: 'changed', ...this.#givenUp(nativeId, before) };
    });
  }

  /** What the machine had before, has no more, and is still there. */
  #givenUp(nativeId: NativeId, before: readonly string[]): Pick<Outcome, 'notes'> {
    const now = ownFiles(this.calls.machine(nativeId));
    const left = before.filter((path) => !now.includes(path) && this.calls.host.volume(path));
    return left.length > 0 ? { notes: left.map((path) => `Kept ${path}: the VM has it no more.`) } : {};
  }

  #requireFeatures({ firmware, state }: FakeMachine, { memory }: CreateSnapshot): void {
    const isOn = state === 'running' || state === 'paused';
    if (firmware === 'uefi') this.calls.require('snapshots.uefi');
    if (isOn && memory === true) this.calls.require('snapshots.memory');
    if (isOn && memory === false) this.calls.require('snapshots.runningWithoutMemory');
  }

  #photograph(machine: FakeMachine, id: string, { name, description, memory }: CreateSnapshot): FakeSnapshot {
    const { cpus, memoryMiB, disks, nics } = structuredClone(machine);
    return {
      id,
      name,
      ...(description !== undefined && { description }),
      parent: machine.currentSnapshot,
      memory: memory !== false && machine.state !== 'stopped',
      state: machine.state,
      createdAt: new Date().toISOString(),
      hardware: { cpus, memoryMiB, disks, nics },
      sizes: Object.fromEntries(
        disks.flatMap(({ path }) => {
          const size = this.calls.host.volume(path)?.sizeGiB;
          return size === undefined ? [] : [[path, size]];
        }),
      ),
    };
  }
}

/** Takes snapshots out of the tree; what hung below them moves up. */
function forget(machine: FakeMachine, doomed: ReadonlySet<string>): void {
  const parents = new Map(machine.snapshots.map(({ id, parent }) => [id, parent]));
  const survivor = (id: string | null): string | null =>
    id !== null && doomed.has(id) ? survivor(parents.get(id) ?? null) : id;
  for (const snapshot of machine.snapshots) snapshot.parent = survivor(snapshot.parent);
  machine.currentSnapshot = survivor(machine.currentSnapshot);
  machine.snapshots = machine.snapshots.filter(({ id }) => !doomed.has(id));
}
