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
  ProblemGuard,
  type Effect,
  type HypervisorDriver,
  type ImageFacet,
  type ListedVm,
  type Made,
  type NewImage,
  type OperationContext,
  type Outcome,
  type Plans,
} from '@polyvirt/hypervisor';
import { Identifiers } from './client/identifiers.ts';
import { Pages } from './client/paging.ts';
import { PrismClient, type PrismClientOptions } from './client/prism-client.ts';
import { Tasks, type TaskOptions } from './client/tasks.ts';
import { Clusters } from './clusters.ts';
import { PrismConsole } from './console.ts';
import { Hosts } from './hosts.ts';
import { ImageChanges } from './images/image-changes.ts';
import { ImageEntities } from './images/image-entities.ts';
import { ImageUpload } from './images/image-upload.ts';
import { Images } from './images/images.ts';
import { Cloning } from './lifecycle/cloning.ts';
import { Copies } from './lifecycle/copies.ts';
import { Creation } from './lifecycle/creation.ts';
import { Placement } from './lifecycle/placement.ts';
import { Reconfiguration } from './lifecycle/reconfiguration.ts';
import { Removal } from './lifecycle/removal.ts';
import { TaskSteps } from './lifecycle/task-steps.ts';
import { MetricsSweep } from './metrics.ts';
import { Networks } from './networks.ts';
import { Power, type ShutdownMechanism } from './power.ts';
import { toProblem } from './prism.problems.ts';
import { Probe } from './probe.ts';
import { RecoveryPoints } from './snapshots/recovery-points.ts';
import { SnapshotNotes } from './snapshots/snapshot-notes.ts';
import { Snapshots } from './snapshots/snapshots.ts';
import { Machines } from './vm/machines.ts';
import { Vms } from './vm/vms.ts';
import { VmWatch } from './watch/vm-watch.ts';

export interface PrismDriverOptions extends PrismClientOptions {
  /** Name or UUID of the cluster that new VMs go to. */
  readonly defaultCluster?: string | undefined;
  readonly simulated?: boolean | undefined;
  readonly shutdown?: ShutdownMechanism | undefined;
  readonly tasks?: TaskOptions | undefined;
  /** How often the latest tasks are looked at. 750 ms by default. */
  readonly watchMs?: number | undefined;
  /** How often is compared what changes without a task. 10,000 ms by default. */
  readonly surveyMs?: number | undefined;
  /** How long another task may hold a VM before a command on it is given up. 60,000 ms by default. */
  readonly busyMs?: number | undefined;
  /** How long Prism may take to show what a task has done. 30,000 ms by default. */
  readonly settleMs?: number | undefined;
  /** How soon a guest is asked again to shut down when the request failed. 5,000 ms by default. */
  readonly pressAgainMs?: number | undefined;
  /** How soon a guest that was asked to shut down is looked at again; later ever less often. 200 ms by default. */
  readonly lookMs?: number | undefined;
}

const guard = new ProblemGuard(toProblem);

/** Nutanix AHV by Prism Central's v3 API. The native id of a VM is its UUID. */
export class PrismDriver implements HypervisorDriver {
  readonly hypervisor = 'nutanix';
  readonly simulated: boolean;

  readonly plans: Plans;
  readonly reconfigure;
  readonly clone;
  readonly snapshots;
  readonly metrics;
  readonly watch;
  readonly console;
  readonly images;
  readonly networks;
  readonly guest;
  readonly export;

  readonly #client: PrismClient;
  readonly #tasks: Tasks;
  readonly #machines: Machines;
  readonly #probe: Probe;
  readonly #power: Power;
  readonly #creation: Creation;
  readonly #removal: Removal;

