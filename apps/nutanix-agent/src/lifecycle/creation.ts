import { ProblemError, type CreateVm, type DiskInput, type Forecast } from '@polyvirt/contracts';
import type { Made, OperationContext } from '@polyvirt/hypervisor';
import type { Identifiers } from '../client/identifiers.ts';
import { objectAt, type JsonObject } from '../client/json.ts';
import { isTakenId } from '../client/prism-client.ts';
import type { Secrets } from '../client/secrets.ts';
import { taskOf, type Tasks } from '../client/tasks.ts';
import type { Clusters } from '../clusters.ts';
import type { Images } from '../images/images.ts';
import { clusterOf, isComplete, isPending, stateOf } from '../vm/vm-reader.ts';
import {
  customizationSpec,
  insertCdrom,
  nicSpec,
  vmIntent,
  type DiskPlan,
  type NicPlan,
  type VmPlan,
} from '../vm/vm-spec.ts';
import { powerOn, type Vms } from '../vm/vms.ts';
import { isUuid } from '../vm/uuid.ts';
import { demandCloudInit } from './cloud-init.ts';
import { compareStep, type Copies } from './copies.ts';
import { demandFreeName, PLANNED } from './names.ts';
import type { Placement } from './placement.ts';
import type { TaskSteps } from './task-steps.ts';

const GIB = 1024 ** 3;

type Plan = { from: 'disks'; vm: VmPlan } | { from: 'template'; template: string; nics: readonly NicPlan[] };

const steps = {
  create: { name: 'create the VM', native: 'POST /vms' },
  clone: { name: 'clone the template', native: 'POST /vms/{uuid}/clone' },
  insert: { name: 'insert the CD-ROM', native: 'PUT /vms/{uuid}' },
} as const;
export const powerOnStep = { name: 'power on', native: 'PUT /vms/{uuid}' } as const;

/** Makes VMs. The UUID of a VM is reserved under the id of the operation, so a repeat finds its own. */
export class Creation {
  readonly #tasks: Tasks;
  readonly #identifiers: Identifiers;
  readonly #vms: Vms;
  readonly #secrets: Secrets;
  readonly #images: Images;
  readonly #placement: Placement;
  readonly #copies: Copies;
  readonly #clusters: Clusters;
  readonly #steps: TaskSteps;

  constructor(parts: {
    tasks: Tasks;
    identifiers: Identifiers;
    vms: Vms;
    secrets: Secrets;
    images: Images;
    placement: Placement;
    copies: Copies;
    clusters: Clusters;
    steps: TaskSteps;
  }) {
    this.#tasks = parts.tasks;
    this.#identifiers = parts.identifiers;
    this.#vms = parts.vms;
    this.#images = parts.images;
    this.#secrets = parts.secrets;
    this.#placement = parts.placement;
    this.#copies = parts.copies;
    this.#clusters = parts.clusters;
    this.#steps = parts.steps;
  }

  async create(input: CreateVm, context: OperationContext): Promise<Made> {
    const { journal, signal } = context;
    demandCloudInit(input.cloudInit);
    // A task of a process before quotes it as well.
    if (input.cloudInit !== undefined) this.#secrets.learn(customizationSpec(input.cloudInit));
    const [uuid] = (await this.#identifiers.reserve(context, 1)) as [string];
    const plan = JSON.parse(
      await journal.step({
        name: 'check name, images and networks',
        native: 'POST /vms/list',
        act: async () => JSON.stringify(await this.#plan(input, uuid, signal)),
      }),
    ) as Plan;
    context.progress(5);

    await this.#steps.run(context, {
      ...(plan.from === 'disks' ? steps.create : steps.clone),
      ask: () => this.#ask(input, plan, uuid, signal),
      undo: (undoing) => this.#vms.destroy(uuid, undoing),
      shown: () => this.#vms.shown(uuid, (vm) => vm !== undefined && isComplete(vm), 'is made', signal),
      progress: [5, 80],
    });
    this.#vms.made(uuid);
    const notes = plan.from === 'template' ? await this.#copies.settle(plan.template, uuid, context) : [];
    if (plan.from === 'template' && input.cdrom !== null) await this.#insert(uuid, input.cdrom, context);
    if (input.start) await this.powerOn(uuid, context);
    return { nativeId: uuid, effect: 'changed', notes };
  }

  /** @throws ProblemError what `create` would end with */
  async plan(input: CreateVm, signal: AbortSignal): Promise<Forecast> {
    demandCloudInit(input.cloudInit);
    const { from } = await this.#plan(input, PLANNED, signal);
    const making =
      from === 'disks' ? [steps.create] : [steps.clone, compareStep, ...(input.cdrom === null ? [] : [steps.insert])];
    return { steps: [...making, ...(input.start ? [powerOnStep] : [])] };
  }

