import {
  problemAt,
  ProblemError,
  requireAtRest,
  type Forecast,
  type HardwareChange,
  type NativeId,
} from '@polyvirt/contracts';
import {
  allow,
  derivedMac,
  gibOf,
  type OperationContext,
  type Outcome,
  type ReconfigureFacet,
} from '@polyvirt/hypervisor';
import type { Tasks } from '../client/tasks.ts';
import { absences } from '../capabilities.ts';
import { objectsAt, type JsonObject } from '../client/json.ts';
import type { PrismClient } from '../client/prism-client.ts';
import type { Images } from '../images/images.ts';
import { applyChanges, demandPossible, isSo, meantBy, noChanges, type Changes, type NicEdit } from '../vm/vm-edits.ts';
import { isTemplate, markTemplate, requireTemplateCategory } from '../vm/template-mark.ts';
import { addressesOf, clusterOf, isPending, macOf, nameOf, resourcesOf, stateOf, subnetOf } from '../vm/vm-reader.ts';
import { freeScsiIndexes } from '../vm/vm-spec.ts';
import { formerOf, putBack, type Former } from '../vm/vm-former.ts';
import type { Vms } from '../vm/vms.ts';
import { demandFreeName, PLANNED } from './names.ts';
import type { Placement } from './placement.ts';
import type { TaskSteps } from './task-steps.ts';

type Decision = {
  changes: Changes;
  /** What it is now; absent when nothing is to be done. */
  former?: Former;
  /** What the record of a VM does not show: the addresses that are asked for. */
  addresses: { pointer: string; to: string[]; when: 'now' }[];
};

const GIB = 1024 ** 3;

const changeIt = { name: 'change the VM', native: 'PUT /vms/{uuid}' } as const;

