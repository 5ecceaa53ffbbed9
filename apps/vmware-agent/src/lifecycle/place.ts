import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { OperationId } from '@polyvirt/contracts';

/** In the place of an operation that there is none of yet. */
export const PLANNED = 'planned';

const LONGEST_SLUG = 48;
const ID_DIGITS = 12;

/** Where a machine is made. */
export interface Place {
  readonly folder: string;
  readonly vmx: string;
  /** Name of its files without their endings. */
  readonly stem: string;
}

/**
 * The folder of a machine that an operation makes: the same however often it is repeated, and nobody else's. Its name is
 * plain ASCII, as a folder must be legal on every system and in every code page; the real name is in the .vmx file.
 */
export function placeOf(vmFolder: string, name: string, operationId: OperationId): Place {
  const stem = slugOf(name);
  const folder = join(vmFolder, `${stem}-${operationId.replaceAll('-', '').slice(-ID_DIGITS)}`);
  return { folder, stem, vmx: join(folder, `${stem}.vmx`) };
}

/** The readable part of a name; `vm` when there is none. */
export function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .slice(0, LONGEST_SLUG)
    .replace(/^[.-]+|[.-]+$/g, '');
  return slug === '' ? 'vm' : slug;
}

/**
 * MAC addresses for the adapters of a machine, from the range that VMware keeps for addresses given by hand. They come
 * from the operation; one that is in use is passed over.
 */
export function macsOf(operationId: OperationId, count: number, taken: ReadonlySet<string>): string[] {
  const macs: string[] = [];
  for (let attempt = 0; macs.length < count; attempt += 1) {
    const [a, b, c] = createHash('sha256').update(`${operationId}/nic/${attempt}`).digest();
    const tail = [a! & 0x3f, b!, c!].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const mac = `00:50:56:${tail}`;
    if (!taken.has(mac) && !macs.includes(mac)) macs.push(mac);
  }
  return macs;
}
