import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cannotOpen, refusal } from '../command-line/errors.ts';
import type { Dictionary } from '../dictionary/dictionary.ts';
import { editDictionary, readDictionary } from '../dictionary/dictionary-file.ts';
import type { Session } from '../host/session.ts';
import type { Knobs } from '../knobs/catalogue.ts';
import { disksOf } from './devices.ts';
import { LockFolder } from './lock-folder.ts';
import { findRun, type Run } from './run.ts';

/** A VM as one command has it before itself. */
export class Machine {
  readonly session: Session;
  /** The path as the caller spelled it; error messages repeat it. */
  readonly given: string;
  /** The real path on this machine. */
  readonly vmx: string;
  readonly knobs: Knobs;

  constructor(session: Session, given: string, vmx: string) {
    this.session = session;
    this.given = given;
    this.vmx = vmx;
    this.knobs = session.knobsOf(vmx);
  }

  get folder(): string {
    return dirname(this.vmx);
  }

  /** The .vmx file's name without its ending; companion files are named after it. */
  get name(): string {
    return basename(this.vmx).replace(/\.vmx$/i, '');
  }

  /** The path as `list` prints it. */
  get shown(): string {
    return this.session.paths.shown(this.vmx);
  }

  companion(ending: string): string {
    return join(this.folder, `${this.name}${ending}`);
  }

  /** A file named in the configuration, relative to the VM's folder. */
  file(fileName: string): string {
    return this.session.paths.local(fileName, this.folder);
  }

  configuration(): Dictionary {
    return readDictionary(this.vmx);
  }

  edit(change: (configuration: Dictionary) => void): void {
    editDictionary(this.vmx, change);
  }

  /** Disks of the current configuration, as paths on this machine. */
  diskPaths(configuration = this.configuration()): string[] {
    return disksOf(configuration).map((disk) => this.file(disk.fileName));
  }

  run(): Run | undefined {
    return findRun(this.session.registry, this.vmx);
  }

  /** The suspend file when the VM is suspended. */
  suspendFile(configuration = this.configuration()): string | undefined {
    const name = configuration.get('checkpoint.vmState');
    if (!name || !/\.vmss$/i.test(name)) return undefined;
    const path = this.file(name);
    return existsSync(path) ? path : undefined;
  }

  isEncrypted(configuration = this.configuration()): boolean {
    return this.knobs.vmPassword !== '' || configuration.get('encryption.keySafe') !== undefined;
  }

  /** True while a GUI has the VM open. */
  isOpenInGui(): boolean {
    if (this.knobs.openInGui === 'yes') return true;
    return new LockFolder(this.vmx).holders().some((holder) => holder.isAlive && isGui(holder.program));
  }
}

const isGui = (program: string) => /^vmware(\.exe)?$/.test(program);

/** Opens the VM or throws what the product prints when it cannot. */
export function openMachine(session: Session, given: string, password: string | undefined): Machine {
  const path = session.paths.local(given);
  if (!/\.vmx$/i.test(path)) throw cannotOpen(given, 'suffix');
  if (!existsSync(path) || statSync(path).isDirectory()) throw cannotOpen(given, 'missing');
  const machine = new Machine(session, given, realpathSync(path));
  const configuration = readConfiguration(machine);
  if (machine.isEncrypted(configuration)) {
    if (password === undefined) throw cannotOpen(given, 'password-required');
    if (password !== machine.knobs.vmPassword) throw cannotOpen(given, 'password-wrong');
  }
  return machine;
}

function readConfiguration(machine: Machine): Dictionary {
  const configuration = readable(machine);
  const isDuplicated = machine.knobs.duplicateKeys === 'refuse' && configuration.duplicates().length > 0;
  const isComplete = configuration.get('config.version') && configuration.get('virtualHW.version');
  if (isDuplicated || !isComplete || configuration.hasGarbage() || isBusyAfterSuspend(machine, configuration)) {
    throw cannotOpen(machine.given, 'configuration');
  }
  return configuration;
}

function readable(machine: Machine): Dictionary {
  try {
    return machine.configuration();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EACCES') throw refusal('host-permissions');
    throw cause;
  }
}

function isBusyAfterSuspend(machine: Machine, configuration: Dictionary): boolean {
  if (machine.knobs.suspendBusyMs <= 0) return false;
  const suspendFile = machine.suspendFile(configuration);
  if (suspendFile === undefined) return false;
  return machine.session.clock.now() - statSync(suspendFile).mtimeMs < machine.knobs.suspendBusyMs;
}
