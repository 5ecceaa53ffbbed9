import { createHash } from 'node:crypto';
import {
  nameKey,
  ProblemError,
  type Capacity,
  type Health,
  type HostLimits,
  type Image,
  type NativeId,
  type Network,
  type Template,
} from '@polyvirt/contracts';
import { derivedMac } from '../derived-mac.ts';
import { hostFiles, neededFiles } from './fake-files.ts';
import { FakeImageFiles } from './fake-image-files.ts';
import { newMachine, type FakeMachine, type FakeSnapshot, type FakeVolume } from './fake-machine.ts';
import { FakeStore, type Act } from './fake-store.ts';

export interface FakeHostOptions {
  /** JSON file that keeps the state beyond the life of the process; without it the state is in memory only. */
  readonly file?: string;
  /** How long a guest needs before it hears the power button and has an address. */
  readonly bootMs?: number;
  /** How long a guest takes to shut down. */
  readonly shutdownMs?: number;
  readonly storageGiB?: number;
  /** CPUs and memory of the host; 64 and 256 GiB without it. */
  readonly capacity?: Pick<Capacity, 'cpus' | 'memoryMiB'>;
  readonly limits?: HostLimits;
  readonly images?: readonly Image[];
  readonly networks?: readonly Network[];
  /** Names of VMs made at the start that can be named as `template`. */
  readonly templates?: readonly string[];
}

const defaultImages: readonly Image[] = [
  { name: 'tiny-linux', kind: 'disk', sizeGiB: 1, format: 'qcow2', path: '/fake/images/tiny-linux.qcow2' },
  { name: 'tiny-iso', kind: 'iso', sizeGiB: 0.1, format: 'iso', path: '/fake/images/tiny-iso.iso' },
];
const defaultNetworks: readonly Network[] = [
  {
    name: 'default',
    kind: 'nat',
    active: true,
    cidr: '10.77.0.0/16',
    gateway: '10.77.0.1',
    dhcp: true,
    fixedAddresses: true,
  },
  { name: 'isolated', kind: 'private', active: true, fixedAddresses: false },
];

/**
 * The hypervisor that `FakeDriver` drives. It refuses what real ones refuse, and no more: it neither looks before it acts
 * nor forgives a repeat. Tests also call it directly, as the other tool that changes a VM behind the driver's back.
 */
export class FakeHost {
  readonly capacity: Capacity;
  readonly limits: HostLimits;
  /** Images that it was given. */
  readonly imageFiles: FakeImageFiles;
  readonly #images: readonly Image[];
  readonly #networks: readonly Network[];
  readonly templates: Template[];
  readonly bootMs: number;
  readonly shutdownMs: number;
  readonly storageGiB: number;
  /** What probe finds; tests replace it. */
  health: Health = { status: 'healthy', detail: 'The fake host answers.' };

  readonly #timers = new Map<NativeId, NodeJS.Timeout>();
  readonly #store: FakeStore;

  constructor(options: FakeHostOptions = {}) {
    this.#images = options.images ?? defaultImages;
    this.imageFiles = new FakeImageFiles(options.file);
    this.#networks = options.networks ?? defaultNetworks;
    this.templates = (options.templates ?? ['tiny-template']).map((name) => ({
      nativeId: `template-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`,
      name,
      sizeGiB: 1,
    }));
    this.bootMs = options.bootMs ?? 20;
    this.shutdownMs = options.shutdownMs ?? 20;
    this.storageGiB = options.storageGiB ?? 1_000_000;
    this.capacity = { cpus: 64, memoryMiB: 262_144, ...options.capacity, storageGiB: this.storageGiB };
    this.limits = options.limits ?? {};
    this.#store = new FakeStore(options.file, (machine) => this.#arm(machine));
  }

  /** Everything the host was told to change, oldest first; the last 10,000. */
  get acts(): readonly Act[] {
    this.#store.refresh();
    return this.#store.acts;
  }

