import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { nameKey, ProblemError, type Disk, type DriverVm, type NativeId, type VmState } from '@polyvirt/contracts';
import { gibOf, isReadable, type ListedVm, type UnreadableVm } from '@polyvirt/hypervisor';
import { isLogged } from '../host/vm-log.ts';
import type { Leases } from '../network/leases.ts';
import { isoNameOf } from '../disks/image-library.ts';
import { beside, readVmdk, realPath, type Vmdk } from '../disks/vmdk.ts';
import { SnapshotTree } from '../snapshots/snapshot-tree.ts';
import { Dictionary } from '../vmx/dictionary.ts';
import { orMissing, readDictionary } from '../vmx/dictionary-file.ts';
import {
  cpusOf,
  demandWhole,
  disksOf,
  firmwareOf,
  guestOsOf,
  isEncrypted,
  memoryOf,
  nameOf,
  nicsOf,
  suspendFileOf,
} from '../vmx/hardware-reader.ts';
import { bootOrderOf, driveOf } from '../vmx/devices.ts';
import { isTemplate, ownKeys } from '../vmx/hardware-writer.ts';
import type { Platform } from '../vmrun/installation.ts';
import { isThere, type Discovery, type Survey } from './discovery.ts';
import { FileCache } from './file-cache.ts';
import type { Machine } from './identity.ts';
import { pendingOf, readPending } from './pending-changes.ts';
import { isKept } from '../lifecycle/kept-disks.ts';
import type { PowerOffWork } from './power-off-work.ts';
import type { Freshness, Running, RunningSet } from './running.ts';
import { orUnreadable, whyUnreadable } from './unreadable.ts';

/** Power-on writes the .vmx file first and is listed a moment later; so long a file counts as just written. */
const JUST_WRITTEN_MS = 5_000;
const LOOK_AGAIN_MS = 300;

/** Machines as the contract shows them. */
export class Machines {
  readonly #discovery: Discovery;
  readonly #running: Running;
  readonly #leases: Leases;
  readonly #imageFolder: string;
  readonly #powerOffWork: PowerOffWork;
  readonly #dictionaries: FileCache<Dictionary>;
  #encrypted: readonly string[] = [];
  readonly #disks = new FileCache((path) => readVmdk(path));

  constructor(parts: {
    discovery: Discovery;
    running: Running;
    leases: Leases;
    powerOffWork: PowerOffWork;
    /** Encoding of files that declare none and are no UTF-8. */
    codePage: string;
    imageFolder: string;
  }) {
    const { codePage } = parts;
    this.#dictionaries = new FileCache(async (path) => (await readDictionary(path, codePage)) ?? Dictionary.of({}));
    this.#discovery = parts.discovery;
    this.#running = parts.running;
    this.#leases = parts.leases;
    this.#imageFolder = parts.imageFolder;
    this.#powerOffWork = parts.powerOffWork;
  }

