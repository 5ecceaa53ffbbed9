import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Session } from '../host/session.ts';
import { keyOf } from '../machine/run.ts';
import type { Machine } from '../machine/machine.ts';
import { isWindowsGuest } from './guest-processes.ts';

const LINUX_FOLDERS = ['/bin', '/etc', '/home/user', '/root', '/sbin', '/tmp', '/usr/bin', '/var/tmp'];
const LINUX_PROGRAMS = ['true', 'false', 'sh', 'bash', 'sleep', 'echo', 'touch', 'mkdir', 'rm', 'cat'];
const LINUX_SYSTEM_PROGRAMS = ['poweroff', 'shutdown', 'reboot', 'halt'];
const WINDOWS_FOLDERS = ['/c/Users/user/AppData/Local/Temp', '/c/Windows/Temp'];
const WINDOWS_PROGRAMS = [
  '/c/Windows/System32/cmd.exe',
  '/c/Windows/System32/shutdown.exe',
  '/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe',
];

/**
 * The guest's files, as a folder of this machine. They belong to a virtual disk: a snapshot's or a clone's disk begins
 * with what its parent held.
 */
export function guestFolder(machine: Machine): string {
  const configuration = machine.configuration();
  const disk = machine.diskPaths(configuration)[0] ?? machine.vmx;
  const folder = folderOf(machine.session, disk);
  if (!existsSync(folder)) seed(folder, isWindowsGuest(configuration));
  return folder;
}

/** Gives a new disk the files of the disk it stands on or is copied from. */
export function inheritGuestFiles(session: Session, from: string, to: string): void {
  const source = folderOf(session, from);
  if (existsSync(source)) cpSync(source, folderOf(session, to), { recursive: true, force: true });
}

/** After a merge the parent holds what its child held. */
export function mergeGuestFiles(session: Session, child: string, parent: string): void {
  forgetGuestFiles(session, parent);
  inheritGuestFiles(session, child, parent);
  forgetGuestFiles(session, child);
}

export function forgetGuestFiles(session: Session, disk: string): void {
  rmSync(folderOf(session, disk), { recursive: true, force: true });
}

function folderOf(session: Session, disk: string): string {
  return session.registry.own('guests', keyOf(disk));
}

function seed(folder: string, isWindows: boolean): void {
  for (const path of isWindows ? WINDOWS_FOLDERS : LINUX_FOLDERS) mkdirSync(join(folder, path), { recursive: true });
  const programs = isWindows
    ? WINDOWS_PROGRAMS
    : [
        ...LINUX_PROGRAMS.flatMap((name) => [`/bin/${name}`, `/usr/bin/${name}`]),
        ...LINUX_SYSTEM_PROGRAMS.map((name) => `/sbin/${name}`),
      ];
  for (const program of programs) {
    mkdirSync(dirname(join(folder, program)), { recursive: true });
    writeFileSync(join(folder, program), '');
  }
  if (!isWindows) writeFileSync(join(folder, '/etc/hostname'), 'guest\n');
}
