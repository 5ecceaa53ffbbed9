import type { NativeId } from '@polyvirt/contracts';
import type { HypervisorDriver } from '../driver.ts';

/** What another tool of the hypervisor does behind the driver's back: virsh, vmrun, Prism's own console. */
export interface OtherTool {
  /** Makes a VM without disks that is off, and that a driver must be able to start; answers its native id. */
  make(name: string): Promise<NativeId>;
  /** Renames a VM that is off. */
  rename(nativeId: NativeId, name: string): Promise<void>;
  /** Pulls the plug. */
  powerOff(nativeId: NativeId): Promise<void>;
  /** Removes a VM that is off. */
  remove(nativeId: NativeId): Promise<void>;
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
  /** A template of the host, or why there is none. */
  readonly template: string | { readonly none: string };
  /** Memory that the guest of the image needs; at least 32. */
  readonly memoryMiB: number;
  /** Resolves when the guest of a running VM from the image hears the power button. */
  guestReady(nativeId: NativeId): Promise<void>;
  readonly otherTool: OtherTool;
  /** Names of whatever exists on the host of the suite's making: VMs, disks, seeds, folders. */
  leftovers(): Promise<string[]>;
  /** Removes all of it. */
  clean(): Promise<void>;
  close(): Promise<void>;
}
