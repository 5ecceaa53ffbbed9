import { ProblemError, type NativeId, type ReconfigureVm } from '@polyvirt/contracts';
import { allow, gibOf, type OperationContext, type Outcome, type ReconfigureFacet } from '@polyvirt/hypervisor';
import { GIB, type DiskTool } from '../disks/disk-tool.ts';
import { DiskUsers } from '../disks/disk-users.ts';
import { windowOf } from '../host/locks.ts';
import type { Machine } from '../inventory/identity.ts';
import type { Machines } from '../inventory/machines.ts';
import { applyTo, noChanges, readPending, writePending, type PendingChanges } from '../inventory/pending-changes.ts';
import type { PowerOffWork } from '../inventory/power-off-work.ts';
import { noGrowthWithSnapshots } from '../absent-features.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import { editDictionary } from '../vmx/dictionary-file.ts';
import { cpusOf, memoryOf, nameOf, nicsOf } from '../vmx/hardware-reader.ts';
import { MOST_NICS } from '../vmx/hardware-writer.ts';
import { demandDiskSize, demandMemory } from './creation.ts';
import type { HardwareRules } from './hardware-rules.ts';
import { macsOf } from './place.ts';

type Plan = {
  /** Whether it is on: then the changes wait for its power-off. */
  isOn: boolean;
  /** Adapters to add, with the addresses that were chosen for them. */
  nics: { mac: string; network: string }[];
};

