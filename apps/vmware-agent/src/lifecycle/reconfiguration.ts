import { ProblemError, type Forecast, type NativeId, type Plan, type HardwareChange } from '@polyvirt/contracts';
import type { Effect, OperationContext, Outcome, ReconfigureFacet } from '@polyvirt/hypervisor';
import { GIB, removeDisk, type DiskTool } from '../disks/disk-tool.ts';
import type { HostVolumes } from '../disks/host-volumes.ts';
import { beside } from '../disks/vmdk.ts';
import { exists } from '../inventory/discovery.ts';
import type { Machine } from '../inventory/identity.ts';
import { vmsdOf, type Machines } from '../inventory/machines.ts';
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
import { dropSentinels, sentinelsOf, writeSentinels } from '../snapshots/vmsd-edits.ts';
import type { Vmrun } from '../vmrun/vmrun.ts';
import type { Dictionary } from '../vmx/dictionary.ts';
import { editDictionary } from '../vmx/dictionary-file.ts';
import { bootOrderOf, driveOf, type NicChange } from '../vmx/devices.ts';
import { cpusOf, firmwareOf, memoryOf, nameOf, nicsOf } from '../vmx/hardware-reader.ts';
import { markTemplate } from '../vmx/hardware-writer.ts';
import type { ChangeRules, Checked, NewDisk } from './change-rules.ts';
import { PLANNED } from './place.ts';

/** What the first step decides; it is kept in the journal. */
type Decision = {
  /** Whether it is on: then the changes wait for its power-off. */
  isOn: boolean;
  checked: Checked;
  /** Whether the configuration is to be written. */
  writes: boolean;
  /** The lines of it that can change, as they are now. */
  before: Record<string, string>;
  /** Of a linked clone, the disks that Workstation watches over. */
  sentinels: string[];
  /** What waits already. */
  waiting: PendingChanges;
  grow: { device: string; sizeGiB: number }[];
};

/** Keys that a change of name or hardware touches. */
const changeable =
  /^(displayName|templateVM|polyvirt\.template|numvcpus|cpuid\.coresPerSocket|memsize|bios\.bootOrder|ethernet\d+\..+|(?:ide|scsi|sata|nvme)\d+(?::\d+)?\..+|polyvirt\.volume\..+)$/i;

const steps = {
  note: { name: 'note the changes for its power-off' },
  write: { name: 'write the configuration' },
  grow: ({ device, sizeGiB }: { device: string; sizeGiB: number }) => ({
    name: `grow ${device} to ${sizeGiB} GiB`,
    native: 'vmware-vdiskmanager -x',
  }),
  make: ({ device, image }: NewDisk) => ({
    name: `make disk ${device}`,
    native: image ? 'vmware-vdiskmanager -r' : 'vmware-vdiskmanager -c',
  }),
  delete: (path: string) => ({ name: `delete ${path} unless it is in use` }),
  drop: { name: 'forget what waits for its power-off' },
} as const;

