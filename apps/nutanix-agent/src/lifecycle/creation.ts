import { ProblemError, type CreateVm, type DiskInput, type NicInput } from '@polyvirt/contracts';
import type { Made, OperationContext } from '@polyvirt/hypervisor';
import type { Identifiers } from '../client/identifiers.ts';
import { objectAt, type JsonObject } from '../client/json.ts';
import { isTakenId } from '../client/prism-client.ts';
import { taskOf, type Tasks } from '../client/tasks.ts';
import type { Clusters } from '../clusters.ts';
import type { Images } from '../images.ts';
import type { Networks, Subnet } from '../networks.ts';
import { isComplete, isPending, stateOf } from '../vm/vm-reader.ts';
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
import { demandFreeName } from './names.ts';
import type { TaskSteps } from './task-steps.ts';

const GIB = 1024 ** 3;

type Plan = { from: 'disks'; vm: VmPlan } | { from: 'template'; template: string; nics: readonly NicPlan[] };

/** Makes VMs. The UUID of a VM is reserved under the id of the operation, so a repeat finds its own. */
export class Creation {
  readonly #tasks: Tasks;
  readonly #identifiers: Identifiers;
  readonly #vms: Vms;
  readonly #images: Images;
  readonly #networks: Networks;
  readonly #clusters: Clusters;
  readonly #steps: TaskSteps;

  constructor(parts: {
    tasks: Tasks;
    identifiers: Identifiers;
    vms: Vms;
    images: Images;
    networks: Networks;
    clusters: Clusters;
    steps: TaskSteps;
  }) {
    this.#tasks = parts.tasks;
    this.#identifiers = parts.identifiers;
    this.#vms = parts.vms;
    this.#images = parts.images;
    this.#networks = parts.networks;
    this.#clusters = parts.clusters;
    this.#steps = parts.steps;
  }

  async create(input: CreateVm, context: OperationContext): Promise<Made> {
    const { journal, signal } = context;
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
      name: plan.from === 'disks' ? 'create the VM' : 'clone the template',
      native: plan.from === 'disks' ? 'POST /vms' : 'POST /vms/{uuid}/clone',
      ask: () => this.#ask(input, plan, uuid, signal),
      undo: (undoing) => this.#vms.destroy(uuid, undoing),
      shown: () => this.#vms.shown(uuid, (vm) => vm !== undefined && isComplete(vm), 'is made', signal),
      progress: [5, 80],
    });
    this.#vms.made(uuid, input.name);
    if (plan.from === 'template' && input.cdrom !== null) await this.#insert(uuid, input.cdrom, context);
    if (input.start) await this.powerOn(uuid, context);
    return { nativeId: uuid, effect: 'changed' };
  }

  /** Undone by whoever made the VM, which takes its power with it. */
  async powerOn(uuid: string, context: OperationContext): Promise<void> {
    const { signal } = context;
    await this.#steps.run(context, {
      name: 'power on',
      native: 'PUT /vms/{uuid}',
      ask: () => this.#vms.edit(uuid, powerOn, signal),
      shown: () => this.#vms.shown(uuid, (vm) => vm !== undefined && stateOf(vm) === 'running', 'is on', signal),
      holds: async () => stateOf(await this.#vms.demand(uuid, signal)) === 'running',
      progress: [80, 100],
    });
  }

  async #plan(input: CreateVm, uuid: string, signal: AbortSignal): Promise<Plan> {
    await demandFreeName(this.#vms, input.name, uuid, signal);
    const subnets = new Map<NicInput, Subnet>();
    for (const nic of input.nics)
      subnets.set(
        nic,
        await this.#networks.demand(nic.network, nic.address === 'auto' ? undefined : nic.address, signal),
      );
    const nics = input.nics.map((nic): NicPlan => nicPlan(nic, subnets.get(nic)!));
    if (input.cloudInit?.networkConfig !== undefined)
      throw new ProblemError(
        'invalid-input',
        'Prism hands a guest user data only. Leave the network configuration out, or write it in the user data.',
        { errors: [{ pointer: '/cloudInit/networkConfig', detail: 'Not on this hypervisor.' }] },
      );
    if (input.cdrom !== null) await this.#images.demand(input.cdrom, 'iso', signal);
    if (input.template !== undefined)
      return { from: 'template', template: await this.#template(input.template, signal), nics };
    const disks: DiskPlan[] = [];
    for (const [index, disk] of input.disks.entries()) disks.push(await this.#disk(disk, index, signal));
    const cluster = await this.#clusters.forSubnets([...subnets.values()], signal);
    const cdroms = input.cdrom === null ? [] : [(await this.#images.demand(input.cdrom, 'iso', signal)).uuid];
    return { from: 'disks', vm: { cluster, disks, nics, cdroms } };
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

  /** UUID of the VM to copy: the one that is off, where a name is given twice. */
  async #template(name: string, signal: AbortSignal): Promise<string> {
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
    return off[0]!.uuid;
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
      name: 'insert the CD-ROM',
      native: 'PUT /vms/{uuid}',
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

export const nicPlan = (nic: NicInput, subnet: Subnet): NicPlan => ({
  subnet: subnet.uuid,
  ...(nic.mac === undefined ? {} : { mac: nic.mac }),
  ...(nic.address === 'auto' ? {} : { address: nic.address }),
});

/** A clone brings disks and firmware of its template; the rest is asked for. */
const templateClone = (uuid: string, input: CreateVm, nics: readonly NicPlan[]): JsonObject => ({
  metadata: { uuid },
  override_spec: {
    name: input.name,
    num_sockets: input.cpus,
    num_vcpus_per_socket: 1,
    memory_size_mib: input.memoryMiB,
    ...(nics.length > 0 ? { nic_list: nics.map(nicSpec) } : {}),
    ...(input.cloudInit === undefined ? {} : { guest_customization: customizationSpec(input.cloudInit) }),
  },
});
