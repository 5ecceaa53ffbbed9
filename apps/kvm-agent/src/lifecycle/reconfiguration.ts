import { randomUUID } from 'node:crypto';
import { ProblemError, type Forecast, type HardwareChange, type NativeId } from '@polyvirt/contracts';
import type { Effect, OperationContext, Outcome, PlanRequest, ReconfigureFacet } from '@polyvirt/hypervisor';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import type { Machines } from '../domain/machines.ts';
import { changeOwnMetadata } from '../domain/own-metadata.ts';
import type { HostLimits } from '../host-limits.ts';
import type { Networks } from '../networks.ts';
import type { PowerOffWork } from '../power-off-work.ts';
import type { StateWaiter } from '../state-waiter.ts';
import type { HostVolumes } from '../storage/host-volumes.ts';
import type { ImageLibrary } from '../storage/image-library.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { done, type Change } from './change.ts';
import { Devices } from './devices.ts';
import { DiskChanges, keptNote, xmlOf, type DiskDecision } from './disk-changes.ts';
import { addressChanges, FormerHardware, type Before } from './former-hardware.ts';
import { Hardware } from './hardware.ts';
import { LiveChanges, type Waits } from './live-changes.ts';
import { newNics, ReconfigureCheck } from './reconfigure-check.ts';
import { forecastOf, reconfigureSteps as steps, stepsOf } from './reconfigure-plan.ts';
import { RemainsReader } from './remains.ts';
import type { StateFiles } from './state-files.ts';
import { Unplugging } from './unplugging.ts';
import { Withdrawal } from './withdrawal.ts';

interface Planned {
  readonly name: string;
  readonly native: string;
  act(): Promise<Change>;
  undo?(signal: AbortSignal): Promise<unknown>;
}

interface Decided {
  readonly before: Before;
  readonly waits: Waits;
  readonly disks: DiskDecision;
}

/** Changes hardware, live where libvirt and the guest can. What fails half-way is undone, but for disks that have grown. */
export class Reconfiguration implements ReconfigureFacet {
  readonly #machines: Machines;
  readonly #powerOffWork: PowerOffWork;
  readonly #networks: Networks;
  readonly #images: ImageLibrary;
  readonly #check: ReconfigureCheck;
  readonly #hardware: Hardware;
  readonly #devices: Devices;
  readonly #disks: DiskChanges;
  readonly #live: LiveChanges;
  readonly #withdrawal: Withdrawal;
  readonly #former: FormerHardware;

  constructor(parts: {
    libvirt: Libvirt;
    machines: Machines;
    storage: StoragePool;
    images: ImageLibrary;
    volumes: HostVolumes;
    stateFiles: StateFiles;
    networks: Networks;
    powerOffWork: PowerOffWork;
    waiter: StateWaiter;
    limits: HostLimits;
  }) {
    this.#machines = parts.machines;
    this.#powerOffWork = parts.powerOffWork;
    this.#networks = parts.networks;
    this.#images = parts.images;
    const unplugging = new Unplugging(parts);
    this.#disks = new DiskChanges({ ...parts, remains: new RemainsReader(parts.storage, parts.stateFiles) });
    this.#check = new ReconfigureCheck({ ...parts, disks: this.#disks });
    this.#hardware = new Hardware({ ...parts, unplugging });
    this.#devices = new Devices({ ...parts, unplugging });
    this.#live = new LiveChanges(parts.machines);
    this.#withdrawal = new Withdrawal(parts);
    this.#former = new FormerHardware(parts.machines, parts.networks, this.#devices);
  }

