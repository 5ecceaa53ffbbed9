import { join } from 'node:path';
import { compiler } from '../build.ts';
import { run } from '../machine/command.ts';
import { ensureLibvirt, type Libvirt } from '../machine/libvirt.ts';
import { ensurePackages, type Purpose } from '../machine/packages.ts';
import { imageCache, root } from '../places.ts';
import { bundler, webBundle } from '../web-bundle.ts';
import { ensureTinyLinux } from '../tiny-linux/build.ts';
import type { Layout } from './layout.ts';
import type { ServiceDefinition } from './services.ts';

export interface PrepareOptions {
  readonly layout: Layout;
  readonly services: readonly ServiceDefinition[];
  readonly install: boolean;
  readonly build: boolean;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Makes the machine ready: packages, libvirt, the guest image, and our own programs. Seconds when all is there. */
export async function prepare({
  layout,
  services,
  install,
  build,
  log,
  signal,
}: PrepareOptions): Promise<{ libvirt: Libvirt }> {
  const needs: readonly Purpose[] = ['nats', 'kvm'];
  await ensurePackages(needs, { install, log });
  signal.throwIfAborted();
  const outcomes = await Promise.allSettled([
    ensureLibvirt({ log }),
    ensureTinyLinux({ cacheDir: imageCache, target: join(layout.images, 'tiny-linux.qcow2'), log }),
    build ? buildChanged(services, log, signal) : undefined,
  ]);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  signal.throwIfAborted();
  const [libvirt] = outcomes;
  if (libvirt.status === 'rejected') throw libvirt.reason;
  return { libvirt: libvirt.value };
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
