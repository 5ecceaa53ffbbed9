import type {
  CreateVm,
  DeleteImage,
  DeleteVm,
  DriverVm,
  HostStatus,
  NativeDefinition,
  NativeId,
  StopVm,
} from '@polyvirt/contracts';
import {
  folderChanges,
  ProblemGuard,
  type ConsoleFacet,
  type Effect,
  type HypervisorDriver,
  type ListedVm,
  type Made,
  type NewImage,
  type OperationContext,
  type Outcome,
  type Plans,
} from '@polyvirt/hypervisor';
import { Libvirt } from '@polyvirt/node-libvirt';
import { Accelerator, type AccelerationSetting } from './acceleration.ts';
import { VncConsole } from './console.ts';
import { isDisk, readDomain } from './domain/domain-reader.ts';
import { Machines } from './domain/machines.ts';
import { GuestAgent } from './guest.ts';
import { HostLimits } from './host-limits.ts';
import { toProblem } from './libvirt.problems.ts';
import { Cloning } from './lifecycle/cloning.ts';
import { Creation } from './lifecycle/creation.ts';
import { Reconfiguration } from './lifecycle/reconfiguration.ts';
import { Removal } from './lifecycle/removal.ts';
import { StateFiles } from './lifecycle/state-files.ts';
import { LogDaemon, type LogDaemonOptions } from './log-daemon.ts';
import { MetricsSweep } from './metrics.ts';
import { Networks } from './networks.ts';
import { PowerOffWork } from './power-off-work.ts';
import { Power } from './power.ts';
import { probe, type ProbeParts } from './probe.ts';
import { SerialConsole } from './serial-console.ts';
import { Checkpoints } from './snapshots/checkpoints.ts';
import { QemuSnapshots } from './snapshots/qemu-snapshots.ts';
import { SnapshotReader } from './snapshots/snapshot-reader.ts';
import { Snapshots } from './snapshots/snapshots.ts';
import { StateWaiter } from './state-waiter.ts';
import { HostFiles } from './storage/host-files.ts';
import { HostVolumes } from './storage/host-volumes.ts';
import { ImageChanges } from './storage/image-changes.ts';
import { ImageLibrary } from './storage/image-library.ts';
import { StoragePool, type StoragePoolSettings } from './storage/storage-pool.ts';
import { DomainWatch } from './watch.ts';

export interface LibvirtDriverOptions {
  /** `qemu:///system`, or `qemu+tls://…` */
  readonly uri: string;
  readonly socketPath?: string | undefined;
  /** Where virtlogd is; by default where it is for the system's libvirt, and none for any other. */
  readonly logs?: LogDaemonOptions;
  readonly acceleration: AccelerationSetting;
  readonly pool: StoragePoolSettings;
  /** Folder of images: `*.qcow2`, `*.img`, `*.raw` and `*.iso`. */
  readonly imageFolder: string;
}

const guard = new ProblemGuard(toProblem);
/** An agent that is frozen makes no libvirtd grow. */
const keepalive = { intervalMs: 5_000, count: 5, byDaemon: true };

/** KVM and QEMU by libvirt's RPC protocol. The native id of a machine is the UUID of its domain. */
export class LibvirtDriver implements HypervisorDriver {
  readonly hypervisor = 'kvm';
  readonly simulated = false;

  readonly plans: Plans;
  readonly suspend;
  readonly reconfigure;
  readonly clone;
  readonly snapshots;
  readonly metrics;
  readonly watch;
  readonly console: ConsoleFacet;
  readonly images;
  readonly volumes;
  readonly networks;
  readonly guest;
  readonly export;

  readonly #libvirt: Libvirt;
  readonly #machines: Machines;
  readonly #probe: ProbeParts;
  readonly #power: Power;
  readonly #creation: Creation;
  readonly #removal: Removal;

