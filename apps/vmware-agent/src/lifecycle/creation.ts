import { mkdir, realpath } from 'node:fs/promises';
import { ProblemError, type CreateVm, type Forecast, type NicInput, type OperationId } from '@polyvirt/contracts';
import { gibOf, type Made, type OperationContext } from '@polyvirt/hypervisor';
import { LARGEST_DISK_GIB, GIB, type DiskTool } from '../disks/disk-tool.ts';
import type { ImageLibrary } from '../disks/image-library.ts';
import { machineAt, type Machine } from '../inventory/identity.ts';
import type { Discovery } from '../inventory/discovery.ts';
import { stemOf, type Machines } from '../inventory/machines.ts';
import { orUnreadable } from '../inventory/unreadable.ts';
import { powerOnStep, type Power } from '../power.ts';
import { Dictionary } from '../vmx/dictionary.ts';
import { orMissing, writeDictionary } from '../vmx/dictionary-file.ts';
import { isEncrypted, nicsOf, type VmxNic } from '../vmx/hardware-reader.ts';
import {
  addNic,
  cloudInitEntries,
  diskDevice,
  dropDevice,
  MOST_NICS,
  newVmx,
  setCpus,
  type NicHardware,
} from '../vmx/hardware-writer.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { stepsOfCopy, type Cloning } from './cloning.ts';
import { beginAt, finishAt, isFinished, removeFolder } from './folders.ts';
import type { HardwareRules } from './hardware-rules.ts';
import { macsOf, PLANNED, placeOf, type Place } from './place.ts';

export interface NewMachineSettings {
  /** Folder that new VMs get their own folder in. */
  readonly vmFolder: string;
  readonly guestOs: string;
  readonly hardwareVersion: () => Promise<number>;
  /** How a VM is made from a template. */
  readonly templateClone: 'full' | 'linked';
}

/** What the first step decides; it is kept in the journal. */
type Plan = {
  disks: { image: { path: string; format: string; bytes: number } | null; sizeGiB: number | null }[];
  cdrom: string | null;
  nics: NicHardware[];
  template: { vmx: string } | null;
};

const steps = {
  folder: { name: 'make its folder' },
  disk: (index: number, isCopy: boolean) => ({
    name: `make disk ${diskDevice(index)}`,
    native: isCopy ? 'vmware-vdiskmanager -r' : 'vmware-vdiskmanager -c',
  }),
  write: { name: 'write the configuration' },
} as const;

/** Makes machines. The folder of a machine is named after the operation that makes it, so a repeated command finds its own. */
export class Creation {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #discovery: Discovery;
  readonly #images: ImageLibrary;
  readonly #rules: HardwareRules;
  readonly #disks: DiskTool;
  readonly #power: Power;
  readonly #cloning: Cloning;
  readonly #settings: NewMachineSettings;

  constructor(parts: {
    vmrun: Vmrun;
    machines: Machines;
    discovery: Discovery;
    images: ImageLibrary;
    rules: HardwareRules;
    disks: DiskTool;
    power: Power;
    cloning: Cloning;
    settings: NewMachineSettings;
  }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#discovery = parts.discovery;
    this.#images = parts.images;
    this.#rules = parts.rules;
    this.#disks = parts.disks;
    this.#power = parts.power;
    this.#cloning = parts.cloning;
    this.#settings = parts.settings;
  }

