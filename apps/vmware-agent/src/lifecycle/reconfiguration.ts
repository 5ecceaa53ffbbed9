import {
  ProblemError,
  type DriverVm,
  type Forecast,
  type NativeId,
  type Plan,
  type HardwareChange,
} from '@polyvirt/contracts';
import type { Effect, OperationContext, Outcome, ReconfigureFacet } from '@polyvirt/hypervisor';
import { GIB, type DiskTool } from '../disks/disk-tool.ts';
import { exists } from '../inventory/discovery.ts';
import type { Machine } from '../inventory/identity.ts';
import type { Machines } from '../inventory/machines.ts';
import {
  applyTo,
  hasPending,
  isEmpty,
  noChanges,
  readPending,
  writePending,
  type PendingChanges,
} from '../inventory/pending-changes.ts';
import type { PowerOffWork } from '../inventory/power-off-work.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import type { Dictionary } from '../vmx/dictionary.ts';
import { editDictionary } from '../vmx/dictionary-file.ts';
import { cpusOf, memoryOf, nameOf, nicsOf } from '../vmx/hardware-reader.ts';
import type { ChangeRules, NewNic } from './change-rules.ts';
import { PLANNED } from './place.ts';

/** What the first step decides; it is kept in the journal. */
type Decision = {
  /** Whether it is on: then the changes wait for its power-off. */
  isOn: boolean;
  /** Adapters to add, with the addresses that were chosen for them. */
  nics: NewNic[];
  /** Whether the configuration is to be written. */
  writes: boolean;
  /** The lines of it that can change, as they are now. */
  before: Record<string, string>;
  /** What waits already. */
  waiting: PendingChanges;
  grow: { device: string; sizeGiB: number }[];
};

/** Keys that a change of name or hardware touches. */
const changeable = /^(displayName|numvcpus|cpuid\.coresPerSocket|memsize|ethernet\d+\..+)$/i;

const steps = {
  note: { name: 'note the changes for its power-off' },
  write: { name: 'write the configuration' },
  grow: ({ device, sizeGiB }: { device: string; sizeGiB: number }) => ({
    name: `grow ${device} to ${sizeGiB} GiB`,
    native: 'vmware-vdiskmanager -x',
  }),
  drop: { name: 'forget what waits for its power-off' },
} as const;

