import { readFile } from 'node:fs/promises';
import type { Libvirt } from '@polyvirt/node-libvirt';
import type { Acceleration } from './domain/domain-xml.ts';

export type AccelerationSetting = 'auto' | Acceleration;

export interface AccelerationChoice {
  readonly acceleration: Acceleration;
  /** A sentence for the operator. */
  readonly reason: string;
}

/**
 * Which accelerator new machines get. libvirt may list `kvm` on a cloud machine whose /dev/kvm hangs every stock guest, so
 * `auto` believes it only when the CPU shows the extension too.
 */
export class Accelerator {
  readonly #libvirt: Libvirt;
  readonly #setting: AccelerationSetting;
  #choice: AccelerationChoice | undefined;

  constructor(libvirt: Libvirt, setting: AccelerationSetting) {
    this.#libvirt = libvirt;
    this.#setting = setting;
  }

  async acceleration(): Promise<Acceleration> {
    return (await this.choose()).acceleration;
  }

  async choose(): Promise<AccelerationChoice> {
    return (this.#choice ??= await this.#decide());
  }

  async #decide(): Promise<AccelerationChoice> {
    if (this.#setting !== 'auto')
      return { acceleration: this.#setting, reason: `Acceleration is ${this.#setting}, as configured.` };
    const listed = /<domain type=['"]kvm['"]/.test(await this.#libvirt.host.capabilities());
    if (!listed)
      return { acceleration: 'qemu', reason: 'Guests run without hardware acceleration: libvirt does not offer kvm.' };
    const flags = /^flags\s*:(.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    const extension = /\b(vmx|svm)\b/.exec(flags)?.[1];
    return extension
      ? { acceleration: 'kvm', reason: `Guests run on kvm: libvirt offers it and the CPU shows ${extension}.` }
      : {
          acceleration: 'qemu',
          reason:
            'Guests run without hardware acceleration: libvirt offers kvm, but the CPU shows neither vmx nor svm.',
        };
  }
}
