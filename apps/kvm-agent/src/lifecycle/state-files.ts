import { execFile } from 'node:child_process';
import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { ProblemError } from '@polyvirt/contracts';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { DiskUsers } from '../storage/disk-users.ts';
import type { StoragePool } from '../storage/storage-pool.ts';
import { EditableXml } from '../xml-edit.ts';
import { attribute, child, children, parseXml, text, type Xml } from '../xml.ts';

const run = promisify(execFile);

/** Where qemu:///system keeps what it names by itself. */
const NVRAM = '/var/lib/libvirt/qemu/nvram';
const SAVED_MEMORY = '/var/lib/libvirt/qemu/save';
const TPM = '/var/lib/libvirt/swtpm';

/** The firmware variables of a machine: none, a file, or something that is no file. */
type Nvram =
  | { readonly kind: 'none' }
  /** `explicit` when the definition names it; otherwise libvirt takes it by the name of the machine at each start. */
  | { readonly kind: 'file'; readonly path: string; readonly explicit: boolean }
  | { readonly kind: 'elsewhere' };

/** A kind of state that a machine has beside its disks and that goes with them: with old disks it would be that of another time. */
export type StateKind = 'nvram' | 'tpm';

/** Where some of it is; there need not be any yet. */
export type StatePart = { readonly kind: StateKind; readonly path: string };

/** The path of the firmware variables of a machine, which no renaming changes. */
export const nvramPath = (uuid: string): string => join(NVRAM, `${uuid}_VARS.fd`);

export const tpmFolder = (uuid: string): string => join(TPM, uuid);

/** Copies of them as they were at a snapshot, named so that they are seen to be of that machine. `key` stands for the snapshot. */
const copyPaths: Readonly<Record<StateKind, (uuid: string, key: string) => string>> = {
  nvram: (uuid, key) => join(NVRAM, `${uuid}-snapshot-${key}_VARS.fd`),
  tpm: (uuid, key) => join(TPM, `${uuid}-snapshot-${key}`),
};

/**
 * What a machine is made of beside its definition and its disks: firmware variables, the state of a TPM, saved memory. libvirt
 * names some of it by the name of the machine, so that a renamed machine would lose it and the next of that name would find it.
 */
export class StateFiles {
  readonly #libvirt: Libvirt;
  readonly #storage: StoragePool;

  constructor(libvirt: Libvirt, storage: StoragePool) {
    this.#libvirt = libvirt;
    this.#storage = storage;
  }

  /** The files that are there, for a backup: also the memory of a machine that is suspended. */
  async of(xml: string): Promise<string[]> {
    const domain = child(parseXml(xml), 'domain');
    const nvram = await this.#nvram(domain);
    const candidates = [
      ...(nvram.kind === 'file' ? [nvram.path] : []),
      ...(hasTpm(domain) ? [join(tpmFolder(uuidOf(domain)), 'tpm2', 'tpm2-00.permall')] : []),
      join(SAVED_MEMORY, `${text(domain, 'name')}.save`),
    ];
    const there = await Promise.all(
      candidates.map((path) =>
        lstat(path).then(
          () => true,
          () => false,
        ),
      ),
    );
    return candidates.filter((_, index) => there[index]);
  }

  /** The file of the firmware variables, whether or not it has been made yet. */
  async nvramOf(xml: string): Promise<string | undefined> {
    const nvram = await this.#nvram(child(parseXml(xml), 'domain'));
    return nvram.kind === 'file' ? nvram.path : undefined;
  }

  /** What has to be as it was together with the disks. Throws `capability-missing` if it is in no file of this host. */
  async parts(xml: string): Promise<StatePart[]> {
    const domain = child(parseXml(xml), 'domain');
    const nvram = await this.#nvram(domain);
    if (nvram.kind === 'elsewhere')
      throw new ProblemError(
        'capability-missing',
        'The firmware variables of the VM are in no file of its host, so that no snapshot can hold them. Put them into a file with virsh edit.',
      );
    return [
      ...(nvram.kind === 'file' ? [{ kind: 'nvram', path: nvram.path } as const] : []),
      ...(hasTpm(domain) ? [{ kind: 'tpm', path: tpmFolder(uuidOf(domain)) } as const] : []),
    ];
  }