  async list(): Promise<ListedVm[]> {
    const running = await this.#running.list();
    const machines = await this.#discovery.scan(running.paths);
    await this.#leases.refresh();
    const shown = await Promise.all(machines.map((machine) => this.#show(machine, running, 'believed')));
    const vms = shown.filter((vm) => vm !== undefined);
    this.#encrypted = await this.#encryptedOf(machines, vms);
    return vms;
  }

  /** What the operator should know of the last listing. */
  notes(): string[] {
    const { skipped } = this.#discovery;
    const encrypted = this.#encrypted.join(', ');
    return [
      ...(skipped.length === 0 ? [] : [`Passed over in the folders of VMs: ${skipped.join(' ')}`]),
      ...(encrypted === ''
        ? []
        : [
            `Encrypted, so what their files do not tell is unknown: ${encrypted}. Remove the encryption in the Workstation window.`,
          ]),
    ];
  }

  async #encryptedOf(machines: readonly Machine[], vms: readonly ListedVm[]): Promise<string[]> {
    const names = new Map(vms.map(({ nativeId, name }) => [nativeId, name]));
    const found: string[] = [];
    for (const machine of machines) {
      const vmx = await orUnreadable(this.configuration(machine));
      if (vmx && isEncrypted(vmx)) found.push(names.get(machine.nativeId) ?? stemOf(machine.vmx));
    }
    return found;
  }

  async get(nativeId: NativeId): Promise<DriverVm> {
    const machine = await this.demand(nativeId);
    await this.#leases.refresh();
    const shown = await this.#show(machine, await this.#running.list(), 'fresh');
    if (!shown) throw notFound(nativeId);
    if (!isReadable(shown)) throw new ProblemError('host-rejected', shown.unreadable);
    return shown;
  }

  find(nativeId: NativeId): Promise<Machine | undefined> {
    return this.#discovery.find(nativeId, async () => (await this.#running.list('recent')).paths);
  }

  /** Throws `vm-not-found`. */
  async demand(nativeId: NativeId): Promise<Machine> {
    const machine = await this.find(nativeId);
    if (!machine) throw notFound(nativeId);
    return machine;
  }

  /** For a change: throws also when Workstation keeps the machine under a password. */
  async demandOpen(nativeId: NativeId): Promise<Machine> {
    const machine = await this.demand(nativeId);
    if (isEncrypted(await this.configuration(machine)))
      throw new ProblemError(
        'host-rejected',
        'It is encrypted, and this agent keeps no passwords of VMs. Use it in the Workstation window, or remove its encryption there.',
      );
    return machine;
  }

  /** Every machine of the host. */
  async all(): Promise<Machine[]> {
    return this.#discovery.scan((await this.#running.list('recent')).paths);
  }

  /** Those of them that were made templates. */
  async marked(): Promise<Machine[]> {
    const found: Machine[] = [];
    for (const machine of await this.all()) {
      const vmx = await orUnreadable(this.configuration(machine));
      if (vmx && isTemplate(vmx)) found.push(machine);
    }
    return found;
  }

  /** Whatever may need a file. The disks are those that are not kept for what stands on them: they go with that. */
  async survey(): Promise<Survey> {
    const found = await this.#discovery.survey((await this.#running.list('recent')).paths);
    const kept = await Promise.all(found.disks.map(async (path) => isKept(await realPath(path))));
    return { ...found, disks: found.disks.filter((_, at) => !kept[at]) };
  }

  get platform(): Platform {
    return this.#discovery.platform;
  }

  configuration({ vmx }: Machine): Promise<Dictionary> {
    return this.#dictionaries.read(vmx);
  }

  async snapshots({ vmx }: Machine): Promise<SnapshotTree> {
    const path = vmsdOf(vmx);
    // One that is there and cannot be read is not taken for none.
    return new SnapshotTree((await isThere(path)) ? await this.#dictionaries.read(path) : undefined);
  }

  disk(path: string): Promise<Vmdk> {
    return this.#disks.read(path);
  }

  /** Real paths of the disks that the configuration names. */
  async diskFiles(machine: Machine): Promise<{ device: string; path: string }[]> {
    const vmx = await this.configuration(machine);
    return disksOf(vmx).map(({ device, fileName }) => ({ device, path: beside(machine.vmx, fileName) }));
  }

  async state(machine: Machine, freshness: Freshness = 'fresh'): Promise<VmState> {
    return this.#stateOf(machine, await this.#running.list(freshness), freshness);
  }

  /** The same with whether it is a template. */
  async standing(machine: Machine): Promise<{ state: VmState; template: boolean }> {
    return { state: await this.state(machine), template: isTemplate(await this.configuration(machine)) };
  }

  /** By what was last heard, without asking. */
  isKnownPaused({ nativeId }: Machine): boolean {
    return this.#running.isKnownPaused(nativeId);
  }

  /** Whether it is on; unlike `state` it does not ask whether it is paused. */
  async isOn(machine: Machine, freshness: Freshness = 'fresh'): Promise<boolean> {
    const running = await this.#running.list(freshness);
    return running.has(machine) || (await this.#stateOf(machine, running, 'believed')) === 'running';
  }

  /** Name of a machine, also of one whose file does not say. */
  async nameOf(machine: Machine): Promise<string> {
    return nameOf(await this.configuration(machine)) ?? stemOf(machine.vmx);
  }

  /** The machine that has this name, if it is another one. */
  async #namesake(name: string, own: NativeId): Promise<Machine | undefined> {
    const wanted = nameKey(name);
    for (const machine of await this.all()) {
      if (machine.nativeId === own) continue;
      const pending = await orUnreadable(readPending(machine.vmx));
      // By the name that it is shown by.
      const names = [(await orUnreadable(this.nameOf(machine))) ?? stemOf(machine.vmx), pending?.name];
      if (names.some((one) => one !== undefined && nameKey(one) === wanted)) return machine;
    }
    return undefined;
  }

  /** Throws `name-taken`. */
  async demandFreeName(name: string, own: NativeId): Promise<void> {
    const namesake = await this.#namesake(name, own);
    if (namesake)
      throw new ProblemError('name-taken', `A VM called "${name}" is already on this host: ${namesake.nativeId}.`);
  }

  /** MAC addresses of the adapters of all other machines. */
  async takenMacs(own: Machine): Promise<Set<string>> {
    const taken = new Set<string>();
    for (const machine of await this.all()) {
      if (machine.nativeId === own.nativeId) continue;
      const vmx = await orUnreadable(this.configuration(machine));
      for (const { mac } of vmx ? nicsOf(vmx) : []) if (mac !== undefined) taken.add(mac);
    }
    return taken;
  }

  async #show(machine: Machine, running: RunningSet, freshness: Freshness | 'believed'): Promise<ListedVm | undefined> {
    try {
      demandWhole(await this.configuration(machine));
      const state = await this.#stateOf(machine, running, freshness);
      if (state === 'stopped') await this.#powerOffWork.finish(machine);
      return await this.#read(machine, state);
    } catch (error) {
      // What is gone is no VM; what is there and cannot be read is one.
      if (!(await isThere(machine.vmx))) return undefined;
      return unreadable(machine, error);
    }
  }

  async #read(machine: Machine, state: VmState): Promise<DriverVm> {
    const vmx = await this.configuration(machine);
    const isOn = state === 'running' || state === 'paused';
    const createdAt = timeOf(vmx.get(ownKeys.createdAt));
    const os = guestOsOf(vmx);
    const nics = nicsOf(vmx);
    const macs = nics.map(({ mac = '' }) => mac);
    const [cpus, memoryMiB, firmware] = [cpusOf(vmx), memoryOf(vmx), firmwareOf(vmx)];
    const cdrom = this.#showCdrom(machine, vmx);
    const bootOrder = bootOrderOf(vmx, firmware);
    const addresses = isOn ? this.#leases.addressesOf(machine.nativeId, macs) : [];
    const vm = {
      nativeId: machine.nativeId,
      name: nameOf(vmx) ?? stemOf(machine.vmx),
      state,
      ...(cpus !== undefined && { cpus }),
      ...(memoryMiB !== undefined && { memoryMiB }),
      ...(firmware !== undefined && { firmware }),
      disks: await this.#showDisks(machine),
      nics: nics.map(({ mac, network, connected }, index) => ({
        ...(mac !== undefined && { mac }),
        network,
        addresses: connected ? (addresses[index] ?? []) : [],
        connected,
      })),
      ...(cdrom !== undefined && { cdrom }),
      ...(bootOrder && { bootOrder }),
      template: isTemplate(vmx),
      ...(os !== undefined && { guest: { os, agent: false } }),
      snapshots: (await this.snapshots(machine)).shown(),
      ...(createdAt !== undefined && { createdAt }),
    };
    const pending = pendingOf(await readPending(machine.vmx), vm);
    return pending.length > 0 ? { ...vm, pendingChanges: pending } : vm;
  }

