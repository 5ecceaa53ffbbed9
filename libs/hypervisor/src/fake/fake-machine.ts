import type { BootDevice, Firmware, NativeId, VmState } from '@polyvirt/contracts';

/** A disk of the fake host. A type, as it goes into the journal. */
export type FakeVolume = {
  path: string;
  sizeGiB: number;
  /** The volume or image it is a copy-on-write layer over. */
  backing?: string;
  /** The machine that it was made for. */
  madeFor?: NativeId;
  /** Its machine was deleted and it was kept because others are layers over it: it goes with the last of them. */
  orphan?: boolean;
};

export interface FakeNic {
  mac: string;
  network: string;
  /** The fixed address that was asked for. */
  address?: string;
  /** Whether its cable is out. */
  unplugged?: boolean;
}

/** What a snapshot brings back. */
export interface FakeHardware {
  cpus: number;
  memoryMiB: number;
  disks: { device: string; path: string }[];
  nics: FakeNic[];
}

export interface FakeSnapshot {
  id: string;
  name: string;
  description?: string;
  parent: string | null;
  memory: boolean;
  state: VmState;
  createdAt: string;
  hardware: FakeHardware;
  /** Sizes of the disks by path. */
  sizes: Record<string, number>;
}

export interface FakeMachine extends FakeHardware {
  nativeId: NativeId;
  name: string;
  state: VmState;
  firmware: Firmware;
  cdrom: string | null;
  /** Whether there is a drive also while nothing is in it. */
  hasDrive?: boolean;
  /** What it tries to boot from; the usual when absent. */
  bootOrder?: BootDevice[];
  template?: boolean;
  autostart?: boolean;
  /** Path of the cloud-init seed. */
  seed?: string;
  /** Path of the variables of UEFI firmware, made by native id. */
  nvram?: string;
  /** Path of the memory of a suspended machine. */
  savedMemory?: string;
  /** Whether a guest runs in it that hears the power button; a blank disk has none. */
  bootable: boolean;
  /** What the running machine could not take, for the next power-off. */
  pending: FakePending;
  snapshots: FakeSnapshot[];
  currentSnapshot: string | null;
  createdAt: string;
  /** Why it cannot be powered on; another tool has spoilt it. */
  refusesStart?: string;
  /** Why nobody can read it; another tool has spoilt it. */
  unreadable?: string;
  /** Epoch ms of the power-on; counters and the boot are reckoned from it. */
  poweredOnAt?: number;
  /** Epoch ms at which the guest will have shut down. */
  offAt?: number;
}

export interface FakePending {
  cpus?: number;
  memoryMiB?: number;
  bootOrder?: BootDevice[];
}

export const usualBootOrder: readonly BootDevice[] = ['disk', 'cdrom', 'network'];

/** What a machine is made from. */
export type NewMachine = Omit<FakeMachine, 'pending' | 'snapshots' | 'currentSnapshot' | 'createdAt'>;

export const newMachine = (facts: NewMachine): FakeMachine => ({
  ...facts,
  pending: {},
  snapshots: [],
  currentSnapshot: null,
  createdAt: new Date().toISOString(),
});
