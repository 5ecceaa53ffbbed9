import type {
  Capabilities,
  CreateVm,
  DeleteImage,
  DeleteVm,
  DriverVm,
  HostStatus,
  NativeId,
  StopVm,
} from '@polyvirt/contracts';
import {
  folderChanges,
  gibOf,
  ProblemGuard,
  type Effect,
  type HypervisorDriver,
  type ListedVm,
  type Made,
  type NewImage,
  type OperationContext,
  type Outcome,
  type Plans,
} from '@polyvirt/hypervisor';
import { VncConsole, VncPorts } from './console.ts';
import { DiskTool } from './disks/disk-tool.ts';
import { filesUsedBy } from './disks/disk-users.ts';
import { HostVolumes } from './disks/host-volumes.ts';
import { ImageChanges } from './disks/image-changes.ts';
import { ImageLibrary } from './disks/image-library.ts';
import { GuestTools } from './guest.ts';
import { Discovery } from './inventory/discovery.ts';
import type { Machine } from './inventory/identity.ts';
import { Machines, stemOf } from './inventory/machines.ts';
import { orUnreadable } from './inventory/unreadable.ts';
import { PowerOffWork } from './inventory/power-off-work.ts';
import { Running } from './inventory/running.ts';
import { ChangeRules } from './lifecycle/change-rules.ts';
import { Cloning } from './lifecycle/cloning.ts';
import { Creation } from './lifecycle/creation.ts';
import { HardwareRules } from './lifecycle/hardware-rules.ts';
import { Reconfiguration } from './lifecycle/reconfiguration.ts';
import { Removal } from './lifecycle/removal.ts';
import { MetricsSweep } from './metrics.ts';
import { Leases } from './network/leases.ts';
import { Networks } from './network/networks.ts';
import { Power } from './power.ts';
import { capabilitiesOf, fixedCapacity, probe, readProduct, type Product } from './probe.ts';
import { Snapshots } from './snapshots/snapshots.ts';
import { usualPatience, type Patience } from './vmrun/achieve.ts';
import { usualPlaces, type Places, type Platform } from './vmrun/installation.ts';
import { toProblem, unlessUnanswered } from './vmrun/vmrun.problems.ts';
import type { Timer } from './vmrun/timer.ts';
import { usualDeadlines, Vmrun, type CallDeadlines } from './vmrun/vmrun.ts';
import { withoutSecrets } from './vmx/secrets.ts';
import { VmWatch } from './watch.ts';

export interface WorkstationDriverOptions {
  readonly platform: Platform;
  readonly simulated: boolean;
  /** Path of vmrun, when it is not where it usually is; the other programs are beside it. */
  readonly vmrunPath?: string | undefined;
  /** Folder that new VMs are made in. */
  readonly vmFolder: string;
  /** More folders with VMs. */
  readonly otherFolders?: readonly string[] | undefined;
  /** Folder of the VMs that are templates. */
  readonly templateFolder: string;
  readonly templateClone?: 'full' | 'linked' | undefined;
  /** Folder of disk and CD-ROM images. */
  readonly imageFolder: string;
  readonly guestOs?: string | undefined;
  /** Version of the virtual hardware of new VMs; the newest that the product is known to run when absent. */
  readonly hardwareVersion?: number | undefined;
  readonly places?: Partial<Places> | undefined;
  readonly codePage?: string | undefined;
  readonly maxCalls?: number | undefined;
  readonly deadlines?: Partial<CallDeadlines> | undefined;
  readonly patience?: Partial<Patience> | undefined;
  /** When deadlines fall; by the clock of this machine when absent. */
  readonly timer?: Timer | undefined;
  readonly qemuImg?: string | undefined;
  /** Environment of the programs; that of the agent when absent. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** A guest that every release knows. */
export const usualGuestOs = 'other-64';
export const usualMaxCalls = 4;
const PRODUCT_BELIEVED_MS = 10 * 60_000;
export const usualCodePage = 'windows-1252';

const guard = new ProblemGuard(toProblem);

/** VMware Workstation by vmrun, vmware-vdiskmanager and the files of its machines. The native id is that of the .vmx path. */
export class WorkstationDriver implements HypervisorDriver {
  readonly hypervisor = 'vmware';
  readonly simulated: boolean;

  readonly plans: Plans;
  readonly suspend;
  readonly reconfigure;
  readonly clone;
  readonly snapshots;
  readonly metrics;
  readonly watch;
  readonly console;
  readonly images;
  readonly volumes;
  readonly networks;
  readonly guest;
  readonly export;

