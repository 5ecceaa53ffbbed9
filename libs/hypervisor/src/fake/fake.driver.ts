import type {
  Capabilities,
  CreateVm,
  DeleteVm,
  DriverVm,
  HostStatus,
  Hypervisor,
  NativeId,
  StopVm,
} from '@polyvirt/contracts';
import { capabilitiesWithout, type Absences } from '../capabilities.ts';
import type {
  CloneFacet,
  ConsoleFacet,
  Effect,
  ExportFacet,
  GuestFacet,
  HypervisorDriver,
  ImageFacet,
  ListedVm,
  Made,
  MetricsFacet,
  NetworkFacet,
  OperationContext,
  Outcome,
  ReconfigureFacet,
  SnapshotFacet,
  SuspendFacet,
  VolumeFacet,
  WatchFacet,
} from '../driver.ts';
import type { Plans } from '../plan.ts';
import { FakeCalls } from './fake-calls.ts';
import { FakeConsole } from './fake-console.ts';
import { FakeCreation } from './fake-creation.ts';
import { definitionOf } from './fake-definition.ts';
import { FakeDisks } from './fake-disks.ts';
import { FakeFaults, type Fault } from './fake-faults.ts';
import { FakeHost, type FakeHostOptions } from './fake-host.ts';
import { FakeImages } from './fake-images.ts';
import { FakeMetrics } from './fake-metrics.ts';
import { FakePower } from './fake-power.ts';
import { FakeReconfigure } from './fake-reconfigure.ts';
import { FakeRemoval } from './fake-removal.ts';
import { FakeSnapshots } from './fake-snapshots.ts';
import { FakeWatch } from './fake-watch.ts';

export interface FakeDriverOptions extends FakeHostOptions {
  readonly hypervisor?: Hypervisor;
  /** The host to drive; without it the driver makes one of its own. */
  readonly host?: FakeHost;
  readonly faults?: readonly Fault[];
  /** Facets, and features of facets, that this driver does without, each with the reason. */
  readonly without?: Absences;
}

const neverHad: Absences = {
  'reconfigure.cpusLive': 'The fake host changes CPUs at the next power-off.',
  'reconfigure.memoryLive': 'The fake host changes memory at the next power-off.',
  'clone.running': 'The fake host copies machines that are off.',
  'networks.ipv6': 'The networks of the fake host are IPv4.',
};

/** A driver for a hypervisor that is not there. What it promises is what real ones promise; how it fails can be set. */
export class FakeDriver implements HypervisorDriver {
  readonly hypervisor: Hypervisor;
  readonly simulated = true;
  readonly host: FakeHost;
  readonly faults: FakeFaults;

  readonly plans: Plans;
  readonly suspend?: SuspendFacet;
  readonly reconfigure?: ReconfigureFacet;
  readonly clone?: CloneFacet;
  readonly snapshots?: SnapshotFacet;
  readonly metrics?: MetricsFacet;
  readonly watch?: WatchFacet;
  readonly console?: ConsoleFacet;
  readonly images?: ImageFacet;
  readonly volumes?: VolumeFacet;
  readonly networks?: NetworkFacet;
  readonly guest?: GuestFacet;
  readonly export?: ExportFacet;

  readonly #calls: FakeCalls;
  readonly #creation: FakeCreation;
  readonly #removal: FakeRemoval;
  readonly #power: FakePower;
  readonly #capabilities: Capabilities;
  readonly #ownsHost: boolean;

