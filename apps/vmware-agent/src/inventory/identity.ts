import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import type { NativeId } from '@polyvirt/contracts';
import { orMissing } from '../vmx/dictionary-file.ts';
import type { Platform } from '../vmrun/installation.ts';

/** One machine of the host: Workstation knows it by the path of its .vmx file, and so do we. */
export interface Machine {
  readonly nativeId: NativeId;
  /** Real path of the .vmx file. */
  readonly vmx: string;
}

const ID_DIGITS = 32;

/** How paths are compared: Windows ignores case and takes either slash. */
export const comparablePath = (path: string, platform: Platform): string =>
  platform === 'windows' ? path.replaceAll('\\', '/').toLowerCase() : path;

/**
 * The native id of the machine at a path. The UUIDs in the file are no identity: a copied folder has the same ones, and
 * a machine that was never started has none.
 */
export const nativeIdOf = (vmx: string, platform: Platform): NativeId =>
  createHash('sha256').update(comparablePath(vmx, platform)).digest('hex').slice(0, ID_DIGITS);

export const machineAt = (vmx: string, platform: Platform): Machine => ({ nativeId: nativeIdOf(vmx, platform), vmx });

/** The machine behind a path in any spelling; undefined when there is no file. Throws the file system's error for others. */
export async function findMachine(path: string, platform: Platform): Promise<Machine | undefined> {
  const real = await orMissing(realpath(path));
  return real === undefined ? undefined : machineAt(real, platform);
}

/**
 * Finds the machine that a line of `vmrun list` means. Windows prints in a code page that may lack characters of the path,
 * so what is not ASCII is compared as "something".
 */
export function matchListed<Candidate extends { readonly vmx: string }>(
  line: string,
  candidates: readonly Candidate[],
  platform: Platform,
): Candidate | undefined {
  const wanted = comparablePath(line, platform);
  const exact = candidates.find(({ vmx }) => comparablePath(vmx, platform) === wanted);
  if (exact || platform !== 'windows') return exact;
  const blurred = blur(wanted);
  const similar = candidates.filter(({ vmx }) => blur(comparablePath(vmx, platform)) === blurred);
  return similar.length === 1 ? similar[0] : undefined;
}

/** Question marks stand for what the code page lacks; a path cannot have one. */
const blur = (path: string) => path.replace(/[^\x20-\x3e\x40-\x7e]+/g, '?');
