import { DiskError } from '../disks/disk-error.ts';
import { Refusal, refusal, type ErrorName } from './errors.ts';

const BY_CODE: Record<string, ErrorName> = {
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EACCES: 'file-access',
  EPERM: 'file-access',
  EROFS: 'file-access',
  ENOENT: 'file-not-found',
  EEXIST: 'file-exists',
  ENOTDIR: 'file-error',
  EISDIR: 'file-error',
};

/** What the product prints for an error of this machine's files; anything else is a fault of the simulator. */
export function asRefusal(cause: unknown): Refusal {
  if (cause instanceof Refusal) return cause;
  if (cause instanceof DiskError) return new Refusal([`Error: ${cause.message}`]);
  const name = BY_CODE[(cause as NodeJS.ErrnoException).code ?? ''];
  if (name === undefined) throw cause;
  return refusal(name);
}
