import { lstat, open, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Begins the name of everything that is not finished. Found at the start, it is left over from a process that died. */
export const unfinished = '.unfinished-';

/** Writes a file that is not there yet, through to the disk. */
export async function writeDurably(path: string, content: string | Buffer, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(content);
    // What open makes of the mode depends on the umask of the process.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a file what it should be: after a crash it has the old content or the new. Does nothing when it is so already. */
export async function replaceDurably(path: string, content: string, mode: number): Promise<void> {
  if (await isSame(path, content, mode)) return;
  const next = join(dirname(path), unfinished + basename(path));
  await rm(next, { force: true });
  await writeDurably(next, content, mode);
  await rename(next, path);
  await syncFolder(dirname(path));
}

/** The same for a symbolic link. Throws `EEXIST` if something that is no link is in its place: that may be the only copy. */
export async function linkDurably(path: string, target: string): Promise<void> {
  // EINVAL: it is no link.
  const present = await readlink(path).catch(unless('ENOENT', 'EINVAL'));
  if (present === target) return;
  if (present === undefined && (await exists(path)))
    throw Object.assign(new Error(`${path} is no link`), { code: 'EEXIST' });
  const next = join(dirname(path), unfinished + basename(path));
  await rm(next, { force: true });
  await symlink(target, next);
  await rename(next, path);
  await syncFolder(dirname(path));
}

/** What cannot be looked at may be there. */
const exists = async (path: string): Promise<boolean> => (await lstat(path).catch(unless('ENOENT'))) !== undefined;

/** For who handles that a look at a file fails with one of these codes, by which nothing is there. Throws any other error. */
export const unless =
  (...codes: readonly string[]) =>
  (error: NodeJS.ErrnoException): undefined => {
    if (!codes.includes(error.code ?? '')) throw error;
  };

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder, and writes its names through by itself.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function isSame(path: string, content: string, mode: number): Promise<boolean> {
  try {
    const status = await lstat(path);
    const isPlain = status.isFile() && (process.platform === 'win32' || (status.mode & 0o777) === mode);
    return isPlain && status.size === Buffer.byteLength(content) && (await readFile(path, 'utf8')) === content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