  /** Keeps a copy of it for a snapshot; answers where. What the machine does not have yet has none. */
  async keep(xml: string, uuid: string, key: string): Promise<StatePart[]> {
    const copies: StatePart[] = [];
    for (const { kind, path } of await this.parts(xml)) {
      const copy = copyPaths[kind](uuid, key);
      if (await this.#copyIfThere(path, copy)) copies.push({ kind, path: copy });
      // One of an attempt that was cut would pass for what is not there.
      else await rm(copy, { recursive: true, force: true });
    }
    return copies;
  }

  /** Makes it what it was when the copies were kept. The machine has to be off. */
  async bringBack(xml: string, copies: readonly StatePart[]): Promise<void> {
    for (const { kind, path } of await this.parts(xml)) {
      const copy = copies.find((one) => one.kind === kind);
      if (!copy) await rm(path, { recursive: true, force: true });
      else if (!(await this.#copyIfThere(copy.path, path)))
        throw new ProblemError('host-rejected', `${copy.path}, which the snapshot needs, is not there any more.`);
    }
  }

  /** Copies that were kept for the snapshots of a machine, or for the one that `key` stands for. */
  async keptFor(uuid: string, key = ''): Promise<string[]> {
    const names = await Promise.all(
      [NVRAM, TPM].map(async (folder) => {
        const all = await readdir(folder).catch(() => []);
        return all.filter((name) => name.startsWith(`${uuid}-snapshot-${key}`)).map((name) => join(folder, name));
      }),
    );
    return names.flat().sort();
  }

  async removeKept(paths: readonly string[]): Promise<void> {
    for (const path of paths) await rm(path, { recursive: true, force: true });
  }

  /** Sees to it that a machine that is off keeps its firmware variables when it is renamed. */
  async own(domain: Domain): Promise<void> {
    const xml = await domain.xml({ inactive: true, secure: true });
    const nvram = await this.#nvram(child(parseXml(xml), 'domain'));
    // A path that somebody chose follows no name.
    if (nvram.kind !== 'file' || (nvram.explicit && dirname(nvram.path) !== NVRAM)) return;
    const own = nvramPath(domain.uuid);
    if (nvram.path === own) return;
    const moved = await this.#copyIfThere(nvram.path, own).catch((error: unknown) => {
      // Not ours to read: it stays where it is, and is the machine's by its path from now on.
      if (error instanceof ProblemError) return undefined;
      throw error;
    });
    await this.#libvirt.domains.define(withNvram(xml, moved === undefined ? nvram.path : own));
    if (moved !== true) return;
    const others = await DiskUsers.read(this.#libvirt, this.#storage, domain.uuid);
    const isNeeded = (await others.of(nvram.path)).length > 0 || others.unseenOf(nvram.path).size > 0;
    if (!isNeeded) await rm(nvram.path, { force: true });
  }

  /**
   * Copies the firmware variables and the TPM of a machine that is off for its clone, or what was kept of them for the snapshot that
   * is cloned. Answers the path for the definition of the clone, and what could not be copied.
   */
  async copy(
    xml: string,
    uuid: string,
    kept?: readonly StatePart[],
  ): Promise<{ nvram: string | null; notes: string[] }> {
    const domain = child(parseXml(xml), 'domain');
    const nvram = await this.#nvram(domain);
    const { local } = this.#storage.files;
    const notes: string[] = [];
    const copy = async (kind: StateKind, own: string, target: string) => {
      const source = kept ? kept.find((one) => one.kind === kind)?.path : own;
      if (source !== undefined) await this.#copyIfThere(source, target);
    };
    if (nvram.kind === 'file' && local) await copy('nvram', nvram.path, nvramPath(uuid));
    else if (nvram.kind !== 'none') notes.push(notCopied('firmware variables'));
    if (hasTpm(domain) && local) await copy('tpm', tpmFolder(uuidOf(domain)), tpmFolder(uuid));
    else if (hasTpm(domain)) notes.push(notCopied('state of the TPM'));
    return { nvram: nvram.kind === 'none' ? null : nvramPath(uuid), notes };
  }

  /** Removes what was copied for a clone, unless libvirt has done so. */
  async removeCopies(uuid: string): Promise<void> {
    if (!this.#storage.files.local) return;
    for (const path of [nvramPath(uuid), tpmFolder(uuid)]) await rm(path, { recursive: true, force: true });
  }

  async #nvram(domain: Xml | undefined): Promise<Nvram> {
    const os = child(domain, 'os');
    const loader = child(os, 'loader');
    if (!hasFlash(domain) || attribute(loader, 'stateless') === 'yes') return { kind: 'none' };
    const nvram = child(os, 'nvram');
    const explicit = text(os, 'nvram')?.trim() || attribute(child(nvram, 'source'), 'file');
    if (explicit !== undefined && explicit !== '') return { kind: 'file', path: explicit, explicit: true };
    if (nvram && child(nvram, 'source')) return { kind: 'elsewhere' };
    const name = text(domain, 'name') ?? '';
    const candidates = ['fd', 'qcow2'].map((extension) => join(NVRAM, `${name}_VARS.${extension}`));
    for (const path of candidates) if (await isThere(path)) return { kind: 'file', path, explicit: false };
    return { kind: 'file', path: candidates[0]!, explicit: false };
  }

  /** With its owner and its mode. Whole or not at all; false when there is nothing to copy. */
  async #copyIfThere(source: string, target: string): Promise<boolean> {
    if (!this.#storage.files.local)
      throw new ProblemError(
        'host-rejected',
        `${source} can only be copied by an agent that runs beside libvirt. Run one there.`,
      );
    if (!(await isThere(source))) return false;
    const partial = `${target}.partial${extname(target)}`;
    try {
      await rm(partial, { recursive: true, force: true });
      // Without extended attributes: in those libvirt counts who uses the very file.
      await run('cp', ['-dR', '--preserve=mode,ownership,timestamps', '--', source, partial]);
      await flush(partial);
      // Only of a file the new one takes the place at once.
      if ((await lstat(partial)).isDirectory()) await rm(target, { recursive: true, force: true });
      await rename(partial, target);
      await flush(dirname(target), { within: false });
      return true;
    } catch (error) {
      await rm(partial, { recursive: true, force: true }).catch(() => {});
      throw new ProblemError(
        'host-rejected',
        `${source}, which holds state of the machine, cannot be copied. Run the agent as root, or give its user access to ${dirname(source)}.`,
        { cause: error },
      );
    }
  }
}

const notCopied = (what: string) =>
  `The ${what} of the source cannot be reached by the agent; the clone begins with fresh ones.`;

/** The same machine with its firmware variables in this file. */
export function withNvram(xml: string, path: string): string {
  const document = new EditableXml(xml);
  setNvram(document, path);
  return document.toString();
}

export function setNvram(document: EditableXml, path: string): void {
  const os = document.root.child('os');
  const nvram = os?.child('nvram') ?? os?.append('nvram');
  nvram?.removeAttribute('type');
  nvram?.setText(path);
}

const uuidOf = (domain: Xml | undefined) => (text(domain, 'uuid') ?? '').trim();

/** Whether the machine has a flash chip for its firmware, of which libvirt keeps nothing in a snapshot and so takes none. */
const hasFlash = (domain: Xml | undefined): boolean => {
  const os = child(domain, 'os');
  return attribute(os, 'firmware') === 'efi' || attribute(child(os, 'loader'), 'type') === 'pflash';
};

/** Whether the machine has state beside its disks that a snapshot has to hold, and one of libvirt does not. */
export function hasStateBeside(xml: string): boolean {
  const domain = child(parseXml(xml), 'domain');
  return hasFlash(domain) || hasTpm(domain);
}

/** Waits until a file, or a folder and what is in it, is on the disk. */
async function flush(path: string, { within = true }: { within?: boolean } = {}): Promise<void> {
  const names = within ? await readdir(path, { recursive: true }).catch(() => []) : [];
  for (const one of [...names.map((name) => join(path, name)), path]) {
    const file = await open(one);
    await file.sync().finally(() => file.close());
  }
}

/** Whether libvirt keeps the state of a TPM for the machine. */
export const hasTpm = (domain: Xml | undefined): boolean =>
  children(child(domain, 'devices'), 'tpm').some((tpm) => attribute(child(tpm, 'backend'), 'type') === 'emulator');

/** Also of a file that we may not see: only one that is certainly not there needs no copy. */
const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
