import { createHash } from 'node:crypto';

/**
 * The MAC address of an interface, the same however often it is asked for. The first byte says "locally administered" and
 * is the one QEMU uses; the others come from the owner, an operation or a machine, and the number of the interface.
 */
export function derivedMac(owner: string, index: number): string {
  const hex = createHash('sha256').update(`${owner}/nic/${index}`).digest('hex');
  return `52${hex.slice(0, 10)}`.match(/../g)!.join(':');
}
