import { basename, dirname } from 'node:path';
import { ProblemError, requireAtRest, type OperationId, type HardwareChange } from '@polyvirt/contracts';
import { allow, gibOf, volumeIdOf } from '@polyvirt/hypervisor';
import { noAutostart, noBootOrderOfUefi, noGrowthWithSnapshots } from '../absent-features.ts';
import { GIB } from '../disks/disk-tool.ts';
import { DiskUsers } from '../disks/disk-users.ts';
import type { HostVolumes } from '../disks/host-volumes.ts';
import type { ImageLibrary } from '../disks/image-library.ts';
import { beside, chainOf, realPath } from '../disks/vmdk.ts';
import { windowOf } from '../host/locks.ts';
import type { Machine } from '../inventory/identity.ts';
import { folderOf, stemOf, type Machines } from '../inventory/machines.ts';
import { readPending, type PendingChanges } from '../inventory/pending-changes.ts';
import { freeDiskDevices } from '../vmx/devices.ts';
import { firmwareOf, nameOf, nicsOf } from '../vmx/hardware-reader.ts';
import { isTemplate, MOST_NICS } from '../vmx/hardware-writer.ts';
import { demandDiskSize, demandMemory } from './creation.ts';
import type { HardwareRules } from './hardware-rules.ts';
import { macsOf, slugOf } from './place.ts';

/** An adapter to add, with the address that was chosen for it. */
export type NewNic = { mac: string; network: string };

/** What a change comes to, with the files that it is about. */
export type Checked = {
  isOn: boolean;
  nics: NewNic[];
  changeNics: PendingChanges['changeNics'];
  cdrom: PendingChanges['cdrom'] | null;
  added: NewDisk[];
  removed: PendingChanges['removeDisks'];
  /** What there is to say of disks that stay. */
  notes: string[];
};

/** A disk to add: made from an image or blank, or a volume that is there. */
export type NewDisk = {
  device: string;
  /** As the configuration is to name it. */
  fileName: string;
  isVolume: boolean;
  image: { path: string; format: string; bytes: number } | null;
  sizeGiB: number | null;
};

/** Whether a machine can be changed as asked, by its files and those of all others. */
export class ChangeRules {
  readonly #machines: Machines;
  readonly #hardware: HardwareRules;
  readonly #images: ImageLibrary;
  readonly #volumes: HostVolumes;

  constructor(parts: { machines: Machines; rules: HardwareRules; images: ImageLibrary; volumes: HostVolumes }) {
    this.#machines = parts.machines;
    this.#hardware = parts.rules;
    this.#images = parts.images;
    this.#volumes = parts.volumes;
  }