  async create(input: CreateVm, context: OperationContext): Promise<Made> {
    const { operationId, journal } = context;
    context.signal.throwIfAborted();
    const place = await this.#placeOf(input.name, operationId);
    const machine = machineAt(place.vmx, this.#vmrun.platform);
    const plan = await journal.step({
      name: 'check name, images and networks',
      native: 'vmrun list',
      act: () => this.#plan(input, machine, operationId),
    });
    context.progress(5);
    const notes = plan.template
      ? await this.#fromTemplate(plan.template.vmx, machine, place, input, plan, context)
      : await this.#fromScratch(place, input, plan, context);
    this.#discovery.note(machine);
    context.progress(85);
    if (input.start) await this.#power.powerOnNew(machine, context);
    return { nativeId: machine.nativeId, effect: 'changed', notes };
  }

  /** Throws what `create` would refuse. */
  async plan(input: CreateVm): Promise<Forecast> {
    const { vmFolder, templateClone } = this.#settings;
    const place = placeOf((await orMissing(realpath(vmFolder))) ?? vmFolder, input.name, PLANNED);
    const { template, disks } = await this.#plan(input, machineAt(place.vmx, this.#vmrun.platform), PLANNED);
    const making = template
      ? stepsOfCopy({ isLinked: templateClone === 'linked', takesSnapshot: templateClone === 'linked' })
      : [steps.folder, ...disks.map(({ image }, index) => steps.disk(index, image !== null)), steps.write];
    return { steps: [...making, ...(input.start ? [powerOnStep] : [])] };
  }

  async #fromScratch(place: Place, input: CreateVm, plan: Plan, context: OperationContext): Promise<string[]> {
    const { operationId, journal, signal } = context;
    await journal.step({
      ...steps.folder,
      act: () => beginAt(place, operationId),
      undo: async (undoSignal) => {
        await this.#vmrun.quiet([place.vmx], undefined, undoSignal);
        await removeFolder(place.folder);
      },
    });
    const files = plan.disks.map((_, index) => `${place.stem}${index === 0 ? '' : `-${index}`}.vmdk`);
    for (const [index, { image, sizeGiB }] of plan.disks.entries()) {
      await journal.step({
        ...steps.disk(index, image !== null),
        act: async () => {
          if (await isFinished(place)) return;
          const path = `${place.folder}/${files[index]}`;
          if (image) await this.#disks.copy(image, path, sizeGiB ?? undefined, signal);
          else await this.#disks.create(path, sizeGiB!, signal);
        },
      });
      context.progress(10 + (70 * (index + 1)) / plan.disks.length);
    }
    await journal.step({
      ...steps.write,
      act: async () => {
        if (await isFinished(place)) return;
        const entries = newVmx({
          name: input.name,
          operationId,
          createdAt: new Date().toISOString(),
          hardwareVersion: await this.#settings.hardwareVersion(),
          guestOs: this.#settings.guestOs,
          cpus: input.cpus,
          memoryMiB: input.memoryMiB,
          firmware: input.firmware,
          disks: files,
          cdrom: plan.cdrom ?? undefined,
          nics: plan.nics,
          stem: place.stem,
        });
        const cloudInit = input.cloudInit && cloudInitEntries(operationId, input.name, input.cloudInit);
        await writeDictionary(place.vmx, Dictionary.of({ ...entries, ...cloudInit }));
        await finishAt(place);
      },
    });
    return [];
  }

