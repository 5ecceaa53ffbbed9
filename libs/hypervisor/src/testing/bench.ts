import type { Disruption, NativeId, VmState } from '@polyvirt/contracts';
import type { HypervisorDriver } from '../driver.ts';

/** What another tool of the hypervisor does behind the driver's back: virsh, vmrun, Prism's own console. */
export interface OtherTool {
  /** Makes a VM without disks that is off, and that a driver must be able to start; answers its native id. */
  make(name: string): Promise<NativeId>;
  /** Renames a VM that is off. */
  rename(nativeId: NativeId, name: string): Promise<void>;
  /**
   * Clones a VM that is off as such a tool does, so that the clone stands on the disks of its source where the product can have that.
   * Answers nothing for a VM that the tool does not clone; absent where no tool clones.
   */
  clone?(nativeId: NativeId, name: string): Promise<NativeId | undefined>;
  /** Pulls the plug. */
  powerOff(nativeId: NativeId): Promise<void>;
  /** Removes a VM that is off. */
  remove(nativeId: NativeId): Promise<void>;
  /** Every VM of the suite's making, as the product's own tool shows it: an independent look, past the driver. */
  see(): Promise<SeenVm[]>;
  /**
   * Makes a VM, off and without disks, and spoils it so that the product cannot give it or gives nonsense. `nativeId` is there
   * when the driver can know it. `mend` makes it a VM like any other.
   */
  makeUnreadable(name: string): Promise<{ readonly nativeId?: NativeId; mend(): Promise<void> }>;
  /** Spoils a VM that is off in the same way, so that nobody can see which files it needs; the answer mends it. */
  hide(nativeId: NativeId): Promise<() => Promise<void>>;
  /** Spoils a VM that is off so that the product refuses to start it, as when a disk is gone; the answer mends it. */
  refuseStart(nativeId: NativeId): Promise<() => Promise<void>>;
  /**
   * Saves the memory of a running VM so that it can go on from there, or says why no tool of the hypervisor can. On a host whose
   * driver cannot do it, another tool may have.
   */
  readonly suspend: ((nativeId: NativeId) => Promise<void>) | { readonly none: string };
  /** Lets a running VM end in an error, or says why that cannot be made to happen here. */
  readonly crash: ((nativeId: NativeId) => Promise<void>) | { readonly none: string };
}

export interface SeenVm {
  readonly nativeId: NativeId;
  readonly name: string;
  readonly state: VmState;
}

/** A file of the host that VMs are made of. */
export interface HostFile {
  /** As notes of operations spell it. */
  readonly path: string;
  /** VMs that need it: as their own, as a base below a disk, or for a snapshot. */
  readonly users: readonly NativeId[];
  /** Whether its users need it and it is not there. */
  readonly missing?: boolean;
}

/** One host with what the suite needs to put a driver to the test on it. */
export interface Bench {
  /** A new driver on the same host; called again wherever a process is said to have died. */
  open(): Promise<HypervisorDriver>;
  /** Every name the suite gives begins with it. */
  readonly prefix: string;
  /** A disk image of the host of at most 2 GiB; its guest shuts down when the power button is pressed. */
  readonly image: string;
  /** A CD-ROM image of the host. */
  readonly iso: string;
  /** A network of the host that gives guests an address. */
  readonly network: string;
  /** Addresses of the network that its DHCP server gives to nobody by itself; absent where the driver tells them. */
  readonly fixedAddresses?: { readonly from: string; readonly to: string };
  /** A template of the host, or why there is none. */
  readonly template: string | { readonly none: string };
  /** Memory that the guest of the image needs; at least 32. */
  readonly memoryMiB: number;
  /** Resolves when the guest of a running VM from the image hears the power button. */
  guestReady(nativeId: NativeId): Promise<void>;
  /**
   * Watches what a running VM suffers, past the driver: by the uptime of its guest, or by the history that the product keeps
   * of its power. The answer says what has come about since: `none`, `guest-restart` if it shut down in order, `power-cycle`.
   */
  readonly watchPower?: (nativeId: NativeId) => Promise<() => Promise<Disruption>>;
  readonly otherTool: OtherTool;
  /**
   * Every disk, seed, NVRAM, TPM and saved-memory file of the suite's making, as an independent look sees them: by stat and
   * qemu-img, by the state of a simulator; and every file that a VM of the suite needs and that is not there. Empty where the
   * host keeps no files that can be named.
   */
  files(): Promise<HostFile[]>;
  /** Names of whatever exists on the host of the suite's making: VMs, disks, seeds, folders. */
  leftovers(): Promise<string[]>;
  /** Removes all of it. */
  clean(): Promise<void>;
  close(): Promise<void>;
}