/** Changes hardware. Workstation takes none of it live: what is asked of a running machine waits until it is off. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #vmrun: Vmrun;
  readonly #machines: Machines;
  readonly #rules: ChangeRules;
  readonly #disks: DiskTool;
  readonly #volumes: HostVolumes;
  readonly #powerOffWork: PowerOffWork;

  constructor(parts: {
    vmrun: Vmrun;
    machines: Machines;
    rules: ChangeRules;
    disks: DiskTool;
    volumes: HostVolumes;
    powerOffWork: PowerOffWork;
  }) {
    this.#vmrun = parts.vmrun;
    this.#machines = parts.machines;
    this.#rules = parts.rules;
    this.#disks = parts.disks;
    this.#volumes = parts.volumes;
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
    const { added, removed, notes } = decision.checked;
    for (const disk of added.filter(isMade))
      await journal.step({
        ...steps.make(disk),
        act: () => this.#make(machine, disk, signal),
        undo: () => this.#unmake(machine, disk),
      });
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
      return { effect: changed ? 'changed' : 'unchanged', ...(notes.length > 0 && { notes }) };
    }
    if (decision.writes)
      await journal.step({
        ...steps.write,
        act: () => this.#edit(machine, (vmx) => change(vmx, input, decision.checked)),
        undo: async () => {
          if (!(await exists(machine.vmx))) return;
          await this.#edit(machine, (vmx) => restore(vmx, decision.before));
          if (removed.length > 0) await writeSentinels(vmsdOf(machine.vmx), decision.sentinels);
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
    const kept = await this.#deleteDisks(machine, removed, context);
    const all = [...notes, ...kept];
    return {
      effect: decision.writes || decision.grow.length > 0 ? 'changed' : 'unchanged',
      ...(all.length > 0 && { notes: all }),
    };
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
    for (const path of madeFor(machine, waiting))
      await journal.step({
        ...steps.delete(path),
        act: () =>
          this.#vmrun.alone([machine.vmx], async () => void (await this.#volumes.deleteGivenUp([path], machine))),
      });
    return 'changed';
  }

  /** Throws what `apply` would refuse. */
  async plan(nativeId: NativeId, input: HardwareChange): Promise<Forecast> {
    const machine = await this.#machines.demandOpen(nativeId);
    const { isOn, writes, grow, checked } = await this.#decide(machine, input, PLANNED);
    const { doomed, kept } = await this.#rules.keptOf(machine, checked.removed);
    const making = checked.added.filter(isMade).map((disk) => steps.make(disk));
    const all = [...checked.notes, ...kept];
    return {
      disruption: doomed.length > 0 ? 'data-loss' : 'none',
      warnings: all.map((detail) => ({ code: 'disk-kept', detail })),
      steps: isOn
        ? [...making, steps.note]
        : [
            ...making,
            ...(writes ? [steps.write] : []),
            ...grow.map((growth) => steps.grow(growth)),
            ...doomed.map((path) => steps.delete(path)),
          ],
    };
  }

  async planDrop(nativeId: NativeId): Promise<Pick<Plan, 'steps'>> {
    const machine = await this.#machines.demandOpen(nativeId);
    const waiting = await readPending(machine.vmx);
    if (isEmpty(waiting)) return { steps: [] };
    return { steps: [steps.drop, ...madeFor(machine, waiting).map((path) => steps.delete(path))] };
  }

  async #decide(machine: Machine, input: HardwareChange, operationId: string): Promise<Decision> {
    const checked = await this.#rules.check(machine, input, operationId);
    const { isOn } = checked;
    const vmx = await this.#machines.configuration(machine);
    const draft = vmx.copy();
    change(draft, input, checked);
    return {
      isOn,
      checked,
      writes: !draft.bytes().equals(vmx.bytes()),
      before: changeableOf(vmx),
      sentinels: checked.removed.length > 0 ? await sentinelsOf(vmsdOf(machine.vmx)) : [],
      waiting: await readPending(machine.vmx),
      grow: await this.#growths(machine, input),
    };
  }

  #pathOf(machine: Machine, { fileName }: NewDisk): string {
    return beside(machine.vmx, fileName);
  }

  async #make(machine: Machine, disk: NewDisk, signal: AbortSignal): Promise<void> {
    const path = this.#pathOf(machine, disk);
    // Made, and begun to be used, before this step was noted as done.
    if ((await this.#machines.diskFiles(machine)).some((one) => one.path === path)) return;
    if (disk.image) await this.#disks.copy(disk.image, path, disk.sizeGiB ?? undefined, signal);
    else await this.#disks.create(path, disk.sizeGiB!, signal);
  }

  async #unmake(machine: Machine, disk: NewDisk): Promise<void> {
    await this.#vmrun.alone([machine.vmx], () => removeDisk(this.#pathOf(machine, disk)));
  }

  /** Last of all. Answers what was kept and why. */
  async #deleteDisks(machine: Machine, removed: Checked['removed'], { journal }: OperationContext): Promise<string[]> {
    const kept: string[] = [];
    for (const { doomed } of removed) {
      const [path] = doomed;
      if (path === undefined) continue;
      const reason = await journal.step({
        ...steps.delete(path),
        act: async () =>
          (await this.#vmrun.alone([machine.vmx], () => this.#volumes.deleteGivenUp(doomed, machine))) ?? null,
      });
      if (reason !== null) kept.push(`Kept ${path}: ${reason}`);
    }
    return kept;
  }

  async #edit(machine: Machine, edit: (vmx: Dictionary) => void): Promise<void> {
    await this.#vmrun.alone([machine.vmx], async () => {
      if (await this.#machines.isOn(machine, 'recent'))
        throw new ProblemError('wrong-state', 'Somebody started it in the meantime. Try again.');
      await editDictionary(machine.vmx, edit, this.#vmrun.codePage);
      await dropSentinels(vmsdOf(machine.vmx), await this.#machines.configuration(machine));
    });
  }

  /** What is asked over what waits already; what the machine has anyway does not wait. */
  async #note(machine: Machine, input: HardwareChange, decision: Decision): Promise<boolean> {
    const { grow, waiting: before, checked } = decision;
    const { nics, cdrom, added, changeNics } = checked;
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
      bootOrder: unlessSame(input.bootOrder, before.bootOrder, bootOrderOf(vmx, firmwareOf(vmx))),
      cdrom: !cdrom ? before.cdrom : mediumOf(machine, vmx) === cdrom.path ? undefined : cdrom,
      disks: [...before.disks.filter(({ device }) => !grown.includes(device)), ...grow],
      addDisks: [
        ...before.addDisks,
        ...added.map((disk) => {
          const { device, fileName, isVolume } = disk;
          return { device, fileName, isVolume, isMade: isMade(disk) };
        }),
      ],
      removeDisks: [
        ...before.removeDisks.filter(({ device }) => !checked.removed.some((one) => one.device === device)),
        ...checked.removed,
      ],
      changeNics: changesOf(vmx, before.changeNics, changeNics),
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