/** Changes hardware. Workstation takes none of it live: what is asked of a running machine waits until it is off. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #rules: ChangeRules;
  readonly #disks: DiskTool;
  readonly #powerOffWork: PowerOffWork;

  constructor(parts: {
    vmrun: Vmrun;
    machines: Machines;
    rules: ChangeRules;
    disks: DiskTool;
    powerOffWork: PowerOffWork;
  }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#rules = parts.rules;
    this.#disks = parts.disks;
    this.#powerOffWork = parts.powerOffWork;
  }

  async apply(nativeId: NativeId, input: HardwareChange, context: OperationContext): Promise<Outcome> {
    const { operationId, journal, signal } = context;
    const machine = await this.#machines.demandOpen(nativeId);
    // All of the input is checked before any of it is done, so that bad input changes nothing.
    const decision = JSON.parse(
      await journal.step({
        name: 'check the changes',
        native: 'vmrun list',
        act: async () => {
          const first = await this.#decide(machine, input, operationId);
          if (first.isOn || isEmpty(first.waiting)) return JSON.stringify(first);
          // Of a machine that crashed: its power-off has been, and what waited for it comes first.
          await this.#powerOffWork.finish(machine);
          return JSON.stringify(await this.#decide(machine, input, operationId));
        },
      }),
    ) as Decision;
    if (decision.isOn) {
      const changed = await journal.step({
        ...steps.note,
        act: () => this.#vmrun.alone([machine.vmx], () => this.#note(machine, input, decision)),
        undo: () =>
          this.#vmrun.alone([machine.vmx], async () => {
            // Without the file it went off meanwhile, and has what waited.
            if (await hasPending(machine.vmx)) await writePending(machine.vmx, decision.waiting);
          }),
      });
      // It may have gone off meanwhile.
      if (!(await this.#machines.isOn(machine))) await this.#powerOffWork.finish(machine);
      return { effect: changed ? 'changed' : 'unchanged' };
    }
    if (decision.writes)
      await journal.step({
        ...steps.write,
        act: () => this.#edit(machine, (vmx) => change(vmx, input, decision.nics)),
        undo: async () => {
          if (await exists(machine.vmx)) await this.#edit(machine, (vmx) => restore(vmx, decision.before));
        },
      });
    // Last, as no disk can be made smaller again.
    for (const growth of decision.grow)
      await journal.step({
        ...steps.grow(growth),
        act: async () => {
          const file = (await this.#machines.diskFiles(machine)).find(({ device }) => device === growth.device);
          await this.#vmrun.alone([machine.vmx], () => this.#disks.grow(file!.path, growth.sizeGiB, signal));
        },
      });
    return { effect: decision.writes || decision.grow.length > 0 ? 'changed' : 'unchanged' };
  }

  async drop(nativeId: NativeId, { journal }: OperationContext): Promise<Effect> {
    const machine = await this.#machines.demandOpen(nativeId);
    const waiting = JSON.parse(
      await journal.step({
        name: 'look what waits',
        act: async () => JSON.stringify(await readPending(machine.vmx)),
      }),
    ) as PendingChanges;
    if (isEmpty(waiting)) return 'unchanged';
    await journal.step({
      ...steps.drop,
      act: () => this.#vmrun.alone([machine.vmx], () => writePending(machine.vmx, noChanges)),
      undo: () => this.#vmrun.alone([machine.vmx], () => writePending(machine.vmx, waiting)),
    });
    return 'changed';
  }

  /** Throws what `apply` would refuse. */
  async plan(nativeId: NativeId, input: HardwareChange): Promise<Forecast> {
    const { isOn, writes, grow } = await this.#decide(await this.#machines.demandOpen(nativeId), input, PLANNED);
    if (isOn) return { steps: [steps.note] };
    return { steps: [...(writes ? [steps.write] : []), ...grow.map((growth) => steps.grow(growth))] };
  }

  planDrop({ pendingChanges = [] }: Pick<DriverVm, 'pendingChanges'>): Pick<Plan, 'steps'> {
    return { steps: pendingChanges.length > 0 ? [steps.drop] : [] };
  }

  async #decide(machine: Machine, input: HardwareChange, operationId: string): Promise<Decision> {
    const { isOn, nics } = await this.#rules.check(machine, input, operationId);
    const vmx = await this.#machines.configuration(machine);
    const draft = vmx.copy();
    change(draft, input, nics);
    return {
      isOn,
      nics,
      writes: !draft.bytes().equals(vmx.bytes()),
      before: changeableOf(vmx),
      waiting: await readPending(machine.vmx),
      grow: await this.#growths(machine, input),
    };
  }

  async #edit(machine: Machine, edit: (vmx: Dictionary) => void): Promise<void> {
    await this.#vmrun.alone([machine.vmx], async () => {
      if (await this.#machines.isOn(machine, 'recent'))
        throw new ProblemError('wrong-state', 'Somebody started it in the meantime. Try again.');
      await editDictionary(machine.vmx, edit, this.#vmrun.codePage);
    });
  }

  /** What is asked over what waits already; what the machine has anyway does not wait. */
  async #note(machine: Machine, input: HardwareChange, { nics, grow, waiting: before }: Decision): Promise<boolean> {
    const vmx = await this.#machines.configuration(machine);
    const unless = <Value>(asked: Value | undefined, waiting: Value | undefined, present: Value | undefined) =>
      asked === undefined ? waiting : asked === present ? undefined : asked;
    const grown = (input.disks ?? []).map(({ device }) => device);
    const removed = input.removeNics ?? [];
    const present = new Set(nicsOf(vmx).map(({ mac }) => mac));
    const after: PendingChanges = {
      name: unless(input.name, before.name, nameOf(vmx)),
      cpus: unless(input.cpus, before.cpus, cpusOf(vmx)),
      memoryMiB: unless(input.memoryMiB, before.memoryMiB, memoryOf(vmx)),
      disks: [...before.disks.filter(({ device }) => !grown.includes(device)), ...grow],
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

  /** Looks at no other disk: one that cannot be read keeps nobody from a change of anything else. */
  async #growths(machine: Machine, { disks = [] }: HardwareChange): Promise<Decision['grow']> {
    const files = await this.#machines.diskFiles(machine);
    const grow: Decision['grow'] = [];
    for (const { device, sizeGiB } of disks) {
      const { bytes } = await this.#machines.disk(files.find((disk) => disk.device === device)!.path);
      if (bytes < sizeGiB * GIB) grow.push({ device, sizeGiB });
    }
    return grow;
  }
}

function change(vmx: Dictionary, { name, cpus, memoryMiB, removeNics = [] }: HardwareChange, addNics: NewNic[]): void {
  applyTo(vmx, {
    ...noChanges,
    removeNics,
    addNics,
    name: name === nameOf(vmx) ? undefined : name,
    cpus: cpus === cpusOf(vmx) ? undefined : cpus,
    memoryMiB: memoryMiB === memoryOf(vmx) ? undefined : memoryMiB,
  });
}

const changeableOf = (vmx: Dictionary): Record<string, string> =>
  Object.fromEntries(vmx.keys().flatMap((key) => (changeable.test(key) ? [[key, vmx.get(key)!]] : [])));

/** Leaves alone what nobody here has changed. */
function restore(vmx: Dictionary, before: Readonly<Record<string, string>>): void {
  const had = new Set(Object.keys(before).map((key) => key.toLowerCase()));
  for (const key of Object.keys(changeableOf(vmx))) if (!had.has(key.toLowerCase())) vmx.delete(key);
  vmx.setAll(before);
}

const withoutGaps = (changes: PendingChanges) =>
  Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