  /** Connects with the first call, and again whenever Prism comes back. */
  constructor(options: PrismDriverOptions) {
    const patience = { busyMs: options.busyMs ?? 60_000, settleMs: options.settleMs ?? 30_000 };
    const client = new PrismClient(options);
    const tasks = new Tasks(client, options.tasks);
    const pages = new Pages(client);
    const identifiers = new Identifiers(client);
    const steps = new TaskSteps(tasks, patience);
    const clusters = new Clusters(pages, options.defaultCluster);
    const networks = new Networks(pages, clusters);
    const vms = new Vms(client, pages, tasks, patience);
    const hosts = new Hosts(pages);
    const placement = new Placement({ networks, clusters, hosts, vms });
    const copies = new Copies({ client, vms, steps });
    const images = new Images(pages, vms);
    const entities = new ImageEntities(client, tasks);
    const points = new RecoveryPoints(client, pages, patience);
    const notes = new SnapshotNotes(client, pages);
    const snapshots = new Snapshots({ client, vms, tasks, identifiers, points, notes, steps });
    const machines = new Machines(vms, networks, snapshots, images.nameOf);

    this.simulated = options.simulated ?? false;
    this.#client = client;
    this.#tasks = tasks;
    this.#machines = machines;
    this.#probe = new Probe(client, hosts, clusters);
    this.#power = guard.facet(
      new Power({
        vms,
        tasks,
        identifiers,
        steps,
        options: {
          shutdown: options.shutdown ?? 'auto',
          pressAgainMs: options.pressAgainMs ?? 5_000,
          lookMs: options.lookMs ?? 200,
        },
      }),
    );
    const creation = new Creation({
      tasks,
      identifiers,
      vms,
      secrets: client.secrets,
      images,
      placement,
      copies,
      clusters,
      steps,
    });
    this.#creation = guard.facet(creation);
    this.#removal = guard.facet(new Removal({ client, images: entities, identifiers, vms, snapshots, steps }));

    this.reconfigure = guard.facet(new Reconfiguration({ client, vms, tasks, placement, steps, images }));
    this.clone = guard.facet(
      new Cloning({ client, tasks, identifiers, vms, points, creation, copies, steps, patience }),
    );
    this.snapshots = guard.facet(snapshots);
    this.plans = {
      'image.create': ({ input }, signal) => imageChanges.plan(input.name, signal),
      'image.delete': ({ input }, signal) => imageChanges.planDelete(input, signal),
      'vm.create': ({ input }, signal) => this.#creation.plan(input, signal),
      'vm.delete': ({ nativeId, input }, signal) => this.#removal.plan(nativeId, input, signal),
      'vm.reconfigure': ({ nativeId, input }, signal) => this.reconfigure.plan(nativeId, input, signal),
      'vm.clone': ({ vm, nativeId, input }, signal) => this.clone.plan(vm, nativeId, input, signal),
      'vm.snapshot-create': ({ vm, nativeId, input }, signal) => this.snapshots.plan(vm, nativeId, input, signal),
      'vm.snapshot-revert': ({ nativeId, input }, signal) =>
        this.snapshots.planRevert(nativeId, input.snapshot, signal),
      'vm.snapshot-delete': ({ nativeId, input }, signal) => this.snapshots.planDelete(nativeId, input, signal),
    };
    this.metrics = guard.facet(new MetricsSweep(vms));
    this.watch = new VmWatch({
      vms,
      tasks,
      options: { tasksMs: options.watchMs ?? 750, surveyMs: options.surveyMs ?? 10_000 },
      onImages: images.noteChange,
    });
    this.console = guard.facet(new PrismConsole(client, vms));
    const guardedImages = guard.facet<ImageFacet>(images);
    const upload = new ImageUpload(client, entities, options.retryMs);
    const imageChanges = guard.facet(new ImageChanges({ images, entities, upload, identifiers, vms, steps }));
    this.images = {
      create: (image: NewImage, context: OperationContext) => imageChanges.create(image, context),
      delete: (image: DeleteImage, context: OperationContext) => imageChanges.delete(image, context),
      list: (signal: AbortSignal) => guardedImages.list(signal),
      templates: (signal: AbortSignal) => guardedImages.templates(signal),
      changes: (signal: AbortSignal) => images.changes(signal),
    };
    this.networks = guard.facet(networks);
    this.guest = {
      read: (nativeId: NativeId, signal: AbortSignal) => guard.run(() => machines.guest(nativeId, signal)),
    };
    this.export = {
      definition: (nativeId: NativeId, signal: AbortSignal): Promise<NativeDefinition> =>
        guard.run(() => machines.definition(nativeId, signal)),
    };
  }

  probe(signal: AbortSignal): Promise<HostStatus> {
    return this.#probe.status(signal);
  }

  list(signal: AbortSignal): Promise<ListedVm[]> {
    return guard.run(() => this.#machines.list(signal));
  }

  get(nativeId: NativeId, signal: AbortSignal): Promise<DriverVm> {
    return guard.run(() => this.#machines.get(nativeId, signal));
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
    this.#tasks.close();
    return this.#client.close();
  }
}
