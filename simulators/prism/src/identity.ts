import { createHash, randomUUID } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);
export const newUuid = (): string => randomUUID();

/** The same name always gives the same UUID, so that seed data can be quoted in documentation. */
export function stableUuid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  const variant = ((parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** FNV-1a, 32 bit: cheap, stable numbers drawn from a text. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Prefix of the addresses AHV gives out. Source: recorded traffic of pc.2024. */
const MAC_PREFIX = '50:6b:8d';

export function macFrom(text: string): string {
  const bytes = hash32(text).toString(16).padStart(8, '0');
  return `${MAC_PREFIX}:${bytes.slice(0, 2)}:${bytes.slice(2, 4)}:${bytes.slice(4, 6)}`;
}

export const ADMIN_UUID = '00000000-0000-0000-0000-000000000000';