  /** Throws what a change would end with. Changes nothing. */
  async check(machine: Machine, input: HardwareChange, operationId: OperationId): Promise<Checked> {
    this.#hardware.requireFits(input);
    await this.#checkGrowth(machine, input);
    const state = await this.#machines.state(machine);
    allow('reconfigure', state);
    if (input.autostart !== undefined) throw new ProblemError('capability-missing', noAutostart);
    const template = isTemplate(await this.#machines.configuration(machine));
    requireAtRest({ name: await this.#machines.nameOf(machine), state, template }, input);
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
    if (input.bootOrder) await this.#checkBootOrder(machine);
    const { cdrom } = input;
    const { removed, notes } = await this.#checkRemovals(machine, input);
    return {
      isOn,
      nics: await this.#checkNics(machine, input, operationId),
      changeNics: await this.#checkNicChanges(machine, input),
      cdrom:
        cdrom === undefined
          ? null
          : { image: cdrom, path: cdrom === null ? null : (await this.#images.demand(cdrom, 'iso', '/cdrom')).path },
      added: await this.#checkAdditions(machine, input, operationId),
      removed,
      notes,
    };
  }

  async #checkDisks(machine: Machine, { disks = [] }: HardwareChange): Promise<void> {
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

  async #checkBootOrder(machine: Machine): Promise<void> {
    if (firmwareOf(await this.#machines.configuration(machine)) !== 'bios')
      throw new ProblemError('capability-missing', noBootOrderOfUefi);
  }

  async #checkAdditions(machine: Machine, { addDisks = [] }: HardwareChange, operationId: string): Promise<NewDisk[]> {
    if (addDisks.length === 0) return [];
    const vmx = await this.#machines.configuration(machine);
    const pending = await readPending(machine.vmx);
    const devices = freeDiskDevices(
      vmx,
      pending.addDisks.map(({ device }) => device),
      addDisks.length,
    );
    if (!devices) throw new ProblemError('invalid-input', 'A VM has at most 60 disks on its SCSI controllers.');
    const disks: NewDisk[] = [];
    for (const [index, { image, sizeGiB, volume }] of addDisks.entries()) {
      const device = devices[index]!;
      const at = `/addDisks/${index}`;
      if (volume !== undefined) {
        const path = await this.#volumes.require(volume, `${at}/volume`);
        const isOwn = dirname(path) === folderOf(machine);
        const fileName = isOwn ? basename(path) : path;
        disks.push({ device, fileName, isVolume: !isOwn, image: null, sizeGiB: null });
        continue;
      }
      demandDiskSize(sizeGiB ?? 1, `${at}/sizeGiB`);
      const file = image === undefined ? undefined : await this.#images.demand(image, 'disk', `${at}/image`);
      if (file && sizeGiB !== undefined && sizeGiB * GIB < file.bytes)
        throw new ProblemError('invalid-input', `The image "${image}" has ${gibOf(file.bytes)} GiB.`, {
          errors: [{ pointer: `${at}/sizeGiB`, detail: `At least ${Math.ceil(file.bytes / GIB)}.` }],
        });
      disks.push({
        device,
        fileName: `${stemOf(machine.vmx)}-${slugOf(operationId).slice(-12)}-${index}.vmdk`,
        isVolume: false,
        image: file ? { path: file.path, format: file.format, bytes: file.bytes } : null,
        sizeGiB: sizeGiB ?? null,
      });
    }
    return disks;
  }

  async #checkRemovals(
    machine: Machine,
    { removeDisks = [] }: HardwareChange,
  ): Promise<{ removed: Checked['removed']; notes: string[] }> {
    const removed: Checked['removed'] = [];
    const notes: string[] = [];
    if (removeDisks.length === 0) return { removed, notes };
    const files = await this.#machines.diskFiles(machine);
    const { all } = await this.#machines.snapshots(machine);
    for (const { device, keep } of removeDisks) {
      const file = files.find((disk) => disk.device === device);
      if (!file) throw new ProblemError('device-not-found', `There is no disk ${device}.`);
      const path = await realPath(file.path);
      const chain = await chainOf(path);
      const holding: string[] = [];
      for (const { name, disks } of all) {
        const held = await Promise.all(disks.map((one) => realPath(beside(machine.vmx, one))));
        if (held.some((one) => chain.includes(one))) holding.push(`"${name}"`);
      }
      if (holding.length > 0)
        throw new ProblemError(
          'wrong-state',
          `Snapshots of the VM bring ${device} back: ${holding.join(', ')}. Delete them first.`,
        );
      removed.push({ device, doomed: keep ? [] : chain });
      if (keep) notes.push(`Kept ${device} as the volume ${volumeIdOf(path)} of the host: ${path}`);
    }
    return { removed, notes };
  }

  /** What of the disks that are to go stays, as somebody else needs it. */
  async keptOf(machine: Machine, removed: Checked['removed']): Promise<{ doomed: string[]; kept: string[] }> {
    const doomed: string[] = [];
    const kept: string[] = [];
    const users = await DiskUsers.read(this.#machines, machine);
    for (const [path] of removed.map((disk) => disk.doomed)) {
      if (path === undefined) continue;
      const others = (await users.of(path)).filter((user) => user.path !== path).map(({ name }) => `"${name}"`);
      if (others.length > 0) kept.push(`Kept ${path}: it is in use by ${others.join(', ')}.`);
      else if (users.doubt !== undefined) kept.push(`Kept ${path}: ${users.doubt}`);
      else doomed.push(path);
    }
    return { doomed, kept };
  }

  async #checkNicChanges(machine: Machine, { changeNics = [] }: HardwareChange): Promise<PendingChanges['changeNics']> {
    const nics = nicsOf(await this.#machines.configuration(machine));
    const changes: PendingChanges['changeNics'] = [];
    for (const [index, { mac, network, address = 'auto', connected }] of changeNics.entries()) {
      const nic = nics.find((one) => one.mac === mac);
      if (!nic)
        throw new ProblemError('device-not-found', `There is no interface with the MAC address ${mac}.`, {
          errors: [{ pointer: `/changeNics/${index}/mac`, detail: 'Not there.' }],
        });
      const isMoved = network !== undefined || address !== 'auto';
      const asked = { mac, address, network: network ?? nic.network ?? '' };
      const [resolved] = isMoved
        ? await this.#hardware.requireNics([asked], '/changeNics', machine, undefined)
        : [undefined];
      changes.push({
        mac,
        ...(network !== undefined && { network: resolved! }),
        ...(connected !== undefined && { connected }),
      });
    }
    return changes;
  }

  /** vmware-vdiskmanager grows no disk that others stand on, and none that stands on another. */
  async #checkGrowth(machine: Machine, { disks = [] }: HardwareChange): Promise<void> {
    if (disks.length === 0) return;
    if ((await this.#machines.snapshots(machine)).all.length > 0)
      throw new ProblemError('capability-missing', noGrowthWithSnapshots);
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
    { addNics = [], removeNics = [] }: HardwareChange,
    operationId: string,
  ): Promise<NewNic[]> {
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
    const nics: NewNic[] = [];
    const stays = [...nicsOf(vmx), ...pending.addNics].filter(
      ({ mac }) => mac === undefined || !removeNics.includes(mac),
    );
    const networks = await this.#hardware.requireNics(addNics, '/addNics', machine, {
      name: nameOf(vmx) ?? machine.nativeId,
      nics: stays.map(({ mac, network }) => ({ mac, network, addresses: [] })),
    });
    for (const [index, { mac }] of addNics.entries()) {
      nics.push({ mac: mac ?? chosen[index]!, network: networks[index]! });
    }
    return nics;
  }
}
