import {
  lackOf,
  ProblemError,
  type Capabilities,
  type CapabilityRef,
  type DriverVm,
  type Image,
  type NativeId,
  type NicSurroundings,
} from '@polyvirt/contracts';
import type { Json, ListedVm, OperationContext, Step } from '../driver.ts';
import { known } from '../known.ts';
import type { FakeFaults } from './fake-faults.ts';
import type { FakeHost } from './fake-host.ts';
import { usualBootOrder, type FakeMachine } from './fake-machine.ts';

/** How the parts of the driver call the host: past the faults, and into the journal. */
export class FakeCalls {
  constructor(
    readonly host: FakeHost,
    readonly faults: FakeFaults,
    private readonly capabilities: Capabilities,
  ) {}

  /** Throws `capability-missing` for what the host was told to do without. */
  require(ref: CapabilityRef): void {
    const lack = lackOf(this.capabilities, ref);
    if (lack !== undefined) throw new ProblemError('capability-missing', lack);
  }

  async call<Result>(
    method: string,
    nativeId: NativeId | undefined,
    signal: AbortSignal,
    work: () => Result | Promise<Result>,
  ): Promise<Result> {
    signal.throwIfAborted();
    await this.faults.reach(method, 'before', signal, nativeId);
    const result = await work();
    await this.faults.reach(method, 'after', signal, nativeId);
    return result;
  }

  /** A step of a method; the point `<method>: <step>` is where faults can strike it. */
  step<Result extends Json | void>(
    method: string,
    nativeId: NativeId,
    { journal, signal }: OperationContext,
    step: Omit<Step<Result>, 'act'> & { act(): Result | Promise<Result> },
  ): Promise<Result> {
    return journal.step<Result>({
      ...step,
      act: () => this.struck(method, step.name, signal, () => step.act(), nativeId),
    });
  }

  /** The work of a step, where faults can strike it. */
  async struck<Result>(
    method: string,
    step: string,
    signal: AbortSignal,
    work: () => Result | Promise<Result>,
    nativeId?: NativeId,
  ): Promise<Result> {
    const at = `${method}: ${step}`;
    await this.faults.reach(at, 'before', signal, nativeId);
    const result = await work();
    await this.faults.reach(at, 'after', signal, nativeId);
    return result;
  }

  machine(nativeId: NativeId): FakeMachine {
    const machine = this.host.find(nativeId);
    if (!machine) throw new ProblemError('vm-not-found', `There is no VM ${nativeId} on this host.`);
    return machine;
  }

  requireImage(name: string, kind: 'disk' | 'iso', pointer: string): Image {
    const image = this.host.images.find((one) => one.name === name && one.kind === kind);
    if (image) return image;
    throw new ProblemError('image-not-found', `This host has no ${kind} image ${name}.`, {
      errors: [{ pointer, detail: `There is no such ${kind} image.` }],
    });
  }

  requireNetwork(name: string, pointer: string): void {
    if (this.host.networks.some((network) => network.name === name)) return;
    throw new ProblemError('network-not-found', `This host has no network ${name}.`, {
      errors: [{ pointer, detail: 'There is no such network.' }],
    });
  }

  addressesOf(machine: FakeMachine): string[][] {
    const up = machine.state !== 'suspended' && this.host.hasBooted(machine);
    return machine.nics.map((nic) => (up && !nic.unplugged ? [nic.address ?? leaseOf(nic.mac)] : []));
  }

  list(): ListedVm[] {
    return this.host
      .machines()
      .map((machine) =>
        machine.unreadable === undefined
          ? this.describe(machine)
          : { nativeId: machine.nativeId, name: machine.name, unreadable: machine.unreadable },
      );
  }

  /** Throws `host-rejected` if the machine was spoilt. */
  read(nativeId: NativeId): DriverVm {
    const machine = this.machine(nativeId);
    if (machine.unreadable !== undefined) throw new ProblemError('host-rejected', machine.unreadable);
    return this.describe(machine);
  }

  /** What new interfaces of a machine have to get on with: everything but the interfaces that it gives up. */
  surroundingsOf(nativeId: NativeId, gone: readonly string[] = []): NicSurroundings {
    const { networks, limits } = this.host;
    const others = this.host.machines().map((machine) => {
      const addresses = this.addressesOf(machine);
      const nics = machine.nics.map(({ mac, network }, index) => ({ mac, network, addresses: addresses[index] ?? [] }));
      const stay = machine.nativeId === nativeId ? nics.filter(({ mac }) => !gone.includes(mac)) : nics;
      return { name: machine.name, nics: stay };
    });
    return { networks, macRanges: limits.macRanges, others };
  }

  describe(machine: FakeMachine): DriverVm {
    const addresses = this.addressesOf(machine);
    const bootOrder = machine.bootOrder ?? [...usualBootOrder];
    const present = { ...machine, bootOrder };
    const pendingChanges = (['cpus', 'memoryMiB', 'bootOrder'] as const)
      .filter((field) => machine.pending[field] !== undefined)
      .map((field) => ({ pointer: `/${field}`, from: present[field], to: machine.pending[field] }));
    return {
      nativeId: machine.nativeId,
      name: machine.name,
      state: machine.state,
      cpus: machine.cpus,
      memoryMiB: machine.memoryMiB,
      firmware: machine.firmware,
      disks: machine.disks.map(({ device, path }) => ({
        device,
        path,
        ...known({ sizeGiB: this.host.volume(path)?.sizeGiB }),
      })),
      nics: machine.nics.map(({ mac, network, unplugged }, index) => ({
        mac,
        network,
        addresses: addresses[index] ?? [],
        connected: unplugged !== true,
      })),
      bootOrder,
      template: machine.template === true,
      autostart: machine.autostart === true,
      snapshots: machine.snapshots.map((snapshot) => ({
        id: snapshot.id,
        name: snapshot.name,
        ...(snapshot.description !== undefined && { description: snapshot.description }),
        parent: snapshot.parent,
        current: snapshot.id === machine.currentSnapshot,
        memory: snapshot.memory,
        state: snapshot.state,
        createdAt: snapshot.createdAt,
      })),
      ...((machine.cdrom !== null || machine.hasDrive) && { cdrom: machine.cdrom }),
      ...(pendingChanges.length > 0 && { pendingChanges }),
      createdAt: machine.createdAt,
    };
  }
}

/** An address that follows from the MAC address, so that it is the same at every start. */
function leaseOf(mac: string): string {
  const [high = 0, low = 0] = mac
    .split(':')
    .slice(-2)
    .map((byte) => parseInt(byte, 16));
  return `10.77.${high}.${2 + (low % 250)}`;
}