/** Changes hardware. Workstation takes none of it live: what is asked of a running machine waits until it is off. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #rules: HardwareRules;
  readonly #disks: DiskTool;
  readonly #powerOffWork: PowerOffWork;

  constructor(parts: {
    vmrun: Vmrun;
    machines: Machines;
    rules: HardwareRules;
    disks: DiskTool;
    powerOffWork: PowerOffWork;
  }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#rules = parts.rules;
    this.#disks = parts.disks;
    this.#powerOffWork = parts.powerOffWork;
  }

  async apply(nativeId: NativeId, input: ReconfigureVm, context: OperationContext): Promise<Outcome> {
    const { journal, signal } = context;
    const machine = await this.#machines.demandOpen(nativeId);
    // All of the input is checked before any of it is done, so that bad input changes nothing.
    const plan = await journal.step({
      name: 'check the changes',
      native: 'vmrun list',
      act: () => this.#check(machine, input, context),
    });
    if (plan.isOn) {
      const changed = await journal.step({
        name: 'note the changes for its power-off',
        act: () => this.#vmrun.alone([machine.vmx], () => this.#note(machine, input, plan)),
      });
      // It may have gone off meanwhile.
      if (!(await this.#machines.isOn(machine))) await this.#powerOffWork.finish(machine);
      return { effect: changed ? 'changed' : 'unchanged' };
    }
    await this.#powerOffWork.finish(machine);
    let changed = false;
    for (const { device, sizeGiB } of input.disks ?? [])
      changed =
        (await journal.step({
          name: `grow ${device} to ${sizeGiB} GiB`,
          native: 'vmware-vdiskmanager -x',
          act: async () => {
            const file = (await this.#machines.diskFiles(machine)).find((disk) => disk.device === device);
            return this.#vmrun.alone([machine.vmx], () => this.#disks.grow(file!.path, sizeGiB, signal));
          },
        })) || changed;
    changed =
      (await journal.step({
        name: 'write the configuration',
        act: () =>
          this.#vmrun.alone([machine.vmx], async () => {
            if (await this.#machines.isOn(machine, 'recent'))
              throw new ProblemError('wrong-state', 'Somebody started it in the meantime. Try again.');
            return editDictionary(
              machine.vmx,
              (vmx) => {
                const { name, cpus, memoryMiB, removeNics = [] } = input;
                applyTo(vmx, {
                  ...noChanges,
                  removeNics,
                  addNics: plan.nics,
                  name: name === nameOf(vmx) ? undefined : name,
                  cpus: cpus === cpusOf(vmx) ? undefined : cpus,
                  memoryMiB: memoryMiB === memoryOf(vmx) ? undefined : memoryMiB,
                });
              },
              this.#vmrun.codePage,
            );
          }),
      })) || changed;
    return { effect: changed ? 'changed' : 'unchanged' };
  }

  /** What is asked over what waits already; what the machine has anyway does not wait. */
  async #note(machine: Machine, input: ReconfigureVm, { nics }: Plan): Promise<boolean> {
    const vmx = await this.#machines.configuration(machine);
    const before = await readPending(machine.vmx);
    const unless = <Value>(asked: Value | undefined, waiting: Value | undefined, present: Value | undefined) =>
      asked === undefined ? waiting : asked === present ? undefined : asked;
    const grown = (input.disks ?? []).map(({ device }) => device);
    const sizes = await this.#sizes(machine);
    const removed = input.removeNics ?? [];
    const present = new Set(nicsOf(vmx).map(({ mac }) => mac));
    const after: PendingChanges = {
      name: unless(input.name, before.name, nameOf(vmx)),
      cpus: unless(input.cpus, before.cpus, cpusOf(vmx)),
      memoryMiB: unless(input.memoryMiB, before.memoryMiB, memoryOf(vmx)),
      disks: [
        ...before.disks.filter(({ device }) => !grown.includes(device)),
        ...(input.disks ?? []).filter(({ device, sizeGiB }) => (sizes.get(device) ?? 0) < sizeGiB * GIB),
      ],
      addNics: [
        ...before.addNics.filter(({ mac }) => !removed.includes(mac)),
        ...nics.filter(({ mac }) => !present.has(mac) && !before.addNics.some((nic) => nic.mac === mac)),
      ],
      removeNics: [...new Set([...before.removeNics, ...removed.filter((mac) => present.has(mac))])],
    };
    if (JSON.stringify(withoutGaps(after)) === JSON.stringify(withoutGaps(before))) return false;
    await writePending(machine.vmx, after);
    return true;
  }

  async #check(machine: Machine, input: ReconfigureVm, { operationId }: OperationContext): Promise<Plan> {
    this.#rules.requireFits(input);
    await this.#checkGrowth(machine, input);
    const state = await this.#machines.state(machine);
    allow('reconfigure', state);
    const isOn = state === 'running' || state === 'paused';
    const window = isOn ? undefined : await windowOf(machine.vmx);
    if (window)
      throw new ProblemError(
        'wrong-state',
        `It is open in a Workstation window (process ${window.pid}), which would write over the change. Close its tab there first.`,
      );
    if (input.name !== undefined) await this.#machines.demandFreeName(input.name, machine.nativeId);
    if (input.memoryMiB !== undefined) demandMemory(input.memoryMiB);
    await this.#checkDisks(machine, input);
    return { isOn, nics: await this.#checkNics(machine, input, operationId) };
  }

  async #checkDisks(machine: Machine, { disks = [] }: ReconfigureVm): Promise<void> {
    const files = await this.#machines.diskFiles(machine);
    for (const [index, { device, sizeGiB }] of disks.entries()) {
      const file = files.find((disk) => disk.device === device);
      if (!file) {
        const devices = files.map((disk) => disk.device).join(', ');
        throw new ProblemError(
          'device-not-found',
          `There is no disk ${device}. ${devices === '' ? 'There is none.' : `There is: ${devices}.`}`,
        );
      }
      demandDiskSize(sizeGiB, `/disks/${index}/sizeGiB`);
      const { bytes } = await this.#machines.disk(file.path);
      if (sizeGiB * GIB < bytes)
        throw new ProblemError('invalid-input', `The disk ${device} has ${gibOf(bytes)} GiB, and a disk only grows.`, {
          errors: [{ pointer: `/disks/${index}/sizeGiB`, detail: `At least ${Math.ceil(bytes / GIB)}.` }],
        });
    }
  }

  /** vmware-vdiskmanager grows no disk that others stand on, and none that stands on another. */
  async #checkGrowth(machine: Machine, { disks = [] }: ReconfigureVm): Promise<void> {
    if (disks.length === 0) return;
    const files = await this.#machines.diskFiles(machine);
    const users = await DiskUsers.read(this.#machines, machine);
    for (const { device, sizeGiB } of disks) {
      const file = files.find((disk) => disk.device === device);
      const disk = file && (await this.#machines.disk(file.path));
      if (!disk || sizeGiB * GIB <= disk.bytes) continue;
      if (disk.parent !== undefined) throw new ProblemError('capability-missing', noGrowthWithSnapshots);
      const [other] = await users.of(file.path);
      if (other)
        throw new ProblemError(
          'wrong-state',
          `The disk ${device} cannot grow: "${other.name}" stands on it, too, and would break. Make a full clone and let that grow.`,
        );
    }
  }

  async #checkNics(
    machine: Machine,
    { addNics = [], removeNics = [] }: ReconfigureVm,
    operationId: string,
  ): Promise<Plan['nics']> {
    const vmx = await this.#machines.configuration(machine);
    const pending = await readPending(machine.vmx);
    const macs = new Set([...nicsOf(vmx).map(({ mac }) => mac), ...pending.addNics.map(({ mac }) => mac)]);
    const chosen = macsOf(operationId, addNics.length, await this.#machines.takenMacs(machine));
    for (const [index, mac] of removeNics.entries())
      if (!macs.has(mac))
        throw new ProblemError('device-not-found', `There is no interface with the MAC address ${mac}.`, {
          errors: [{ pointer: `/removeNics/${index}`, detail: 'Not there.' }],
        });
    if (macs.size - removeNics.length + addNics.length > MOST_NICS)
      throw new ProblemError('invalid-input', `A VM has at most ${MOST_NICS} network interfaces.`, {
        errors: [{ pointer: '/addNics', detail: `At most ${MOST_NICS} in all.` }],
      });
    const nics: Plan['nics'] = [];
    const stays = [...nicsOf(vmx), ...pending.addNics].filter(
      ({ mac }) => mac === undefined || !removeNics.includes(mac),
    );
    const networks = await this.#rules.requireNics(addNics, '/addNics', machine, {
      name: nameOf(vmx) ?? machine.nativeId,
      nics: stays.map(({ mac, network }) => ({ mac, network, addresses: [] })),
    });
    for (const [index, { mac }] of addNics.entries()) {
      nics.push({ mac: mac ?? chosen[index]!, network: networks[index]! });
    }
    return nics;
  }

  async #sizes(machine: Machine): Promise<Map<string, number>> {
    const files = await this.#machines.diskFiles(machine);
    const sizes = await Promise.all(files.map(async ({ path }) => (await this.#machines.disk(path)).bytes));
    return new Map(files.map(({ device }, index) => [device, sizes[index]!]));
  }
}

const withoutGaps = (changes: PendingChanges) =>
  Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