  #showCdrom(machine: Machine, vmx: Dictionary): string | null | undefined {
    const drive = driveOf(vmx);
    if (!drive || drive.fileName === null) return drive && null;
    return isoNameOf(this.#imageFolder, beside(machine.vmx, drive.fileName));
  }

  async #showDisks(machine: Machine): Promise<Disk[]> {
    const disks = await this.diskFiles(machine);
    return Promise.all(
      disks.map(async ({ device, path }) => {
        // Of a disk that cannot be read the size is not known; the machine has it all the same.
        const size = await orUnreadable(this.disk(path));
        return { device, ...(size && { sizeGiB: gibOf(size.bytes) }), path };
      }),
    );
  }

  async #stateOf(machine: Machine, running: RunningSet, freshness: Freshness | 'believed'): Promise<VmState> {
    if (running.has(machine)) return (await this.#running.isPaused(machine, freshness)) ? 'paused' : 'running';
    const vmx = await this.configuration(machine);
    const suspended = suspendFileOf(vmx);
    if (suspended !== undefined && (await isThere(beside(machine.vmx, suspended)))) {
      this.#running.noteOff(machine.nativeId);
      return 'suspended';
    }
    // Written when it goes on and when it goes off; neither it nor the list of VMs is the first to know.
    if (/^false$/i.test(vmx.get('cleanShutdown') ?? '')) return this.#crashedOrInBetween(machine);
    this.#running.noteOff(machine.nativeId);
    return 'stopped';
  }

  async #crashedOrInBetween(machine: Machine): Promise<VmState> {
    const written = await orMissing(stat(machine.vmx));
    const settled = (written?.mtimeMs ?? 0) + JUST_WRITTEN_MS;
    do {
      const [isListed, isLive] = [(await this.#running.list()).has(machine), await isLogged(machine.vmx)];
      if (isListed || isLive === true) return 'running';
      const vmx = await this.configuration(machine);
      if (!/^false$/i.test(vmx.get('cleanShutdown') ?? '')) return 'stopped';
      // Its process is seen to be gone: no need to wait for more evidence.
      if (isLive === false) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    } while (Date.now() < settled);
    this.#running.noteOff(machine.nativeId);
    return 'crashed';
  }
}

/** What somebody has written there that is no time is not known. */
const timeOf = (text: string | undefined): string | undefined =>
  text !== undefined && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : undefined;

export const folderOf = ({ vmx }: Machine): string => dirname(vmx);

export const stemOf = (vmx: string): string => vmx.replace(/^.*[\\/]/, '').replace(/\.vmx$/i, '');

export const vmsdOf = (vmx: string): string => vmx.replace(/\.vmx$/i, '.vmsd');

export const notFound = (nativeId: NativeId): ProblemError =>
  new ProblemError('vm-not-found', `There is no VM ${nativeId} on this host.`);

const unreadable = ({ nativeId, vmx }: Machine, error: unknown): UnreadableVm => ({
  nativeId,
  name: stemOf(vmx),
  unreadable: whyUnreadable(vmx, error),
});