  /** Names and paths that somebody tried to make a second time: a driver that does so does not look before it acts. */
  get doubled(): readonly string[] {
    this.#store.refresh();
    return this.#store.doubled;
  }

  machines(): FakeMachine[] {
    this.#store.refresh();
    for (const machine of this.#store.machines.values()) this.#settle(machine);
    return [...this.#store.machines.values()];
  }

  find(nativeId: NativeId): FakeMachine | undefined {
    this.#store.refresh();
    const machine = this.#store.machines.get(nativeId);
    if (machine) this.#settle(machine);
    return machine;
  }

  findByName(name: string): FakeMachine | undefined {
    return this.machines().find((machine) => nameKey(machine.name) === nameKey(name));
  }

  volumes(): FakeVolume[] {
    this.#store.refresh();
    return [...this.#store.volumes.values()];
  }

  volume(path: string): FakeVolume | undefined {
    this.#store.refresh();
    return this.#store.volumes.get(path);
  }

  /** Those from the start that were not deleted, and those that it was given. */
  get images(): Image[] {
    this.#store.refresh();
    const { droppedImages } = this.#store;
    const left = this.#images.filter(({ name, kind }) => !droppedImages.has(`${kind} ${name}`));
    return [...left, ...this.imageFiles.list()];
  }

  dropImage(name: string, kind: Image['kind']): void {
    this.#store.change('delete-image', name, undefined, () => this.#store.droppedImages.add(`${kind} ${name}`));
  }

  /** Networks with the fixed addresses that machines have asked for. */
  get networks(): Network[] {
    const nics = this.machines().flatMap((machine) => machine.nics);
    return this.#networks.map((network) => ({
      ...network,
      ...(network.fixedAddresses && {
        reserved: nics.flatMap(({ network: of, mac, address }) =>
          of === network.name && address !== undefined ? [{ address, mac }] : [],
        ),
      }),
    }));
  }

