import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, posix } from 'node:path';
import { readNamesBelow, type NameBelow } from './overlay-names.ts';
import { readQcow2Header, type Qcow2Header } from './qcow2-header.ts';

/** The major number of loop devices. https://www.kernel.org/doc/Documentation/admin-guide/devices.txt */
const LOOP = 7n;

/**
 * Files of the host as what they are and not as how their paths are spelt. Of a libvirt on another machine the paths are
 * all there is.
 */
export class HostFiles {
  /** Whether libvirt runs on this machine, so that its paths are ours. */
  readonly local: boolean;

  constructor({ local }: { local: boolean }) {
    this.local = local;
  }

  /** Equal for two paths exactly when they lead to one file or device, by links, mounts or loop devices. */
  async identity(path: string): Promise<string> {
    const spelt = posix.normalize(path);
    if (!this.local) return spelt;
    const stats = await stat(path, { bigint: true }).catch(() => undefined);
    if (stats?.isBlockDevice()) {
      const file = await loopFile(stats.rdev);
      return file === undefined ? `device ${stats.rdev}` : this.identity(file);
    }
    if (stats) return `${stats.dev}:${stats.ino}`;
    // It is not there, or not for us to see: its folder and its name are what can be compared.
    const folder = await stat(dirname(spelt), { bigint: true }).catch(() => undefined);
    return folder ? `${folder.dev}:${folder.ino}/${basename(spelt)}` : spelt;
  }

  async same(one: string, other: string): Promise<boolean> {
    return one === other || (await this.identity(one)) === (await this.identity(other));
  }

  /** The path without links in it. */
  async real(path: string): Promise<string> {
    return this.local ? realpath(path).catch(() => posix.normalize(path)) : posix.normalize(path);
  }

  /** False only for a file that is certainly not there. */
  async mayExist(path: string): Promise<boolean> {
    if (!this.local) return true;
    return stat(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    );
  }

  async isLink(path: string): Promise<boolean> {
    return (
      this.local &&
      lstat(path)
        .then((stats) => stats.isSymbolicLink())
        .catch(() => false)
    );
  }

  /** What an image names that is opened with it; undefined for one that we may not or cannot look into. */
  async namesBelow(path: string): Promise<readonly NameBelow[] | undefined> {
    return this.local ? readNamesBelow(path).catch(() => undefined) : undefined;
  }

  /** `other` is a file of another format, `unreadable` one that we may not or cannot look into. */
  async header(path: string): Promise<Qcow2Header | 'other' | 'unreadable'> {
    if (!this.local) return 'unreadable';
    return readQcow2Header(path).then(
      (header) => header ?? 'other',
      () => 'unreadable' as const,
    );
  }
}

async function loopFile(rdev: bigint): Promise<string | undefined> {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  if (major !== LOOP) return undefined;
  const path = await readFile(`/sys/dev/block/${major}:${minor}/loop/backing_file`, 'utf8').catch(() => '');
  return path.startsWith('/') ? path.trimEnd() : undefined;
}