/** Changes VMs by one write of the whole spec, which Prism takes or refuses as a whole. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #vms: Vms;
  readonly #tasks: Tasks;
  readonly #placement: Placement;
  readonly #steps: TaskSteps;
  readonly #images: Images;
  readonly #client: PrismClient;

  constructor(parts: {
    client: PrismClient;
    vms: Vms;
    tasks: Tasks;
    placement: Placement;
    steps: TaskSteps;
    images: Images;
  }) {
    this.#client = parts.client;
    this.#images = parts.images;
    this.#vms = parts.vms;
    this.#tasks = parts.tasks;
    this.#placement = parts.placement;
    this.#steps = parts.steps;
  }

  async apply(nativeId: NativeId, input: HardwareChange, context: OperationContext): Promise<Outcome> {
    const { operationId, journal, signal } = context;
    const { changes, former } = JSON.parse(
      await journal.step({
        name: 'check what is asked for',
        native: 'GET /vms/{uuid}',
        act: async () => JSON.stringify(await this.#decide(nativeId, input, operationId, signal)),
      }),
    ) as Decision;
    if (!former) return { effect: 'unchanged' };
    await this.#steps.run(context, {
      ...changeIt,
      ask: async () => {
        if (changes.template) await requireTemplateCategory(this.#client, signal);
        return this.#vms.edit(
          nativeId,
          (spec, vm, metadata) =>
            [applyChanges(spec, changes), markTemplate(metadata, changes.template)].includes(true) ||
            !isSo(vm, changes),
          signal,
        );
      },
      undo: (undoing) => this.#undo(nativeId, changes, former, undoing),
      shown: () =>
        this.#vms.shown(
          nativeId,
          (vm) => vm !== undefined && !isPending(vm) && isSo(vm, changes),
          'is changed',
          signal,
        ),
      progress: [10, 100],
    });
    return { effect: 'changed' };
  }

  /** @throws ProblemError what `apply` would end with */
  async plan(nativeId: NativeId, input: HardwareChange, signal: AbortSignal): Promise<Forecast> {
    const { former, changes, addresses } = await this.#decide(nativeId, input, PLANNED, signal);
    return {
      changes: addresses,
      disruption: changes.removeDisks.length > 0 ? 'data-loss' : 'none',
      steps: former ? [changeIt] : [],
    };
  }

  /** Disks stay as large as they have become, and AHV takes from no running VM what it has been given. */
  async #undo(nativeId: NativeId, changes: Changes, former: Former, signal: AbortSignal): Promise<void> {
    if (!(await this.#vms.find(nativeId, signal))) return;
    const mark = changes.template === undefined ? undefined : former.template;
    const task = await this.#vms.edit(
      nativeId,
      (spec, _vm, metadata) => [putBack(spec, former, changes), markTemplate(metadata, mark)].includes(true),
      signal,
    );
    if (task === undefined) return;
    await this.#tasks.succeeded(task, signal);
    await this.#vms.shown(nativeId, (vm) => vm === undefined || !isPending(vm), 'is as it was', signal);
  }

  async #decide(
    nativeId: NativeId,
    input: HardwareChange,
    operationId: string,
    signal: AbortSignal,
  ): Promise<Decision> {
    const vm = await this.#vms.demand(nativeId, signal);
    const state = stateOf(vm);
    allow('reconfigure', state);
    if (input.autostart !== undefined) throw new ProblemError('capability-missing', absences['reconfigure.autostart']);
    requireAtRest({ name: nameOf(vm), state, template: isTemplate(vm) }, input);
    if (input.name !== undefined) await demandFreeName(this.#vms, input.name, nativeId, signal);
    if (input.removeDisks?.some(({ keep }) => keep))
      throw new ProblemError('capability-missing', absences['reconfigure.keepDisks']);
    if (input.addDisks?.some(({ volume }) => volume !== undefined))
      throw new ProblemError('capability-missing', absences['reconfigure.attachVolumes']);
    const {
      name,
      cpus,
      memoryMiB,
      disks = [],
      removeNics = [],
      addNics: nics = [],
      bootOrder,
      removeDisks = [],
      template,
    } = input;
    const cluster = clusterOf(vm);
    await this.#placement.demandRoom({ cpus, memoryMiB }, cluster, signal);
    const placed = await this.#placement.nics(
      { nics, at: '/addNics', cluster, own: nativeId, leaving: removeNics },
      signal,
    );
    const addNics = placed.nics.map((nic, index) => ({ ...nic, mac: nic.mac ?? derivedMac(operationId, index) }));
    const changes: Changes = {
      ...noChanges,
      ...(name === undefined ? {} : { name }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(memoryMiB === undefined ? {} : { memoryMiB }),
      disks: meantBy(vm, disks),
      addNics,
      removeNics,
      changeNics: await this.#nicChanges(nativeId, vm, input, signal),
      addDisks: await this.#additions(vm, input, signal),
      removeDisks: meantBy(
        vm,
        removeDisks.map(({ device }) => ({ device })),
      ),
      ...(input.cdrom === undefined ? {} : { cdrom: await this.#medium(input.cdrom, signal) }),
      ...(bootOrder === undefined ? {} : { bootOrder: bootOrder.map((device) => device.toUpperCase()) }),
      ...(template === undefined ? {} : { template }),
    };
    demandPossible(vm, state, changes);
    const held = objectsAt(resourcesOf(vm), 'nic_list');
    const addresses = changes.changeNics.flatMap(({ mac, address }) => {
      const index = held.findIndex((nic) => macOf(nic) === mac);
      if (address === undefined || addressesOf(held[index]!).includes(address)) return [];
      return [{ pointer: `/nics/${index}/addresses`, to: [address], when: 'now' as const }];
    });
    return isSo(vm, changes) ? { changes, addresses } : { changes, addresses, former: formerOf(vm) };
  }

  async #nicChanges(
    nativeId: NativeId,
    vm: JsonObject,
    { changeNics = [] }: HardwareChange,
    signal: AbortSignal,
  ): Promise<Changes['changeNics']> {
    const held = objectsAt(resourcesOf(vm), 'nic_list');
    const changes: NicEdit[] = [];
    for (const [index, { mac, network, address, connected }] of changeNics.entries()) {
      const nic = held.find((one) => macOf(one) === mac);
      const isMoved = nic !== undefined && (network !== undefined || (address !== undefined && address !== 'auto'));
      // A network may be asked for by its UUID, and that of the present one is known by that alone.
      const asked = { mac, network: network ?? (nic && subnetOf(nic)) ?? '', address: address ?? 'auto' };
      const placed = isMoved
        ? await this.#placement
            .nics({ nics: [asked], at: '/changeNics', cluster: clusterOf(vm), own: nativeId, leaving: [mac] }, signal)
            .catch((error: unknown) => {
              throw problemAt([['/changeNics/0', `/changeNics/${index}`]], error);
            })
        : undefined;
      changes.push({
        mac,
        ...(network !== undefined && placed ? { subnet: placed.nics[0]!.subnet } : {}),
        ...(address === undefined || address === 'auto' ? {} : { address }),
        ...(connected === undefined ? {} : { connected }),
      });
    }
    return changes;
  }

  async #additions(
    vm: JsonObject,
    { addDisks = [] }: HardwareChange,
    signal: AbortSignal,
  ): Promise<Changes['addDisks']> {
    if (addDisks.length === 0) return [];
    const indexes = freeScsiIndexes(resourcesOf(vm), addDisks.length);
    const plans: Changes['addDisks'][number][] = [];
    for (const [n, { image, sizeGiB }] of addDisks.entries()) {
      const at = `/addDisks/${n}`;
      const found = image === undefined ? undefined : await this.#images.demand(image, 'disk', signal, `${at}/image`);
      if (found?.bytes !== undefined && sizeGiB !== undefined && sizeGiB * GIB < found.bytes)
        throw new ProblemError('invalid-input', `The image "${image}" has ${gibOf(found.bytes)} GiB.`, {
          errors: [{ pointer: `${at}/sizeGiB`, detail: `At least ${Math.ceil(found.bytes / GIB)}.` }],
        });
      plans.push({
        index: indexes[n]!,
        ...(found ? { image: found.uuid } : {}),
        ...(sizeGiB === undefined ? {} : { sizeGiB }),
      });
    }
    return plans;
  }

  async #medium(image: string | null, signal: AbortSignal): Promise<string | null> {
    return image === null ? null : (await this.#images.demand(image, 'iso', signal, '/cdrom')).uuid;
  }
}