  /** Names of the machines that need the volume. */
  usersOf(path: string): string[] {
    return this.machines()
      .filter((machine) => neededFiles(machine, this.#store.volumes).has(path))
      .map(({ name }) => name);
  }

  /** Every file of the host with the machines that need it. */
  files(): ReturnType<typeof hostFiles> {
    return hostFiles(this.machines(), this.#store.volumes);
  }

  /** Whatever is a layer over the volume, needed or not. */
  layersOver(path: string): FakeVolume[] {
    return this.volumes().filter(({ backing }) => backing === path);
  }

  define(machine: FakeMachine): void {
    this.#store.change('define', machine.name, machine.nativeId, () => {
      if (this.#store.machines.has(machine.nativeId)) this.#store.refuseTwin(machine.nativeId);
      for (const other of this.#store.machines.values())
        if (nameKey(other.name) === nameKey(machine.name)) this.#store.refuseTwin(machine.name);
      this.#store.machines.set(machine.nativeId, machine);
    });
  }

  undefine(nativeId: NativeId): void {
    const { name } = this.#known(nativeId);
    this.#store.change('undefine', name, nativeId, () => {
      this.#disarm(nativeId);
      this.#store.machines.delete(nativeId);
    });
  }

  editVolume(path: string, change: (volume: FakeVolume) => void): void {
    this.#store.change('edit-volume', path, undefined, () => {
      const volume = this.#store.volumes.get(path);
      if (volume) change(volume);
    });
  }

  createVolume(volume: FakeVolume): void {
    this.#store.change('create-volume', volume.path, undefined, () => {
      if (this.#store.volumes.has(volume.path)) this.#store.refuseTwin(volume.path);
      this.requireRoom([volume]);
      this.#store.volumes.set(volume.path, volume);
    });
  }

  /** Throws `insufficient-capacity` if volumes that are not there yet do not fit together. */
  requireRoom(volumes: readonly FakeVolume[]): void {
    const missing = volumes.filter(({ path, backing }) => backing === undefined && !this.volume(path));
    const wanted = missing.reduce((sum, { sizeGiB }) => sum + sizeGiB, 0);
    const used = this.#usedGiB();
    if (used + wanted > this.storageGiB)
      throw new ProblemError('insufficient-capacity', `${wanted} GiB do not fit beside ${used} GiB in use.`);
  }

  resizeVolume(path: string, sizeGiB: number): void {
    this.#store.change('resize-volume', path, undefined, () => {
      const volume = this.#store.volumes.get(path);
      if (!volume) throw new ProblemError('host-rejected', `There is no volume ${path}.`);
      volume.sizeGiB = sizeGiB;
    });
  }

  deleteVolume(path: string): void {
    this.#store.change('delete-volume', path, undefined, () => {
      if (!this.#store.volumes.delete(path)) throw new ProblemError('host-rejected', `There is no volume ${path}.`);
    });
  }

  powerOn(nativeId: NativeId): void {
    this.#power('power-on', nativeId, ['stopped', 'crashed'], (machine) => {
      if (machine.refusesStart !== undefined) throw new ProblemError('host-rejected', machine.refusesStart);
      machine.state = 'running';
      machine.poweredOnAt = Date.now();
    });
  }

  powerOff(nativeId: NativeId): void {
    this.#power('power-off', nativeId, ['running', 'paused', 'crashed', 'suspended'], (machine) => {
      this.dropSavedMemory(machine);
      this.#turnOff(machine);
    });
  }

  /** Asks the guest to shut down. One that has not booted yet, or a machine without a guest, does not hear it. */
  pressPowerButton(nativeId: NativeId): void {
    this.#power('press-power-button', nativeId, ['running'], (machine) => {
      if (!this.hasBooted(machine) || machine.offAt !== undefined) return;
      machine.offAt = Date.now() + this.shutdownMs;
      this.#arm(machine);
    });
  }

  reset(nativeId: NativeId): void {
    this.#power('reset', nativeId, ['running', 'paused'], (machine) => {
      machine.state = 'running';
      machine.poweredOnAt = Date.now();
      delete machine.offAt;
    });
  }

  freeze(nativeId: NativeId): void {
    this.#power('freeze', nativeId, ['running'], (machine) => (machine.state = 'paused'));
  }

  thaw(nativeId: NativeId): void {
    this.#power('thaw', nativeId, ['paused'], (machine) => (machine.state = 'running'));
  }

  save(nativeId: NativeId): void {
    this.#power('save', nativeId, ['running', 'paused'], (machine) => {
      machine.state = 'suspended';
      machine.savedMemory = `/fake/memory/${nativeId}`;
      this.#store.volumes.set(machine.savedMemory, { path: machine.savedMemory, sizeGiB: machine.memoryMiB / 1_024 });
    });
  }

  restore(nativeId: NativeId): void {
    this.#power('restore', nativeId, ['suspended'], (machine) => {
      machine.state = 'running';
      this.dropSavedMemory(machine);
    });
  }

  /** Throws the memory of a suspended machine away; part of another change. */
  dropSavedMemory(machine: FakeMachine): void {
    if (machine.savedMemory !== undefined) this.#store.volumes.delete(machine.savedMemory);
    delete machine.savedMemory;
  }

  /** The guest dies in an error. */
  crash(nativeId: NativeId): void {
    this.#power('crash', nativeId, ['running', 'paused'], (machine) => {
      machine.state = 'crashed';
      delete machine.poweredOnAt;
    });
  }

  rename(nativeId: NativeId, name: string): void {
    this.edit('rename', nativeId, (machine) => {
      for (const other of this.#store.machines.values())
        if (other !== machine && nameKey(other.name) === nameKey(name)) this.#store.refuseTwin(name);
      machine.name = name;
    });
  }

  addSnapshot(nativeId: NativeId, snapshot: FakeSnapshot): void {
    this.edit('snapshot', nativeId, (machine) => {
      if (machine.snapshots.some(({ id, name }) => id === snapshot.id || name === snapshot.name))
        this.#store.refuseTwin(`${machine.name}: ${snapshot.name}`);
      machine.snapshots.push(snapshot);
      machine.currentSnapshot = snapshot.id;
    });
  }

  /** Any other change of a machine, in one piece. */
  edit(act: string, nativeId: NativeId, change: (machine: FakeMachine) => void): void {
    const machine = this.#known(nativeId);
    this.#store.change(act, machine.name, nativeId, () => change(machine));
  }

  /** Whether its guest hears the power button and has an address. */
  hasBooted(machine: FakeMachine): boolean {
    return machine.bootable && machine.poweredOnAt !== undefined && Date.now() >= machine.poweredOnAt + this.bootMs;
  }

  /** Makes many machines at once, `<prefix>-00001` and on, half of them running. */
  populate(count: number, prefix = 'vm'): void {
    const now = Date.now();
    for (let number = 1; number <= count; number += 1) {
      const name = `${prefix}-${String(number).padStart(5, '0')}`;
      const path = `/fake/disks/${name}-vda`;
      this.#store.volumes.set(path, { path, sizeGiB: 10 });
      const running = number % 2 === 1;
      this.#store.machines.set(
        name,
        newMachine({
          nativeId: name,
          name,
          state: running ? 'running' : 'stopped',
          ...(running && { poweredOnAt: now }),
          cpus: 1 + (number % 4),
          memoryMiB: 512 * (1 + (number % 4)),
          firmware: 'bios',
          disks: [{ device: 'vda', path }],
          nics: [{ mac: derivedMac(name, 0), network: 'default' }],
          cdrom: null,
          bootable: true,
        }),
      );
    }
    this.#store.write();
    this.#store.tell('everything');
  }

  /** Tells of every change of a machine, made by whomever, until the answer is called. */
  onChange(listener: (change: NativeId | 'everything') => void): () => void {
    return this.#store.onChange(listener);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#store.close();
    this.imageFiles.close();
  }

  #known(nativeId: NativeId): FakeMachine {
    const machine = this.find(nativeId);
    if (!machine) throw new ProblemError('vm-not-found', `There is no VM ${nativeId} on this host.`);
    return machine;
  }

  #power(act: string, nativeId: NativeId, from: readonly string[], change: (machine: FakeMachine) => void): void {
    this.edit(act, nativeId, (machine) => {
      if (!from.includes(machine.state))
        throw new ProblemError('host-rejected', `The fake host cannot ${act} a machine that is ${machine.state}.`);
      change(machine);
    });
  }

  #turnOff(machine: FakeMachine): void {
    this.#disarm(machine.nativeId);
    delete machine.offAt;
    delete machine.poweredOnAt;
    machine.state = 'stopped';
    machine.cpus = machine.pending.cpus ?? machine.cpus;
    machine.memoryMiB = machine.pending.memoryMiB ?? machine.memoryMiB;
    if (machine.pending.bootOrder) machine.bootOrder = machine.pending.bootOrder;
    machine.pending = {};
  }

  #settle(machine: FakeMachine): void {
    if (machine.offAt === undefined || machine.offAt > Date.now()) return;
    this.#turnOff(machine);
    this.#store.write();
    this.#store.tell(machine.nativeId);
  }

  #arm(machine: FakeMachine): void {
    const { nativeId, offAt } = machine;
    if (offAt === undefined || this.#timers.has(nativeId)) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(nativeId);
        this.find(nativeId);
      },
      Math.max(0, offAt - Date.now()) + 1,
    );
    timer.unref();
    this.#timers.set(nativeId, timer);
  }

  #disarm(nativeId: NativeId): void {
    clearTimeout(this.#timers.get(nativeId));
    this.#timers.delete(nativeId);
  }

  #usedGiB(): number {
    let used = 0;
    for (const volume of this.#store.volumes.values()) if (volume.backing === undefined) used += volume.sizeGiB;
    return used;
  }
}