  /** Connects with the first call, and again whenever the daemon comes back. */
  constructor(options: LibvirtDriverOptions) {
    const { uri, socketPath } = options;
    const libvirt = Libvirt.lazy({ uri, keepalive, ...(socketPath === undefined ? {} : { socketPath }) });
    const isLocal = socketPath !== undefined || isLocalUri(uri);
    const storage = new StoragePool(libvirt, options.pool, new HostFiles({ local: isLocal }));
    const stateFiles = new StateFiles(libvirt, storage);
    const networks = new Networks(libvirt);
    const images = new ImageLibrary(storage, options.imageFolder);
    const machines = new Machines({ libvirt, networks, snapshots: new SnapshotReader(), storage, images });
    const accelerator = new Accelerator(libvirt, options.acceleration);
    const limits = new HostLimits(libvirt, accelerator);
    const volumes = new HostVolumes({ libvirt, storage, imageFolder: options.imageFolder });
    const imageChanges = guard.facet(
      new ImageChanges({ library: images, folder: options.imageFolder, libvirt, storage, volumes }),
    );
    const powerOffWork = new PowerOffWork({ libvirt, stateFiles, networks, storage, volumes });
    const waiter = new StateWaiter(libvirt);

    this.#libvirt = libvirt;
    this.#machines = machines;
    const isSystem = socketPath === undefined && uri === 'qemu:///system';
    const logs = options.logs || isSystem ? new LogDaemon(options.logs) : undefined;
    this.#probe = { libvirt, storage, accelerator, limits, logs, isLocal };
    this.#power = guard.facet(new Power({ libvirt, machines, powerOffWork, waiter }));
    this.#creation = guard.facet(new Creation({ libvirt, machines, storage, images, networks, accelerator, limits }));
    this.#removal = guard.facet(new Removal({ libvirt, machines, storage, networks, stateFiles, volumes }));

    this.suspend = this.#power;
    this.reconfigure = guard.facet(
      new Reconfiguration({
        libvirt,
        machines,
        storage,
        images,
        volumes,
        stateFiles,
        networks,
        powerOffWork,
        waiter,
        limits,
      }),
    );
    this.clone = guard.facet(new Cloning({ libvirt, machines, storage, stateFiles, networks, limits }));
    this.snapshots = guard.facet(
      new Snapshots({
        libvirt,
        machines,
        storage,
        byQemu: new QemuSnapshots({ libvirt, machines, stateFiles, storage, powerOffWork }),
        checkpoints: new Checkpoints(libvirt, storage),
      }),
    );
    this.plans = {
      'vm.create': ({ input }) => this.#creation.plan(input),
      'vm.delete': (request) => this.#removal.plan(request),
      'vm.reconfigure': (request) => this.reconfigure.plan(request),
      'vm.pending-changes-drop': (request) => this.reconfigure.planDrop(request),
      'vm.clone': (request) => this.clone.plan(request),
      'volume.delete': ({ input }) => volumes.planDelete(input.volume),
      'image.create': ({ input }) => imageChanges.plan(input.name),
      'image.delete': ({ input }) => imageChanges.planDelete(input),
      'vm.snapshot-create': (request) => this.snapshots.plan(request),
      'vm.snapshot-revert': (request) => this.snapshots.planRevert(request),
      'vm.snapshot-delete': (request) => this.snapshots.planDelete(request),
    };
    this.metrics = guard.facet(new MetricsSweep(libvirt));
    this.watch = new DomainWatch({ libvirt, machines, networks, powerOffWork });
    const [screens, serialPorts] = [new VncConsole(machines), new SerialConsole(machines)];
    this.console = {
      ...(isLocal && {
        graphic: (nativeId: NativeId, signal: AbortSignal) => guard.run(() => screens.open(nativeId, signal)),
      }),
      text: (nativeId, signal) => guard.run(() => serialPorts.open(nativeId, signal)),
    };
    this.volumes = guard.facet(volumes);
    this.networks = guard.facet(networks);
    this.guest = guard.facet(new GuestAgent(machines, networks));
    this.images = {
      list: () => guard.run(() => images.list()),
      // Any machine that is off can be one.
      templates: () => guard.run(() => this.#templates()),
      changes: (signal: AbortSignal) => folderChanges(options.imageFolder, signal),
      create: (image: NewImage, context: OperationContext) => imageChanges.create(image, context),
      delete: (image: DeleteImage, context: OperationContext) => imageChanges.delete(image, context),
    };
    this.export = {
      definition: (nativeId: NativeId) => guard.run(() => this.#definition(nativeId, storage, stateFiles)),
    };
  }

  probe(): Promise<HostStatus> {
    return probe(this.#probe);
  }

  list(): Promise<ListedVm[]> {
    return guard.run(() => this.#machines.list());
  }

  get(nativeId: NativeId): Promise<DriverVm> {
    return guard.run(() => this.#machines.get(nativeId));
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

  close(): Promise<void> {
    return this.#libvirt.close();
  }

  async #definition(nativeId: NativeId, storage: StoragePool, stateFiles: StateFiles): Promise<NativeDefinition> {
    const domain = await this.#machines.domain(nativeId);
    const text = await domain.xml({ inactive: true });
    const sources = readDomain(text)
      .disks.filter(isDisk)
      .map(({ source }) => source);
    const paths = await Promise.all(sources.map(async (source) => source && storage.pathOf(source)));
    const kept = await stateFiles.keptFor(domain.uuid);
    const files = [...paths.filter((path) => path !== undefined), ...(await stateFiles.of(text)), ...kept];
    return { format: 'libvirt-xml', text, files: [...new Set(files)] };
  }

  async #templates() {
    const domains = await this.#libvirt.domains.list({ inactive: true });
    return domains.map(({ uuid, name }) => ({ nativeId: uuid, name })).sort((a, b) => a.name.localeCompare(b.name));
  }
}

/** Without a host, or with one that is this machine. */
const isLocalUri = (uri: string): boolean =>
  /^[a-z]+(?:\+[a-z]+)?:\/\/(?:(?:[^@/]*@)?(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)?(?:\/|$)/.test(uri);
