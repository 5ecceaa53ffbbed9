import { ProblemError } from '@polyvirt/contracts';

const owner = 'It must run as the user who owns the VM folder.';
const byErrno: Readonly<Record<string, (path: string) => string>> = {
  EACCES: (path) => `The agent may not read ${path}. ${owner}`,
  EPERM: (path) => `The agent may not read ${path}. ${owner}`,
  ELOOP: (path) => `${path} is a symbolic link that leads to itself. Mend or remove the link.`,
};

/** A sentence: what cannot be read at a path, and what would help. */
export function whyUnreadable(path: string, error: unknown): string {
  if (error instanceof ProblemError) return error.message;
  const { code, path: at = path } = error as NodeJS.ErrnoException;
  if (code === undefined) return `${path} cannot be read: ${(error as Error).message.replace(/\.$/, '')}.`;
  return (
    byErrno[code]?.(at) ?? `${at} cannot be read (${code}). Look at the disk or the network share that it lies on.`
  );
}
