import { ProblemError } from '@polyvirt/contracts';
import { isMissing } from '../vmx/dictionary-file.ts';

const owner = 'It must run as the user who owns the VM folder.';
const byErrno: Readonly<Record<string, (path: string) => string>> = {
  EACCES: (path) => `The agent may not read ${path}. ${owner}`,
  EPERM: (path) => `The agent may not read ${path}. ${owner}`,
  ELOOP: (path) => `${path} is a symbolic link that leads to itself. Mend or remove the link.`,
};

/** Whether a file cannot be read, or what is in it not understood. Anything else that fails is a fault of ours. */
export const isUnreadable = (error: unknown): boolean =>
  error instanceof ProblemError ||
  error instanceof SyntaxError ||
  isMissing(error) ||
  typeof (error as NodeJS.ErrnoException).errno === 'number';

/** Something is there and cannot be read now; what is missing, leads to itself, or is no file of VMware's, hides nothing. */
export const isOutOfReach = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && code !== 'ELOOP' && !isMissing(error);
};

/** For who handles that a file cannot be read. Throws anything else. */
export function unlessUnreadable(error: unknown): void {
  if (!isUnreadable(error)) throw error;
}

/** What a look at a file answers, or undefined when it cannot be read. */
export async function orUnreadable<Result>(look: Promise<Result>): Promise<Result | undefined> {
  try {
    return await look;
  } catch (error) {
    unlessUnreadable(error);
    return undefined;
  }
}

/** A sentence: what cannot be read at a path, and what would help. */
export function whyUnreadable(path: string, error: unknown): string {
  if (error instanceof ProblemError) return error.message;
  const { code, path: at = path } = error as NodeJS.ErrnoException;
  if (code === undefined) return `${path} cannot be read: ${(error as Error).message.replace(/\.$/, '')}.`;
  return (
    byErrno[code]?.(at) ?? `${at} cannot be read (${code}). Look at the disk or the network share that it lies on.`
  );
}
