import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { refusal } from '../command-line/errors.ts';
import type { Machine } from '../machine/machine.ts';
import { guestFolder } from './guest-disk.ts';
import { isWindowsGuest } from './guest-processes.ts';

const DRIVE = /^([A-Za-z]):[\\/](.*)$/s;

/** Paths of one guest, by its own rules, and the files that stand for them on this machine. */
export class GuestPaths {
  readonly isWindows: boolean;
  private readonly root: string;

  constructor(machine: Machine) {
    this.isWindows = isWindowsGuest(machine.configuration());
    this.root = guestFolder(machine);
  }

  /** The file on this machine; guest paths are absolute, and `..` is not resolved. */
  local(guestPath: string): string {
    const parts = this.partsOf(guestPath);
    if (parts.includes('..')) throw refusal('file-not-found');
    if (!this.isWindows) return join(this.root, ...parts);
    return parts.reduce((folder, name) => join(folder, sameName(folder, name) ?? name), this.root);
  }

  /** Throws unless the user may change what is at the path: root anything, others their home and the temporary folders. */
  requireWritable(guestPath: string, user: string): void {
    if (this.isWindows || user === 'root') return;
    const isOwn = [`/home/${user}/`, '/tmp/', '/var/tmp/'].some((folder) => guestPath.startsWith(folder));
    if (!isOwn) throw refusal('guest-permissions');
  }

  temporaryFolder(user: string): string {
    return this.isWindows ? `C:\\Users\\${user}\\AppData\\Local\\Temp` : '/tmp';
  }

  join(folder: string, name: string): string {
    return `${folder}${this.isWindows ? '\\' : '/'}${name}`;
  }

  private partsOf(guestPath: string): string[] {
    if (!this.isWindows) {
      if (!guestPath.startsWith('/')) throw refusal('invalid-parameter');
      return guestPath.split('/').filter((part) => part !== '' && part !== '.');
    }
    const drive = DRIVE.exec(guestPath);
    if (!drive) throw refusal('invalid-parameter');
    return [drive[1]!.toLowerCase(), ...drive[2]!.split(/[\\/]/).filter((part) => part !== '' && part !== '.')];
  }
}

function sameName(folder: string, name: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder).find((entry) => entry.toLowerCase() === name.toLowerCase());
}
