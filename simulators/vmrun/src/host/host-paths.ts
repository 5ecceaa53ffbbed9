import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join, posix, relative, resolve, sep, win32 } from 'node:path';

const DRIVE_PATH = /^([A-Za-z]):(?:[\\/]+(.*))?$/s;

/**
 * Paths as the imitated platform spells them, and where they are on this machine. With Windows style a drive letter is a
 * folder of this machine and names ignore case; a path of this machine itself is understood too.
 */
export class HostPaths {
  private readonly style: 'linux' | 'windows';
  private readonly drives: Map<string, string>;
  private readonly drivesFolder: string;

  constructor(style: 'linux' | 'windows', drives: Record<string, string>, drivesFolder: string) {
    this.style = style;
    this.drives = new Map(Object.entries(drives).map(([letter, folder]) => [letter[0]!.toLowerCase(), folder]));
    this.drivesFolder = drivesFolder;
  }

  get isWindows(): boolean {
    return this.style === 'windows';
  }

  /** The path on this machine. Relative paths start at `from`, itself a path on this machine. */
  local(shown: string, from = process.cwd()): string {
    if (!this.isWindows) return resolve(from, shown);
    const drive = DRIVE_PATH.exec(shown);
    if (drive) return this.ignoringCase(this.driveFolder(drive[1]!), drive[2] ?? '');
    const slashed = shown.replaceAll('\\', '/');
    return posix.isAbsolute(slashed) ? resolve(slashed) : this.ignoringCase(from, slashed);
  }

  /** The path as a user of the imitated platform knows it. */
  shown(local: string): string {
    if (!this.isWindows) return local;
    for (const [letter, folder] of this.allDrives()) {
      const inside = relative(folder, local);
      if (!inside.startsWith('..') && !isAbsolute(inside)) {
        return win32.join(`${letter.toUpperCase()}:\\`, inside.split(sep).join('\\'));
      }
    }
    return local;
  }

  isAbsolute(shown: string): boolean {
    return isAbsolute(shown) || (this.isWindows && DRIVE_PATH.test(shown));
  }

  private driveFolder(letter: string): string {
    return this.drives.get(letter.toLowerCase()) ?? join(this.drivesFolder, letter.toLowerCase());
  }

  private *allDrives(): Generator<[string, string]> {
    yield* this.drives;
    const made = existsSync(this.drivesFolder) ? readdirSync(this.drivesFolder) : [];
    for (const letter of made) if (!this.drives.has(letter)) yield [letter, join(this.drivesFolder, letter)];
  }

  /** Follows names in any case as far as they exist; the rest is taken as spelled. */
  private ignoringCase(folder: string, rest: string): string {
    let path = folder;
    for (const name of rest.split(/[\\/]+/).filter((part) => part !== '' && part !== '.')) {
      const exact = join(path, name);
      path = name === '..' || existsSync(exact) ? exact : join(path, sameName(path, name) ?? name);
    }
    return path;
  }
}

function sameName(folder: string, name: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const wanted = name.toLowerCase();
  return readdirSync(folder).find((entry) => entry.toLowerCase() === wanted);
}