  constructor(options: FakeDriverOptions = {}) {
    this.hypervisor = options.hypervisor ?? 'kvm';
    this.#ownsHost = options.host === undefined;
    const host = options.host ?? new FakeHost(options);
    this.host = host;
    this.faults = new FakeFaults(options.faults ?? [], {
      vanish: (nativeId) => {
        if (host.find(nativeId)) host.undefine(nativeId);
      },
      crash: (nativeId) => host.crash(nativeId),
    });
    const without: Absences = { ...neverHad, ...options.without };
    this.#capabilities = capabilitiesWithout(without);
    const calls = new FakeCalls(host, this.faults, this.#capabilities);
    this.#calls = calls;
    this.#creation = new FakeCreation(calls);
    this.#removal = new FakeRemoval(calls);
    this.#power = new FakePower(calls);
    if (!without.suspend) this.suspend = this.#power;
    const reconfigure = new FakeReconfigure(calls);
    if (!without.reconfigure) this.reconfigure = reconfigure;
    if (!without.clone) this.clone = this.#creation;
    const snapshots = new FakeSnapshots(calls);
    if (!without.snapshots) this.snapshots = snapshots;
    const disks = new FakeDisks(calls);
    const images = new FakeImages(calls);
    this.plans = {
      'vm.create': ({ input }, signal) => this.#creation.plan(input, signal),
      'vm.clone': ({ nativeId, input }, signal) => this.#creation.planClone(nativeId, input, signal),
      'vm.delete': ({ nativeId, input }, signal) => this.#removal.plan(nativeId, input, signal),
      'vm.reconfigure': ({ nativeId, input }, signal) => reconfigure.plan(nativeId, input, signal),
      'volume.delete': ({ input }, signal) => disks.planDelete(input.volume, signal),
      'image.create': ({ input }, signal) => images.plan(input.name, signal),
      'image.delete': ({ input }, signal) => images.planDelete(input, signal),
      'vm.snapshot-create': ({ nativeId, input }, signal) => snapshots.plan(nativeId, input, signal),
      'vm.snapshot-revert': ({ nativeId, input }, signal) => snapshots.planRevert(nativeId, input.snapshot, signal),
    };
    if (!without.metrics) this.metrics = new FakeMetrics(calls);
    if (!without.watch) this.watch = new FakeWatch(host);
    if (!without.console) this.console = new FakeConsole(calls, without);
    if (!without.images) {
      this.images = images;
    }
    if (!without.volumes)
      this.volumes = {
        list: (signal) => calls.call('volumes', undefined, signal, () => disks.list()),
        delete: (volume, context) => disks.delete(volume, context),
      };
    if (!without.networks)
      this.networks = { list: (signal) => calls.call('networks', undefined, signal, () => host.networks) };
    if (!without.guest) {
      this.guest = {
        read: (nativeId, signal) =>
          calls.call('guest', nativeId, signal, () => {
            const machine = calls.machine(nativeId);
            const addresses = calls.addressesOf(machine).flat();
            if (machine.state !== 'running' || !host.hasBooted(machine)) return { agent: false, addresses };
            return { agent: true, hostname: machine.name, os: 'Tiny Linux', addresses };
          }),
      };
    }
    if (!without.export) {
      this.export = {
        definition: (nativeId, signal) =>
          calls.call('export', nativeId, signal, () => definitionOf(calls.machine(nativeId), this.hypervisor)),
      };
    }
  }

  async probe(signal: AbortSignal): Promise<HostStatus> {
    const status = {
      health: this.host.health,
      version: 'fake 1.0',
      capabilities: this.#capabilities,
      capacity: this.host.capacity,
      ...(Object.keys(this.host.limits).length > 0 && { limits: this.host.limits }),
      notes: ['This host is made up: it runs no machines.'],
    };
    try {
      return await this.#calls.call('probe', undefined, signal, () => status);
    } catch (error) {
      const detail = error instanceof Error ? error.message : 'The fake host does not answer.';
      return { ...status, health: { status: 'unhealthy', detail } };
    }
  }

  list(signal: AbortSignal): Promise<ListedVm[]> {
    return this.#calls.call('list', undefined, signal, () => this.#calls.list());
  }

  get(nativeId: NativeId, signal: AbortSignal): Promise<DriverVm> {
    return this.#calls.call('get', nativeId, signal, () => this.#calls.read(nativeId));
  }

  create(input: CreateVm, context: OperationContext): Promise<Made> {
    return this.#creation.create(input, context);
  }

  delete(nativeId: NativeId, input: DeleteVm, context: OperationContext): Promise<Outcome> {
    return this.#removal.delete(nativeId, input, context);
  }

  start(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    return this.#power.start(nativeId, context);
  }

  stop(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    return this.#power.stop(nativeId, input, context);
  }

  restart(nativeId: NativeId, input: StopVm, context: OperationContext): Promise<Effect> {
    return this.#power.restart(nativeId, input, context);
  }

  reset(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    return this.#power.reset(nativeId, context);
  }

  async close(): Promise<void> {
    if (this.#ownsHost) this.host.close();
  }
}