  async apply(nativeId: NativeId, input: HardwareChange, context: OperationContext): Promise<Outcome> {
    const { journal, operationId } = context;
    const domain = await this.#machines.domain(nativeId);
    // All of the input is checked before any of it is done, so that bad input changes nothing.
    const decided = await journal.step({
      name: 'check the changes',
      native: 'domain_get_xml_desc',
      act: async () => {
        const disks = await this.#check.run(domain, input, operationId);
        return { disks, before: await this.#former.read(domain, input), waits: await this.#live.decide(domain, input) };
      },
    });
    const { before, disks } = decided;

    let changed = false;
    const notes: string[] = disks.removed.flatMap((removed) => removed.notes);
    const carryOut = async ({ act, undo, ...step }: Planned) => {
      const change = await journal.step<Change>({
        ...step,
        act: async () => {
          const result = await act();
          if (before.wasOn) await this.#refuseCrashed(domain, step.name);
          return result;
        },
        ...(undo && {
          undo: async (signal: AbortSignal) => {
            await undo(signal);
          },
        }),
      });
      changed ||= change.changed;
      if (change.changed && change.note !== null) notes.push(change.note);
    };
    for (const planned of this.#plan(domain, input, decided, context)) await carryOut(planned);
    await this.#changeMedium(domain, input, decided, context, carryOut);
    await this.#exchangeDisks(domain, input, decided, context, carryOut);
    if (input.cpus !== undefined) await carryOut(this.#cpus(domain, input.cpus, decided));
    await this.#grow(domain, input, carryOut);
    notes.push(...(await this.#deleteFiles(domain, disks, context)));
    return {
      effect: changed ? 'changed' : 'unchanged',
      ...(notes.length > 0 ? { notes } : {}),
    };
  }

  drop(nativeId: NativeId, context: OperationContext): Promise<Effect> {
    return this.#withdrawal.drop(nativeId, context);
  }

  planDrop({ nativeId }: PlanRequest): Promise<Forecast> {
    return this.#withdrawal.plan(nativeId);
  }

  /** The check of the act, and when each change comes about. */
  async plan({ nativeId, vm, input }: PlanRequest<HardwareChange>): Promise<Forecast> {
    const domain = await this.#machines.domain(nativeId);
    const disks = await this.#check.run(domain, input, randomUUID());
    const waits = await this.#live.decide(domain, input);
    const { changes, warnings } = forecastOf(input, vm, waits);
    const { changed } = await this.#former.read(domain, input);
    const addresses = addressChanges(input, vm.nics, changed);
    const { doomed, kept } = await this.#disks.keptOf(domain, disks);
    const notes = [...disks.removed.flatMap((removed) => removed.notes), ...kept];
    const all = [...changes, ...addresses];
    return {
      changes: all,
      disruption: doomed.length > 0 ? 'data-loss' : 'none',
      warnings: [...warnings, ...notes.map((detail) => ({ code: 'disk-kept', detail }))],
      steps:
        all.length > 0
          ? stepsOf(input, disks, disks.removed.some(({ device }) => waits.removeDisks[device] !== null) ? [] : doomed)
          : [],
    };
  }

  /** What can be taken back comes first. */
  #plan(
    domain: Domain,
    input: HardwareChange,
    { before, waits }: Decided,
    { signal, operationId }: OperationContext,
  ): Planned[] {
    const { memoryMiB, name, template, autostart } = input;
    const hardware = this.#hardware;
    const planned: Planned[] = [];
    if (name !== undefined)
      planned.push({
        ...steps.rename,
        act: async () => ({ changed: await this.#rename(domain, name), note: waits.name }),
        undo: async () => {
          await this.#rename(domain, before.name);
          await this.#powerOffWork.noteName(domain, before.pendingName ?? undefined);
        },
      });
    if (template !== undefined)
      planned.push({
        ...steps.template(template),
        act: () => this.#markTemplate(domain, template),
        undo: () => this.#markTemplate(domain, before.template),
      });
    if (autostart !== undefined)
      planned.push({
        ...steps.autostart(autostart),
        act: async () => {
          await domain.setAutostart(autostart);
          return done(autostart !== before.autostart);
        },
        undo: () => domain.setAutostart(before.autostart),
      });
    if (memoryMiB !== undefined)
      planned.push({
        ...steps.memory(memoryMiB),
        act: () => hardware.setMemory(domain, memoryMiB, waits.memoryMiB, { signal }),
        undo: (undoing) =>
          hardware.setMemory(domain, before.memoryMiB, null, {
            signal: undoing,
            maximumMiB: before.maximumMemoryMiB,
          }),
      });
    for (const { mac, network, xml, address } of before.removed)
      planned.push({
        ...steps.removeNic(mac),
        act: () => hardware.removeNic(domain, mac, waits.removeNics[mac] ?? null, signal),
        undo: async () => {
          if (xml !== null) {
            await hardware.attachNic(domain, mac, xml, null);
            await this.#powerOffWork.noteLeaving(domain, { mac, network }, false);
          }
          if (address !== null) await this.#networks.reserve(network, mac, address);
        },
      });
    for (const [index, nic] of newNics(input, operationId).entries())
      planned.push({
        ...steps.addNic(index, nic.network),
        act: () => hardware.addNic(domain, nic, waits.addNics[index] ?? null),
        undo: async (undoing) => {
          await hardware.removeNic(domain, nic.mac, null, undoing);
          await this.#networks.release([nic]);
        },
      });
    for (const [index, change] of (input.changeNics ?? []).entries()) {
      const was = before.changed[index]!;
      planned.push({
        ...steps.changeNic(change.mac),
        act: () => this.#changeNic(domain, change, was),
        undo: () => this.#changeNic(domain, { ...was, address: was.address ?? 'auto' }, was),
      });
    }
    return planned;
  }

  /** The address that is kept for it goes along to its network. */
  async #changeNic(
    domain: Domain,
    { mac, network, address, connected }: NonNullable<HardwareChange['changeNics']>[number],
    was: Before['changed'][number],
  ): Promise<Change> {
    const target = network ?? was.network;
    const wanted = address ?? (target === was.network ? (was.address ?? 'auto') : 'auto');
    let isMoved = false;
    for (const place of new Set([was.network, target])) {
      const kept = (await this.#networks.reservationOf({ network: place, mac })) ?? 'auto';
      const due = place === target ? wanted : 'auto';
      if (kept === due) continue;
      isMoved = true;
      if (kept !== 'auto') await this.#networks.release([{ network: place, mac }]);
      if (due !== 'auto') await this.#networks.reserve(place, mac, due);
    }
    const change = await this.#devices.changeNic(domain, mac, { network, connected });
    return { ...change, changed: change.changed || isMoved };
  }

  async #changeMedium(
    domain: Domain,
    { cdrom, bootOrder }: HardwareChange,
    { before: { drive, boot }, waits }: Decided,
    { journal }: OperationContext,
    carryOut: (planned: Planned) => Promise<void>,
  ): Promise<void> {
    const devices = this.#devices;
    // A drive that is not there is as empty as can be.
    if (cdrom !== undefined && drive && !(drive.isNew && cdrom === null)) {
      const path =
        cdrom === null
          ? null
          : await journal.step({
              ...steps.findMedium,
              act: async () => (await this.#images.volumeOf(cdrom, 'iso')).path(),
            });
      const { device } = drive;
      await carryOut({
        ...steps.medium(cdrom),
        act: () => devices.setMedium(domain, device, path, waits.cdrom),
        undo: () =>
          drive.isNew ? devices.removeDrive(domain, device) : devices.setMedium(domain, device, drive.path, null),
      });
    }
    if (bootOrder !== undefined)
      await carryOut({
        ...steps.bootOrder,
        act: () => devices.setBootOrder(domain, bootOrder, waits.bootOrder),
        undo: () => (boot ? devices.restoreBootWords(domain, boot) : Promise.resolve()),
      });
  }

  async #exchangeDisks(
    domain: Domain,
    { addDisks = [] }: HardwareChange,
    { disks, waits }: Decided,
    { journal, signal }: OperationContext,
    carryOut: (planned: Planned) => Promise<void>,
  ): Promise<void> {
    for (const [index, disk] of disks.added.entries()) {
      const { device, attached } = disk;
      const path =
        attached?.path ??
        (await journal.step({
          ...steps.addedDisk(device),
          act: () => this.#disks.make(disk, addDisks[index]!),
          undo: () => this.#disks.unmake(disk),
        }));
      await carryOut({
        ...steps.attachDisk(device),
        act: () => this.#devices.attachDisk(domain, device, xmlOf(disk, path), waits.addDisks[index] ?? null),
        undo: (undoing) => this.#devices.detachDisk(domain, device, { waits: null, doomed: [], signal: undoing }),
      });
    }
    for (const { device, xml, links } of disks.removed)
      await carryOut({
        ...steps.detachDisk(device),
        act: () =>
          this.#devices.detachDisk(domain, device, {
            waits: waits.removeDisks[device] ?? null,
            doomed: links,
            signal,
          }),
        undo: async () => {
          if (xml !== null) await this.#devices.restoreDisk(domain, device, xml, links);
        },
      });
  }

  /** An emulated CPU does not leave a running machine again, so it comes last of what can be undone. */
  #cpus(domain: Domain, cpus: number, { before, waits }: Decided): Planned {
    return {
      ...steps.cpus(cpus),
      act: () => this.#hardware.setCpus(domain, cpus, waits.cpus),
      undo: () => this.#hardware.resetCpus(domain, before),
    };
  }

  /** Last of all: a disk that has grown stays so, whatever fails after it. */
  async #grow(
    domain: Domain,
    { disks = [] }: HardwareChange,
    carryOut: (planned: Planned) => Promise<void>,
  ): Promise<void> {
    const grown: string[] = [];
    for (const { device, sizeGiB } of disks) {
      try {
        await carryOut({
          ...steps.grow(device, sizeGiB),
          act: () => this.#hardware.growDisk(domain, device, sizeGiB),
        });
      } catch (error) {
        if (!(error instanceof ProblemError) || grown.length === 0) throw error;
        throw new ProblemError(
          error.code,
          `${error.message} Kept, as a disk does not shrink: ${grown.join(', ')}. All else is as it was.`,
          { cause: error },
        );
      }
      grown.push(`${device} has ${sizeGiB} GiB`);
    }
  }

  /** Those of a disk that QEMU still has go with the power-off. Answers what was kept. */
  async #deleteFiles(domain: Domain, { removed }: DiskDecision, { journal }: OperationContext): Promise<string[]> {
    const all = removed.flatMap(({ links }) => links);
    const kept: string[] = [];
    for (const { device, links } of removed)
      for (const path of links) {
        const reason = await journal.step({
          ...steps.deleteFile(path),
          act: async () => ((await this.#devices.hasDisk(domain, device)) ? '' : this.#disks.delete(path, all)),
        });
        if (reason === null) continue;
        if (reason !== '') kept.push(keptNote(device, path, reason));
        break;
      }
    return kept;
  }

  /** A change that libvirt calls done is none when QEMU did not survive it. */
  async #refuseCrashed(domain: Domain, step: string): Promise<void> {
    if ((await this.#machines.state(domain)) !== 'crashed') return;
    throw new ProblemError(
      'host-rejected',
      `The VM crashed when the agent was about to ${step}. Its log says more: /var/log/libvirt/qemu/${domain.name}.log`,
    );
  }

  async #markTemplate(domain: Domain, template: boolean): Promise<Change> {
    const before = await this.#machines.definition(domain);
    if (before.template !== template) await changeOwnMetadata(domain, { template });
    return done(before.template !== template);
  }

  async #rename(domain: Domain, name: string): Promise<boolean> {
    const current = await this.#machines.liveDefinition(domain);
    if (current.name === name) {
      if (current.pendingName !== undefined) await this.#powerOffWork.noteName(domain, undefined);
      return current.pendingName !== undefined;
    }
    await this.#powerOffWork.noteName(domain, name);
    await this.#powerOffWork.apply(domain);
    return true;
  }
}
