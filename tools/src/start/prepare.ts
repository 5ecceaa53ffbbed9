import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compiler } from '../build.ts';
import { run } from '../machine/command.ts';
import { ensureLibvirt, type Libvirt } from '../machine/libvirt.ts';
import { ensurePackages, isDebianLike, isOnPath } from '../machine/packages.ts';
import { imageCache, root } from '../places.ts';
import { bundler, webBundle } from '../web-bundle.ts';
import { ensureTinyLinux } from '../tiny-linux/build.ts';
import type { Layout } from './layout.ts';
import type { Lack, Machine, Parts } from './parts.ts';
import type { ServiceDefinition } from './services.ts';

export interface PrepareOptions {
  readonly layout: Layout;
  readonly machine: Machine;
  readonly parts: Parts;
  readonly services: readonly ServiceDefinition[];
  readonly build: boolean;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Prepared {
  /** That of this machine, where it is ready. */
  readonly libvirt: Libvirt | undefined;
  /** What turned out not to work here. */
  readonly lacks: readonly Lack[];
}

/**
 * Makes the machine ready: packages, libvirt, the guest image, and our own programs. Seconds when all is there. Throws when the
 * broker or a program of ours cannot be had; what else cannot is told.
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { layout, machine, parts, services, build, log, signal } = options;
  if (machine.nats.is === 'installable') await ensurePackages(['nats'], { log });
  signal.throwIfAborted();
  const lacks: Lack[] = [];
  const unless = async <Result>(lack: (error: Error) => Lack, work: () => Promise<Result>) => {
    try {
      return await work();
    } catch (error) {
      lacks.push(lack(error as Error));
      return undefined;
    }
  };
  const mayHaveKvm = parts.localLibvirt && (await unless(lackOfKvm, () => installKvm(machine, log))) === true;
  signal.throwIfAborted();
  const outcomes = await Promise.allSettled([
    mayHaveKvm ? unless(lackOfKvm, () => ensureLibvirt({ log })) : undefined,
    unless(lackOfImage, () => guestImage(layout, log)),
    build ? buildChanged(services, log, signal) : undefined,
  ]);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  signal.throwIfAborted();
  const [libvirt] = outcomes;
  return { libvirt: libvirt.status === 'fulfilled' ? libvirt.value : undefined, lacks };
}

async function installKvm({ kvm }: Machine, log: (line: string) => void): Promise<true> {
  if (kvm.is === 'installable') await ensurePackages(['kvm'], { log });
  return true;
}

const lackOfKvm = ({ message }: Error): Lack => ({
  part: 'kvm',
  why: message,
  help: 'put that right and start again; npm start -- --hosts vmware,nutanix goes without',
});

const lackOfImage = ({ message }: Error): Lack => ({
  part: 'tiny-linux',
  why: `The guest image tiny-linux could not be built. ${message}`,
  help: 'add an image of your own: polyvirt images add, or the page of the host',
});

/** It is built from Debian's packages, once. */
async function guestImage(layout: Layout, log: (line: string) => void): Promise<void> {
  const target = join(layout.images, 'tiny-linux.qcow2');
  if (!((await isDebianLike()) && (await isOnPath('qemu-img')))) {
    if (existsSync(target)) return;
    throw new Error('It is made from packages of Debian or Ubuntu, with qemu-img.');
  }
  await ensureTinyLinux({ cacheDir: imageCache, target, log });
}

/** Builds what has changed since the last time, and nothing else. */
async function buildChanged(
  services: readonly ServiceDefinition[],
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { program, args } = compiler(services.flatMap(({ projects }) => projects));
  // When nothing has changed it is over before anybody wonders.
  const note = setTimeout(() => log('building what has changed; all of it takes about a minute'), 3_000);
  try {
    await run(process.execPath, [program, ...args], { cwd: root, timeoutMs: 15 * 60_000, signal });
    const bundle = await webBundle();
    if (!bundle.stale) return;
    const { program: vite, args: options } = bundler();
    await run(process.execPath, [vite, ...options], { cwd: root, timeoutMs: 10 * 60_000, signal });
    await bundle.built();
  } finally {
    clearTimeout(note);
  }
}
