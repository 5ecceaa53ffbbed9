import { execFile } from 'node:child_process';
import { lstat, rename, rm } from 'node:fs/promises';
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

/** The path of the firmware variables of a machine, which no renaming changes. */
export const nvramPath = (uuid: string): string => join(NVRAM, `${uuid}_VARS.fd`);

export const tpmFolder = (uuid: string): string => join(TPM, uuid);

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
   * Copies the firmware variables and the TPM of a machine that is off for its clone. Answers the path for the definition of
   * the clone, and what could not be copied.
   */
  async copy(xml: string, uuid: string): Promise<{ nvram: string | null; notes: string[] }> {
    const domain = child(parseXml(xml), 'domain');
    const nvram = await this.#nvram(domain);
    const { local } = this.#storage.files;
    const notes: string[] = [];
    if (nvram.kind === 'file' && local) await this.#copyIfThere(nvram.path, nvramPath(uuid));
    else if (nvram.kind !== 'none') notes.push(notCopied('firmware variables'));
    if (hasTpm(domain) && local) await this.#copyIfThere(tpmFolder(uuidOf(domain)), tpmFolder(uuid));
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
    const isPflash = attribute(os, 'firmware') === 'efi' || attribute(loader, 'type') === 'pflash';
    if (!isPflash || attribute(loader, 'stateless') === 'yes') return { kind: 'none' };
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
      await run('cp', ['-a', '--', source, partial]);
      await rm(target, { recursive: true, force: true });
      await rename(partial, target);
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

/** Whether libvirt keeps the state of a TPM for the machine. */
export const hasTpm = (domain: Xml | undefined): boolean =>
  children(child(domain, 'devices'), 'tpm').some((tpm) => attribute(child(tpm, 'backend'), 'type') === 'emulator');

/** Also of a file that we may not see: only one that is certainly not there needs no copy. */
const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
  );
