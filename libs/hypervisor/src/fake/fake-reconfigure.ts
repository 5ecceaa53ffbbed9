import {
  ProblemError,
  requireFits,
  requireNics,
  type Forecast,
  type NativeId,
  type ReconfigureVm,
} from '@polyvirt/contracts';
import { allow } from '../allow.ts';
import { derivedMac } from '../derived-mac.ts';
import type { Effect, OperationContext, Outcome, ReconfigureFacet } from '../driver.ts';
import type { FakeCalls } from './fake-calls.ts';
import type { FakeMachine } from './fake-machine.ts';

const steps = {
  rename: { name: 'rename it', native: 'rename' },
  edit: { name: 'change the hardware', native: 'edit' },
  grow: (path: string) => ({ name: `grow ${path}`, native: 'resize-volume' }),
} as const;

/** Changes hardware. A running fake machine takes disks and interfaces; CPUs and memory wait for the power-off. */
export class FakeReconfigure implements ReconfigureFacet {
  constructor(private readonly calls: FakeCalls) {}

  apply(nativeId: NativeId, input: ReconfigureVm, context: OperationContext): Promise<Outcome> {
    const { host } = this.calls;
    return this.calls.call('reconfigure', nativeId, context.signal, async () => {
      const decided = await this.calls.step('reconfigure', nativeId, context, {
        name: 'check the request',
        act: () => this.#decide(this.calls.machine(nativeId), input, context.operationId),
      });
      const { before, rename, edits, add, grow } = decided;
      if (rename !== null)
        await this.calls.step('reconfigure', nativeId, context, {
          ...steps.rename,
          act: () => {
            if (this.calls.machine(nativeId).name !== rename) host.rename(nativeId, rename);
          },
          undo: async () => {
            if (host.find(nativeId)?.name === rename) host.rename(nativeId, before.name);
          },
        });
      if (edits)
        await this.calls.step('reconfigure', nativeId, context, {
          ...steps.edit,
          act: () => host.edit('edit', nativeId, (machine) => change(machine, input, add)),
          undo: async () => {
            const { cpus, memoryMiB, pending, nics } = before;
            if (host.find(nativeId))
              host.edit('edit', nativeId, (machine) => Object.assign(machine, { cpus, memoryMiB, pending, nics }));
          },
        });
      // Last, as no disk can be made smaller again.
      for (const { path, sizeGiB } of grow)
        await this.calls.step('reconfigure', nativeId, context, {
          ...steps.grow(path),
          act: () => {
            if (host.volume(path)?.sizeGiB !== sizeGiB) host.resizeVolume(path, sizeGiB);
          },
        });
      return { effect: edits || grow.length > 0 || rename !== null ? 'changed' : 'unchanged' };
    });
  }

  drop(nativeId: NativeId, { signal }: OperationContext): Promise<Effect> {
    return this.calls.call('reconfigure.drop', nativeId, signal, () => {
      if (Object.keys(this.calls.machine(nativeId).pending).length === 0) return 'unchanged';
      this.calls.host.edit('drop-pending', nativeId, (machine) => (machine.pending = {}));
      return 'changed';
    });
  }

  plan(nativeId: NativeId, input: ReconfigureVm, signal: AbortSignal): Promise<Forecast> {
    return this.calls.call('plan', nativeId, signal, () => {
      const { rename, edits, grow } = this.#decide(this.calls.machine(nativeId), input, 'planned');
      return {
        steps: [
          ...(rename === null ? [] : [steps.rename]),
          ...(edits ? [steps.edit] : []),
          ...grow.map(({ path }) => steps.grow(path)),
        ],
      };
    });
  }

  #decide(machine: FakeMachine, input: ReconfigureVm, operationId: string) {
    const { host } = this.calls;
    if ((input.disks ?? []).length > 0 && machine.snapshots.length > 0)
      this.calls.require('reconfigure.growWithSnapshots');
    allow('reconfigure', machine.state);
    const grow = (input.disks ?? []).flatMap(({ device, sizeGiB }, index) => {
      const path = machine.disks.find((disk) => disk.device === device)?.path;
      const volume = path === undefined ? undefined : host.volume(path);
      if (!volume) throw new ProblemError('device-not-found', `${machine.name} has no disk ${device}.`);
      if (sizeGiB < volume.sizeGiB) {
        throw new ProblemError('invalid-input', `${device} has ${volume.sizeGiB} GiB; a disk only grows.`, {
          errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `at least ${volume.sizeGiB}` }],
        });
      }
      return sizeGiB === volume.sizeGiB ? [] : [{ path: volume.path, sizeGiB }];
    });
    for (const mac of input.removeNics ?? [])
      if (!machine.nics.some((nic) => nic.mac === mac))
        throw new ProblemError('device-not-found', `${machine.name} has no interface ${mac}.`);
    for (const { network } of input.addNics ?? [])
      if (!host.networks.some(({ name }) => name === network))
        throw new ProblemError('network-not-found', `This host has no network ${network}.`);
    requireFits(input, host);
    requireNics(input.addNics ?? [], '/addNics', this.calls.surroundingsOf(machine.nativeId, input.removeNics));
    const namesake = input.name === undefined ? undefined : host.findByName(input.name);
    if (namesake && namesake.nativeId !== machine.nativeId)
      throw new ProblemError('name-taken', `There is a VM with the name ${input.name} on this host.`);
    const add = (input.addNics ?? []).map(({ network, mac, address }, index) => ({
      network,
      mac: mac ?? derivedMac(operationId, index),
      ...(address !== 'auto' && { address }),
    }));
    const differs = (field: 'cpus' | 'memoryMiB') =>
      input[field] !== undefined && input[field] !== (machine.pending[field] ?? machine[field]);
    const { name, cpus, memoryMiB, pending, nics } = structuredClone(machine);
    return {
      before: { name, cpus, memoryMiB, pending, nics: nics.map((nic) => ({ ...nic })) },
      grow,
      add,
      rename: input.name === undefined || input.name === machine.name ? null : input.name,
      edits: differs('cpus') || differs('memoryMiB') || add.length > 0 || (input.removeNics ?? []).length > 0,
    };
  }
}

function change(machine: FakeMachine, input: ReconfigureVm, add: FakeMachine['nics']): void {
  const off = machine.state === 'stopped' || machine.state === 'crashed';
  for (const field of ['cpus', 'memoryMiB'] as const) {
    const value = input[field];
    if (value === undefined) continue;
    if (off) machine[field] = value;
    if (off || value === machine[field]) delete machine.pending[field];
    else machine.pending[field] = value;
  }
  const kept = machine.nics.filter(({ mac }) => !input.removeNics?.includes(mac));
  machine.nics = [...kept, ...add.filter(({ mac }) => !kept.some((nic) => nic.mac === mac))];
}