  readonly #vmrun: Vmrun;
  readonly #capabilities: Capabilities;
  readonly #vmFolder: string;
  readonly #running: Running;
  readonly #machines: Machines;
  readonly #disks: DiskTool;
  readonly #power: Power;
  readonly #creation: Creation;
  readonly #removal: Removal;
  #knownProduct: { readonly product: Promise<Product>; readonly at: number } | undefined;

  /** Asks which product there is, as that decides what the host can do. None at all can still be installed later. */
  static async open(options: WorkstationDriverOptions): Promise<WorkstationDriver> {
    const vmrun = new Vmrun({
      platform: options.platform,
      vmrunPath: options.vmrunPath,
      deadlines: { ...usualDeadlines, ...options.deadlines },
      maxCalls: options.maxCalls ?? usualMaxCalls,
      codePage: options.codePage ?? usualCodePage,
      env: options.env,
      timer: options.timer,
    });
    // A host that does not answer is the business of `probe`.
    await vmrun.look(['list']).catch(unlessUnanswered);
    return new WorkstationDriver(options, vmrun);
  }

  private constructor(options: WorkstationDriverOptions, vmrun: Vmrun) {
    const { platform, vmFolder, imageFolder, env } = options;
    const places = { ...usualPlaces(platform), ...options.places };
    const patience = { ...usualPatience, ...options.patience };
    const folders = [vmFolder, ...(options.otherFolders ?? [])];
    const running = new Running(vmrun);
    const disks = new DiskTool(vmrun, patience, options.qemuImg ?? 'qemu-img', env);
    const leases = new Leases(places.networks, platform);
    const discovery = new Discovery({
      platform,
      folders,
      templates: options.templateFolder,
      inventoryFile: places.inventory,
    });
    // It is asked when machines are off, which somebody has listed then.
    const powerOffWork = new PowerOffWork(vmrun, disks, (chain, machine): Promise<unknown> =>
      volumes.deleteGivenUp(chain, machine),
    );
    const { codePage } = vmrun;
    const machines = new Machines({ discovery, running, leases, powerOffWork, codePage, imageFolder });
    const volumes = new HostVolumes(machines);
    const networks = new Networks(vmrun);
    const images = new ImageLibrary(imageFolder, disks);
    const imageChanges = guard.facet(new ImageChanges({ library: images, folder: imageFolder, machines, disks }));
    const rules = new HardwareRules({ machines, networks, capacity: fixedCapacity });
    const ports = new VncPorts();
    const power = new Power({ vmrun, machines, running, powerOffWork, ports, leases, patience });
    const snapshots = new Snapshots({ vmrun, machines, power, patience });
    const cloning = new Cloning({ vmrun, machines, discovery, rules, snapshots, power, patience, vmFolder });
    const guest = new GuestTools(vmrun, machines, leases);
    const capabilities = capabilitiesOf(vmrun, vmrun.hostType === 'player');
    const settings = {
      vmFolder,
      guestOs: options.guestOs ?? usualGuestOs,
      templateClone: options.templateClone ?? 'full',
      hardwareVersion: async () => options.hardwareVersion ?? (await this.#product()).hardwareVersion,
    };

    this.simulated = options.simulated;
    this.#vmrun = vmrun;
    this.#capabilities = capabilities;
    this.#vmFolder = vmFolder;
    this.#running = running;
    this.#machines = machines;
    this.#disks = disks;
    this.#power = guard.facet(power);
    this.#creation = guard.facet(
      new Creation({ vmrun, machines, discovery, images, rules, disks, power, cloning, settings }),
    );
    this.#removal = guard.facet(new Removal({ vmrun, machines, snapshots, patience }));

    this.suspend = this.#power;
    const changeRules = new ChangeRules({ machines, rules, images, volumes });
    this.reconfigure = guard.facet(
      new Reconfiguration({ vmrun, machines, rules: changeRules, disks, volumes, powerOffWork }),
    );
    const [clone, trees] = [guard.facet(cloning), guard.facet(snapshots)];
    this.clone = capabilities.clone.available ? clone : undefined;
    this.snapshots = capabilities.snapshots.available ? trees : undefined;
    const demandOpen = ({ nativeId }: { readonly nativeId: NativeId }) => this.#power.plan(nativeId);
    this.plans = {
      'vm.start': ({ nativeId }) => this.#power.planStart(nativeId),
      'vm.stop': demandOpen,
      'vm.restart': demandOpen,
      'vm.reset': demandOpen,
      'vm.suspend': demandOpen,
      'vm.pause': demandOpen,
      'vm.resume': demandOpen,
      'vm.create': ({ input }) => this.#creation.plan(input),
      'vm.delete': ({ nativeId, input }) => this.#removal.plan(nativeId, input),
      'vm.reconfigure': ({ nativeId, input }) => this.reconfigure.plan(nativeId, input),
      'vm.pending-changes-drop': ({ nativeId }) => this.reconfigure.planDrop(nativeId),
      'vm.clone': ({ vm, nativeId, input }) => clone.plan(vm, nativeId, input),
      'volume.delete': ({ input }) => volumes.planDelete(input.volume),
      'image.create': ({ input }) => imageChanges.plan(input.name),
      'image.delete': ({ input }) => imageChanges.planDelete(input),
      'vm.snapshot-create': ({ vm, nativeId, input }) => trees.plan(vm, nativeId, input),
      'vm.snapshot-revert': ({ nativeId, input }) => trees.planRevert(nativeId, input.snapshot),
      'vm.snapshot-delete': ({ nativeId, input }) => trees.planDelete(nativeId, input),
    };
    this.metrics = capabilities.metrics.available
      ? guard.facet(new MetricsSweep(machines, discovery, platform))
      : undefined;
    this.watch = new VmWatch({
      ...{ vmrun, discovery, running, leases, guest, folders },
      inventoryFile: places.inventory,
    });
    this.console = guard.facet(new VncConsole(machines));
    this.networks = guard.facet(networks);
    this.guest = guard.facet(guest);
    this.images = {
      list: () => guard.run(() => images.list()),
      templates: () => guard.run(() => this.#templates(discovery)),
      changes: (signal: AbortSignal) => folderChanges(imageFolder, signal),
      create: (image: NewImage, context: OperationContext) => imageChanges.create(image, context),
      delete: (image: DeleteImage, context: OperationContext) => imageChanges.delete(image, context),
    };
    this.volumes = guard.facet(volumes);
    this.export = {
      definition: (nativeId: NativeId) =>
        guard.run(async () => {
          const machine = await machines.demand(nativeId);
          const named = (await machines.diskFiles(machine)).map(({ path }) => path);
          return {
            format: 'vmx' as const,
            // It goes over the bus and into the archive.
            text: withoutSecrets(await machines.configuration(machine)).text(),
            files: [...new Set([machine.vmx, ...named, ...(await filesUsedBy(machine, machines))])],
          };
        }),
    };
  }

  probe(): Promise<HostStatus> {
    return probe({
      vmrun: this.#vmrun,
      product: () => this.#product(),
      running: this.#running,
      capabilities: this.#capabilities,
      vmFolder: this.#vmFolder,
      hasQemuImg: () => this.#disks.hasQemuImg(),
      inventoryNotes: () => this.#machines.notes(),
    });
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

  /** Nothing is held between calls. */
  async close(): Promise<void> {}

  /** It changes with an update only, so it is not asked for with every probe. */
  #product(): Promise<Product> {
    const known = this.#knownProduct;
    if (known && performance.now() - known.at < PRODUCT_BELIEVED_MS) return known.product;
    const product = readProduct(this.#vmrun);
    this.#knownProduct = { product, at: performance.now() };
    product.catch(() => (this.#knownProduct = undefined));
    return product;
  }

  async #templates(discovery: Discovery) {
    const machines = await discovery.templates();
    const shown = await Promise.all(
      machines.map(async (machine) => {
        const { nativeId, vmx } = machine;
        const name = (await orUnreadable(this.#machines.nameOf(machine))) ?? stemOf(vmx);
        // Of a disk that cannot be read the size is not known, and so neither is that of all.
        const bytes = await orUnreadable(this.#sizeOf(machine));
        return { nativeId, name, ...(bytes !== undefined && { sizeGiB: gibOf(bytes) }) };
      }),
    );
    return shown.sort((one, other) => one.name.localeCompare(other.name));
  }

  async #sizeOf(machine: Machine): Promise<number> {
    const disks = await this.#machines.diskFiles(machine);
    const sizes = await Promise.all(disks.map(({ path }) => this.#machines.disk(path)));
    return sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
