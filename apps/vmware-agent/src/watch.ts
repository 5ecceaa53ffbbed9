import { watch as watchFolder, type FSWatcher } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Logger } from '@nestjs/common';
import type { NativeId } from '@polyvirt/contracts';
import { ChangeQueue, type Change, type WatchFacet } from '@polyvirt/hypervisor';
import type { GuestTools } from './guest.ts';
import { foldersBelow, MAKING_MARK, type Discovery } from './inventory/discovery.ts';
import { findMachine, machineAt } from './inventory/identity.ts';
import type { Running } from './inventory/running.ts';
import { orUnreadable } from './inventory/unreadable.ts';
import type { Leases } from './network/leases.ts';
import type { Vmrun } from './vmrun/vmrun.ts';

/** Files whose coming, going or change may change the record of a machine. What a running guest writes is none of them. */
const isTelling = (name: string, isRename: boolean) =>
  /\.(vmx|vmsd|vmss|lck|polyvirt\.json)$/i.test(name) || name === MAKING_MARK || (isRename && /\.log$/i.test(name));

/** vmrun's list lags behind what is written, so a machine is looked at again. */
const LOOK_AGAIN_MS = [700, 2_500] as const;
/** What no file tells: machines elsewhere, and crashes. */
const POLL_MS = 10_000;
const LEASE_EVERY_MS = 1_000;
/** Ages of a change at which Tools are asked for the address of a machine that no lease tells. */
const ASK_TOOLS_AT_MS = [5_000, 15_000, 40_000, 90_000, 180_000] as const;
const SETTLE_MS = 50;

interface Awaited {
  readonly since: number;
  asked: number;
}

const log = new Logger('VmWatch');

/** Changes of machines by the files of their folders; there is no event of Workstation's to listen to. */
export class VmWatch implements WatchFacet {
  readonly #vmrun: Vmrun;
  readonly #discovery: Discovery;
  readonly #running: Running;
  readonly #leases: Leases;
  readonly #guest: GuestTools;
  readonly #folders: readonly string[];
  readonly #inventoryFile: string;

