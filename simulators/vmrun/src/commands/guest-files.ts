import { randomInt } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { required, type Answer, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { GuestPaths } from '../guest/guest-paths.ts';
import { requireGuest } from '../guest/tools-state.ts';

type Kind = 'file' | 'directory' | undefined;

export const fileExists = (call: MachineCall): Promise<Answer> => existence(call, 'file');

export const directoryExists = (call: MachineCall): Promise<Answer> => existence(call, 'directory');

export async function deleteFile(call: MachineCall): Promise<void> {
  const path = await writable(call, 0);
  requireKind(path, 'file');
  rmSync(path);
}

export async function createDirectory(call: MachineCall): Promise<void> {
  const path = await writable(call, 0);
  if (kindOf(path)) throw refusal('file-exists');
  mkdirSync(path, { recursive: true });
}

export async function deleteDirectory(call: MachineCall): Promise<void> {
  const path = await writable(call, 0);
  requireKind(path, 'directory');
  rmSync(path, { recursive: true });
}

export async function listDirectory(call: MachineCall): Promise<string[]> {
  const path = (await guestOf(call)).local(required(call, 0));
  requireKind(path, 'directory');
  const names = readdirSync(path).sort();
  const header =
    call.machine.knobs.directoryListHeader === 'counted' ? `Directory list: ${names.length}` : 'Directory list';
  return [header, ...names];
}

export async function createTemporaryFile(call: MachineCall): Promise<string[]> {
  const paths = await guestOf(call);
  const folder = paths.temporaryFolder(call.flags.guestUser!);
  const path = paths.join(folder, `vmware${randomInt(100000, 999999)}`);
  mkdirSync(paths.local(folder), { recursive: true });
  writeFileSync(paths.local(path), '', { flag: 'wx' });
  return [path];
}

/** Overwrites files and merges folders. */
export async function copyFromHost(call: MachineCall): Promise<void> {
  const source = call.session.paths.local(required(call, 0));
  const target = await writable(call, 1);
  copy(source, target);
}

export async function copyToHost(call: MachineCall): Promise<void> {
  const source = (await guestOf(call)).local(required(call, 0));
  copy(source, call.session.paths.local(required(call, 1)));
}

export async function renameFile(call: MachineCall): Promise<void> {
  const [from, to] = [await writable(call, 0), await writable(call, 1)];
  if (!existsSync(from)) throw refusal('file-not-found');
  if (existsSync(to)) throw refusal('file-exists');
  if (!existsSync(dirname(to))) throw refusal('file-not-found');
  renameSync(from, to);
}

async function existence(call: MachineCall, kind: 'file' | 'directory'): Promise<Answer> {
  const path = (await guestOf(call)).local(required(call, 0));
  return kindOf(path) === kind
    ? { lines: [`The ${kind} exists.`] }
    : { lines: [`The ${kind} does not exist.`], exit: call.machine.knobs.missingFileExit };
}

async function guestOf(call: MachineCall): Promise<GuestPaths> {
  await requireGuest(call);
  return new GuestPaths(call.machine);
}

/** The guest path at a place of the parameters, as a file of this machine that the user may change. */
async function writable(call: MachineCall, index: number): Promise<string> {
  const guestPath = required(call, index);
  const paths = await guestOf(call);
  paths.requireWritable(guestPath, call.flags.guestUser!);
  return paths.local(guestPath);
}

function copy(source: string, target: string): void {
  if (!existsSync(source)) throw refusal('file-not-found');
  if (!existsSync(dirname(target))) throw refusal('file-not-found');
  cpSync(source, target, { recursive: true, force: true });
}

function requireKind(path: string, kind: 'file' | 'directory'): void {
  const found = kindOf(path);
  if (found === undefined) throw refusal('file-not-found');
  if (found !== kind) throw refusal(kind === 'file' ? 'not-a-file' : 'not-a-directory');
}

function kindOf(path: string): Kind {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return undefined;
  return status.isDirectory() ? 'directory' : 'file';
}
