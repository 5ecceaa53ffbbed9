import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { Dictionary } from './dictionary.ts';

/** The largest that anybody has seen has some tens of KiB. */
const LARGEST_FILE = 16 * 2 ** 20;

/** Of a file that is not there: undefined. `hostEncoding` is what it is in if it does not say. */
export async function readDictionary(path: string, hostEncoding?: string): Promise<Dictionary | undefined> {
  const found = await orMissing(stat(path));
  if (!found) return undefined;
  // A pipe would be waited at for ever, and a disk with the wrong name be read whole.
  if (!found.isFile()) throw new SyntaxError(found.isDirectory() ? 'it is a folder' : 'it is no file');
  if (found.size > LARGEST_FILE) throw new SyntaxError('it is far too large for a file of settings');
  const bytes = await orMissing(readFile(path));
  return bytes && Dictionary.parse(bytes, hostEncoding);
}

/** Replaces the file in one step, so that nobody ever reads half of it; its mode stays. */
export async function writeDictionary(path: string, dictionary: Dictionary): Promise<void> {
  await replaceFile(path, dictionary.bytes());
}

export async function replaceFile(path: string, content: Buffer | string): Promise<void> {
  const mode = (await orMissing(stat(path)))?.mode;
  const beside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(beside, 'wx', mode ?? 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** Reads, changes, and writes back unless that left it as it was. Answers whether it wrote. */
export async function editDictionary(
  path: string,
  change: (dictionary: Dictionary) => void,
  hostEncoding?: string,
): Promise<boolean> {
  const before = await readFile(path);
  const dictionary = Dictionary.parse(before, hostEncoding);
  change(dictionary);
  const after = dictionary.bytes();
  if (after.equals(before)) return false;
  await replaceFile(path, after);
  return true;
}

/** What a look at the file system answers, or undefined when there is nothing at the path. */
export async function orMissing<Result>(look: Promise<Result>): Promise<Result | undefined> {
  try {
    return await look;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Nothing can be at a path with a name that is too long, or with a NUL in it. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'].includes((error as NodeJS.ErrnoException).code ?? '');