  constructor(parts: {
    vmrun: Vmrun;
    discovery: Discovery;
    running: Running;
    leases: Leases;
    guest: GuestTools;
    folders: readonly string[];
    inventoryFile: string;
  }) {
    this.#vmrun = parts.vmrun;
    this.#discovery = parts.discovery;
    this.#running = parts.running;
    this.#leases = parts.leases;
    this.#guest = parts.guest;
    this.#folders = parts.folders;
    this.#inventoryFile = parts.inventoryFile;
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Change> {
    const watching = new Watching(this.#vmrun, this.#discovery, this.#folders, this.#inventoryFile);
    const { queue } = watching;
    const close = () => queue.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    const timers = [
      every(POLL_MS, () => this.#poll(watching)),
      every(LEASE_EVERY_MS, () => this.#lookForAddresses(watching, signal)),
    ];
    try {
      await watching.follow();
      // What happened before the watches stood.
      yield 'everything';
      yield* queue;
    } finally {
      signal.removeEventListener('abort', close);
      for (const timer of timers) clearInterval(timer);
      watching.end();
    }
  }

  async #poll(watching: Watching): Promise<void> {
    await watching.follow();
    const { paths } = await this.#running.list();
    for (const path of watching.differences(paths)) {
      const machine = await orUnreadable(findMachine(path, this.#vmrun.platform));
      watching.notice((machine ?? machineAt(path, this.#vmrun.platform)).nativeId);
    }
  }

  /** Nobody announces a lease; and of a network without a server of ours only Tools know. */
  async #lookForAddresses(watching: Watching, signal: AbortSignal): Promise<void> {
    const hasNewLeases = await this.#leases.refresh();
    const machines = new Map(this.#discovery.known().map((machine) => [machine.nativeId, machine]));
    for (const [nativeId, awaited] of watching.awaited) {
      const machine = machines.get(nativeId);
      const dueAt = ASK_TOOLS_AT_MS[awaited.asked];
      if (!machine || dueAt === undefined) {
        watching.awaited.delete(nativeId);
        continue;
      }
      const isDue = performance.now() - awaited.since > dueAt;
      if (!isDue && !hasNewLeases) continue;
      if (isDue) awaited.asked += 1;
      let isKnown = (await orUnreadable(this.#guest.lacksAddress(machine))) === false;
      if (isDue && !isKnown && (await this.#running.list()).has(machine))
        isKnown = (await this.#guest.askAddress(machine, signal)) !== undefined;
      if (!isKnown) continue;
      watching.awaited.delete(nativeId);
      watching.queue.push({ nativeId });
    }
  }
}

/** The watches of one listener. */
class Watching {
  readonly queue = new ChangeQueue();
  readonly awaited = new Map<NativeId, Awaited>();
  readonly #vmrun: Vmrun;
  readonly #discovery: Discovery;
  readonly #roots: readonly string[];
  readonly #inventoryFile: string;
  readonly #watches = new Map<string, FSWatcher>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #listed: ReadonlySet<string> | undefined;
  #settling: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #hasWarned = false;

  constructor(vmrun: Vmrun, discovery: Discovery, roots: readonly string[], inventoryFile: string) {
    this.#vmrun = vmrun;
    this.#discovery = discovery;
    this.#roots = roots;
    this.#inventoryFile = inventoryFile;
  }

  /** Watches the folders there are now, and tells of what came with new ones. */
  async follow(): Promise<void> {
    const below = await Promise.all(this.#roots.map((root) => foldersBelow(root)));
    const elsewhere = this.#discovery.known().map(({ vmx }) => dirname(vmx));
    const wanted = new Set([...below.flat(), ...elsewhere, dirname(this.#inventoryFile)]);
    if (this.#hasEnded) return;
    const isFirst = this.#watches.size === 0;
    for (const [folder, watch] of this.#watches)
      if (!wanted.has(folder)) {
        watch.close();
        this.#watches.delete(folder);
      }
    for (const folder of wanted) {
      if (this.#watches.has(folder) || !this.#watch(folder) || isFirst) continue;
      const names = (await orUnreadable(readdir(folder))) ?? [];
      for (const name of names) if (/\.vmx$/i.test(name)) await this.#noticeFile(join(folder, name));
    }
  }

  /** A machine may have changed. */
  notice(nativeId: NativeId): void {
    this.queue.push({ nativeId });
    for (const ms of LOOK_AGAIN_MS) this.#later(ms, () => this.queue.push({ nativeId }));
    this.awaited.set(nativeId, { since: performance.now(), asked: 0 });
  }

  /** Paths that came to the list of running VMs or went from it since it was last given; none the first time. */
  differences(paths: readonly string[]): string[] {
    const [before, now] = [this.#listed, new Set(paths)];
    this.#listed = now;
    if (!before) return [];
    return [...paths.filter((path) => !before.has(path)), ...[...before].filter((path) => !now.has(path))];
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#settling);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #watch(folder: string): boolean {
    try {
      const watch = watchFolder(folder, { persistent: false }, (kind, name) => this.#heard(folder, kind, name));
      watch.on('error', () => this.#settle());
      this.#watches.set(folder, watch);
      return true;
    } catch (error) {
      // The poll finds out; more folders than the system watches are a setting of the system.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !this.#hasWarned) {
        this.#hasWarned = true;
        log.warn(`Not every folder can be watched; changes may show late. ${(error as Error).message}`);
      }
      return false;
    }
  }

  #heard(folder: string, kind: string, name: string | null): void {
    if (this.#hasEnded) return;
    if (name === null || join(folder, name) === this.#inventoryFile) {
      this.queue.push('everything');
      return;
    }
    if (isTelling(name, kind === 'rename')) {
      if (/\.vmx$/i.test(name)) this.#begin(this.#noticeFile(join(folder, name)));
      for (const { vmx, nativeId } of this.#discovery.known()) if (dirname(vmx) === folder) this.notice(nativeId);
    }
    // A folder came or went, or a machine was finished in one.
    if (kind === 'rename' && (!basename(name).includes('.') || name === MAKING_MARK || !/\.\w{2,5}$/.test(name)))
      this.#settle();
    if (name === MAKING_MARK) this.#begin(this.#noticeFolder(folder));
  }

  async #noticeFolder(folder: string): Promise<void> {
    const names = (await orUnreadable(readdir(folder))) ?? [];
    for (const name of names) if (/\.vmx$/i.test(name)) await this.#noticeFile(join(folder, name));
  }

  async #noticeFile(vmx: string): Promise<void> {
    const { platform } = this.#vmrun;
    const machine = await orUnreadable(findMachine(vmx, platform));
    if (!this.#hasEnded) this.notice((machine ?? machineAt(vmx, platform)).nativeId);
  }

  /** Folders come in bursts. */
  #settle(): void {
    this.#settling ??= this.#later(SETTLE_MS, () => {
      this.#settling = undefined;
      for (const { vmx, nativeId } of this.#discovery.known())
        if (!this.#watches.has(dirname(vmx))) this.queue.push({ nativeId });
      this.#begin(this.follow());
    });
  }

  /** Nobody waits for it; the next poll makes up for what failed. */
  #begin(work: Promise<void>): void {
    work.catch((error: unknown) => log.warn(`Watching lags behind: ${String(error)}`));
  }

  #later(ms: number, work: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }
}

/** One after the other; what fails is tried again with the next beat. */
function every(ms: number, work: () => Promise<void>): NodeJS.Timeout {
  let isBusy = false;
  return setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    work()
      .catch((error: unknown) => log.debug(`A look at the host failed: ${String(error)}`))
      .finally(() => (isBusy = false));
  }, ms);
}