  async #fromTemplate(
    vmx: string,
    machine: Machine,
    place: Place,
    input: CreateVm,
    plan: Plan,
    context: OperationContext,
  ): Promise<string[]> {
    const { operationId } = context;
    const source = machineAt(vmx, this.#vmrun.platform);
    return this.#cloning.make({
      source,
      machine,
      place,
      name: input.name,
      isLinked: this.#settings.templateClone === 'linked',
      snapshot: undefined,
      context,
      configure: (copy) => {
        setCpus(copy, input.cpus);
        copy.set('memsize', String(input.memoryMiB));
        for (const { device } of nicsOf(copy)) dropDevice(copy, device);
        for (const nic of plan.nics) addNic(copy, nic);
        if (input.cloudInit) copy.setAll(cloudInitEntries(operationId, input.name, input.cloudInit));
        if (plan.cdrom !== null)
          copy.setAll({
            'sata0.present': 'TRUE',
            'sata0:29.present': 'TRUE',
            'sata0:29.deviceType': 'cdrom-image',
            'sata0:29.fileName': plan.cdrom,
            'sata0:29.startConnected': 'TRUE',
          });
      },
    });
  }

  async #plan(input: CreateVm, own: Machine, operationId: OperationId): Promise<Plan> {
    this.#rules.requireFits(input);
    checkLimits(input);
    await this.#machines.demandFreeName(input.name, own.nativeId);
    const template = await this.#template(input);
    const asked = input.nics.length > 0 || !template ? input.nics : template.nics;
    const networks = await this.#rules.requireNics(asked, '/nics', own, undefined);
    const macs = macsOf(operationId, asked.length, await this.#machines.takenMacs(own));
    const disks: Plan['disks'] = [];
    for (const [index, { image, sizeGiB }] of input.disks.entries()) {
      const file = image === undefined ? undefined : await this.#images.demand(image, 'disk');
      if (file && sizeGiB !== undefined && sizeGiB * GIB < file.bytes)
        throw new ProblemError('invalid-input', `The image "${image}" has ${gibOf(file.bytes)} GiB.`, {
          errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${Math.ceil(file.bytes / GIB)}.` }],
        });
      disks.push({
        image: file ? { path: file.path, format: file.format, bytes: file.bytes } : null,
        sizeGiB: sizeGiB ?? null,
      });
    }
    const cdrom = input.cdrom === null ? null : (await this.#images.demand(input.cdrom, 'iso')).path;
    return {
      disks,
      cdrom,
      nics: asked.map(({ mac }, index) => ({ mac: mac ?? macs[index]!, network: networks[index]! })),
      template: template ? { vmx: template.vmx } : null,
    };
  }

  async #template({ template: wanted, nics: given }: CreateVm): Promise<{ vmx: string; nics: NicInput[] } | undefined> {
    if (wanted === undefined) return undefined;
    if (this.#vmrun.hostType === 'player')
      throw new ProblemError(
        'capability-missing',
        'A VM is made from a template by a clone, which VMware Player cannot make. Make it from an image, or install Workstation Pro.',
      );
    const templates = [...(await this.#discovery.templates()), ...(await this.#machines.marked())];
    const named = await Promise.all(
      templates.map(async (machine) => ({
        machine,
        // One that cannot be read is known by its file.
        name: (await orUnreadable(this.#machines.nameOf(machine))) ?? stemOf(machine.vmx),
      })),
    );
    const machine = named.find(({ machine: { nativeId }, name }) => nativeId === wanted || name === wanted)?.machine;
    if (!machine) throw new ProblemError('template-not-found', `There is no template "${wanted}" on this host.`);
    const vmx = await this.#machines.configuration(machine);
    if (isEncrypted(vmx))
      throw new ProblemError('host-rejected', `The template "${wanted}" is encrypted. Remove its encryption first.`);
    if (await this.#machines.isOn(machine, 'recent'))
      throw new ProblemError(
        'wrong-state',
        `The template "${wanted}" is on. Stop it first: its disks change while it runs.`,
      );
    const nics = given.length > 0 ? [] : nicsOf(vmx);
    return {
      vmx: machine.vmx,
      nics: nics.map((nic): NicInput => ({ network: networkIn(wanted, nic), address: 'auto' })),
    };
  }

  async #placeOf(name: string, operationId: string): Promise<Place> {
    const { vmFolder } = this.#settings;
    if ((await orMissing(realpath(vmFolder))) === undefined) await mkdir(vmFolder, { recursive: true });
    return placeOf(await realpath(vmFolder), name, operationId);
  }
}

/** What Workstation would refuse at power-on only, and without saying why. */
function checkLimits({ memoryMiB, disks, nics }: CreateVm): void {
  demandMemory(memoryMiB);
  if (nics.length > MOST_NICS)
    throw new ProblemError('invalid-input', `A VM has at most ${MOST_NICS} network interfaces.`, {
      errors: [{ pointer: '/nics', detail: `At most ${MOST_NICS}.` }],
    });
  for (const [index, { sizeGiB = 1 }] of disks.entries()) demandDiskSize(sizeGiB, `/disks/${index}/sizeGiB`);
}

/** The network that the VM made from a template is on, as the template itself is. */
function networkIn(template: string, { device, network }: VmxNic): string {
  if (network !== undefined) return network;
  const detail = `The template "${template}" does not say which network its ${device} is on. Give \`nics\` for the new VM.`;
  throw new ProblemError('invalid-input', detail, { errors: [{ pointer: '/nics', detail }] });
}

const MEMORY_STEP_MIB = 4;

export function demandMemory(memoryMiB: number): void {
  if (memoryMiB % MEMORY_STEP_MIB === 0) return;
  const below = Math.floor(memoryMiB / MEMORY_STEP_MIB) * MEMORY_STEP_MIB;
  const would = below > 0 ? `${below} or ${below + MEMORY_STEP_MIB}` : `${MEMORY_STEP_MIB}`;
  const detail = `Workstation gives memory in steps of ${MEMORY_STEP_MIB} MiB, and ${memoryMiB} MiB is between two: take ${would} MiB.`;
  throw new ProblemError('invalid-input', detail, { errors: [{ pointer: '/memoryMiB', detail }] });
}

export function demandDiskSize(sizeGiB: number, pointer: string): void {
  if (sizeGiB > LARGEST_DISK_GIB)
    throw new ProblemError('invalid-input', `A disk has at most ${LARGEST_DISK_GIB} GiB.`, {
      errors: [{ pointer, detail: `At most ${LARGEST_DISK_GIB}.` }],
    });
}
