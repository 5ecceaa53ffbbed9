import { randomBytes } from 'node:crypto';
import { Libvirt, type LibvirtOptions } from '../index.ts';

/** Connects to the daemon of this machine. Without one the tests fail: what they check cannot be checked otherwise. */
export async function connectReal(options: LibvirtOptions = {}): Promise<Libvirt> {
  try {
    return await Libvirt.connect(options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`These tests need a running libvirtd with QEMU on this machine: ${reason}`, { cause });
  }
}

/** A name that no other test, and no other run of this one, uses. */
export function uniqueName(what: string): string {
  return `nodelibvirt-${what}-${randomBytes(4).toString('hex')}`;
}
