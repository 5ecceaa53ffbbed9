import { ProblemError, type OperationId, type HardwareChange } from '@polyvirt/contracts';
import { allow, gibOf } from '@polyvirt/hypervisor';
import { noGrowthWithSnapshots } from '../absent-features.ts';
import { GIB } from '../disks/disk-tool.ts';
import { DiskUsers } from '../disks/disk-users.ts';
import { windowOf } from '../host/locks.ts';
import type { Machine } from '../inventory/identity.ts';
import type { Machines } from '../inventory/machines.ts';
import { readPending } from '../inventory/pending-changes.ts';
import { nameOf, nicsOf } from '../vmx/hardware-reader.ts';
import { MOST_NICS } from '../vmx/hardware-writer.ts';
import { demandDiskSize, demandMemory } from './creation.ts';
import type { HardwareRules } from './hardware-rules.ts';
import { macsOf } from './place.ts';

/** An adapter to add, with the address that was chosen for it. */
export type NewNic = { mac: string; network: string };

/** Whether a machine can be changed as asked, by its files and those of all others. */
export class ChangeRules {
  readonly #machines: Machines;
  readonly #hardware: HardwareRules;

  constructor(machines: Machines, hardware: HardwareRules) {
    this.#machines = machines;
    this.#hardware = hardware;
  }

  /** Throws what a change would end with. Changes nothing. */
  async check(
    machine: Machine,
    input: HardwareChange,
    operationId: OperationId,
  ): Promise<{ isOn: boolean; nics: NewNic[] }> {
    this.#hardware.requireFits(input);
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