function change(vmx: Dictionary, input: HardwareChange, checked: Checked): void {
  const { name, cpus, memoryMiB, removeNics = [], bootOrder, template } = input;
  if (template !== undefined) markTemplate(vmx, template);
  const { nics, changeNics, cdrom, added, removed } = checked;
  applyTo(vmx, {
    ...noChanges,
    removeNics,
    addNics: nics,
    changeNics,
    cdrom: cdrom ?? undefined,
    addDisks: added.map((disk) => ({ ...disk, isMade: isMade(disk) })),
    removeDisks: removed,
    bootOrder: unlessSame(bootOrder, undefined, bootOrderOf(vmx, firmwareOf(vmx))),
    name: name === nameOf(vmx) ? undefined : name,
    cpus: cpus === cpusOf(vmx) ? undefined : cpus,
    memoryMiB: memoryMiB === memoryOf(vmx) ? undefined : memoryMiB,
  });
}

const isMade = ({ image, sizeGiB }: NewDisk): boolean => image !== null || sizeGiB !== null;

/** Paths of the disks that were made for what waits. */
const madeFor = ({ vmx }: Machine, { addDisks }: PendingChanges): string[] =>
  addDisks.flatMap((disk) => (disk.isMade ? [beside(vmx, disk.fileName)] : []));

/** What is asked for beside what waits already; nothing where the machine is so anyway. */
function unlessSame<Value>(asked: Value | undefined, waiting: Value | undefined, present: unknown): Value | undefined {
  if (asked === undefined) return waiting;
  return JSON.stringify(asked) === JSON.stringify(present) ? undefined : asked;
}

function mediumOf(machine: Machine, vmx: Dictionary): string | null {
  const fileName = driveOf(vmx)?.fileName ?? null;
  return fileName === null ? null : beside(machine.vmx, fileName);
}

/** By interface, what is to be different from what it is. */
function changesOf(
  vmx: Dictionary,
  before: PendingChanges['changeNics'],
  asked: PendingChanges['changeNics'],
): PendingChanges['changeNics'] {
  const macs = [...new Set([...before, ...asked].map(({ mac }) => mac))];
  return macs.flatMap((mac) => {
    const merged = Object.assign({ mac }, ...[...before, ...asked].filter((one) => one.mac === mac)) as NicChange;
    const nic = nicsOf(vmx).find((one) => one.mac === mac);
    const network = merged.network === nic?.network ? undefined : merged.network;
    const connected = merged.connected === nic?.connected ? undefined : merged.connected;
    if (network === undefined && connected === undefined) return [];
    return [{ mac, ...(network !== undefined && { network }), ...(connected !== undefined && { connected }) }];
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