  /** Undone by whoever made the VM, which takes its power with it. */
  async powerOn(uuid: string, context: OperationContext): Promise<void> {
    const { signal } = context;
    await this.#steps.run(context, {
      ...powerOnStep,
      ask: () => this.#vms.edit(uuid, powerOn, signal),
      shown: () => this.#vms.shown(uuid, (vm) => vm !== undefined && stateOf(vm) === 'running', 'is on', signal),
      holds: async () => stateOf(await this.#vms.demand(uuid, signal)) === 'running',
      progress: [80, 100],
    });
  }

  async #plan(input: CreateVm, uuid: string, signal: AbortSignal): Promise<Plan> {
    await demandFreeName(this.#vms, input.name, uuid, signal);
    const cdrom = input.cdrom === null ? undefined : await this.#images.demand(input.cdrom, 'iso', signal);
    const template = input.template === undefined ? undefined : await this.#template(input.template, signal);
    const placed = await this.#placement.nics(
      { nics: input.nics, at: '/nics', cluster: template?.cluster, own: uuid },
      signal,
    );
    const { nics } = placed;
    const cluster = placed.cluster ?? (template ? undefined : await this.#clusters.demandPreferred(signal));
    await this.#placement.demandRoom(input, cluster, signal);
    if (template) {
      // Whether the template has room for it.
      if (cdrom) insertCdrom(structuredClone(objectAt(template.vm, 'spec')), cdrom.uuid);
      return { from: 'template', template: template.uuid, nics };
    }
    const disks: DiskPlan[] = [];
    for (const [index, disk] of input.disks.entries()) disks.push(await this.#disk(disk, index, signal));
    const cdroms = cdrom ? [cdrom.uuid] : [];
    return { from: 'disks', vm: { cluster: cluster!, disks, nics, cdroms } };
  }

  async #disk({ image: name, sizeGiB }: DiskInput, index: number, signal: AbortSignal): Promise<DiskPlan> {
    if (name === undefined) return sizeGiB === undefined ? {} : { sizeGiB };
    const image = await this.#images.demand(name, 'disk', signal);
    if (sizeGiB === undefined) return { image: image.uuid };
    const least = Math.ceil((image.bytes ?? 0) / GIB);
    if (sizeGiB < least)
      throw new ProblemError('invalid-input', `The image "${name}" needs a disk of at least ${least} GiB.`, {
        errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${least}.` }],
      });
    return { image: image.uuid, sizeGiB };
  }

  /** The VM to copy: the one that is off, where a name is given twice. */
  async #template(
    name: string,
    signal: AbortSignal,
  ): Promise<{ uuid: string; cluster: string | undefined; vm: JsonObject }> {
    const known = isUuid(name) ? await this.#vms.find(name, signal) : undefined;
    const candidates = known
      ? [{ uuid: name, isOff: stateOf(known) === 'stopped' }]
      : await this.#vms.named(name, signal);
    const off = candidates.filter(({ isOff }) => isOff);
    if (candidates.length === 0)
      throw new ProblemError('template-not-found', `There is no template "${name}" on this Prism Central.`);
    if (off.length === 0)
      throw new ProblemError(
        'wrong-state',
        `The template "${name}" is on. Stop it first: its disks change while it runs.`,
      );
    if (off.length > 1)
      throw new ProblemError(
        'invalid-input',
        `Several VMs are called "${name}". Name one by its UUID: ${off.map(({ uuid }) => uuid).join(', ')}.`,
      );
    const { uuid } = off[0]!;
    const vm = known ?? (await this.#vms.demand(uuid, signal));
    return { uuid, cluster: clusterOf(vm), vm };
  }

  async #ask(input: CreateVm, plan: Plan, uuid: string, signal: AbortSignal): Promise<string | undefined> {
    const begun = await this.#vms.find(uuid, signal);
    if (begun) return this.#vms.making(begun, signal);
    try {
      const answer =
        plan.from === 'disks'
          ? await this.#vms.create(vmIntent(uuid, input, plan.vm), signal)
          : await this.#vms.action(plan.template, 'clone', templateClone(uuid, input, plan.nics), signal);
      return taskOf(answer);
    } catch (error) {
      // An earlier try was accepted and its answer lost.
      if (!isTakenId(error)) throw error;
      return (await this.#tasks.openOn(uuid, signal))[0];
    }
  }

  async #insert(uuid: string, iso: string, context: OperationContext): Promise<void> {
    const { signal } = context;
    await this.#steps.run(context, {
      ...steps.insert,
      ask: async () => {
        const image = await this.#images.demand(iso, 'iso', signal);
        return this.#vms.edit(uuid, (spec) => insertCdrom(spec, image.uuid), signal);
      },
      // The next change writes back what it reads, which must not be the VM as it was.
      shown: async () => {
        const image = await this.#images.demand(iso, 'iso', signal);
        const isInserted = (vm: JsonObject | undefined) =>
          vm !== undefined && !isPending(vm) && !insertCdrom(objectAt(structuredClone(vm), 'spec'), image.uuid);
        await this.#vms.shown(uuid, isInserted, 'has its CD-ROM', signal);
      },
    });
  }
}

/** A clone brings disks and firmware of its template; the rest is asked for. */
const templateClone = (uuid: string, input: CreateVm, nics: readonly NicPlan[]): JsonObject => ({
  metadata: { uuid },
  override_spec: {
    name: input.name,
    num_sockets: input.cpus,
    num_vcpus_per_socket: 1,
    // Those of the template would multiply the CPUs.
    num_threads_per_core: 1,
    memory_size_mib: input.memoryMiB,
    ...(nics.length > 0 ? { nic_list: nics.map(nicSpec) } : {}),
    ...(input.cloudInit === undefined ? {} : { guest_customization: customizationSpec(input.cloudInit) }),
  },
});
