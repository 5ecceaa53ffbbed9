import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { run } from '../machine/command.ts';
import { unpackPackages } from '../machine/packages.ts';
import { cpio, type Entry } from './cpio.ts';
import { writeDisk } from './disk.ts';
import { DRIVERS, moduleFiles } from './modules.ts';

const PACKAGE = join(import.meta.dirname, '../..');
const GUEST = join(PACKAGE, 'tiny-linux');
const RECIPE = join(PACKAGE, 'src/tiny-linux');

/** Debian's kernel for virtual machines: without the drivers of real hardware, and quick to unpack. */
const KERNEL = 'linux-image-cloud-amd64';
const AGENT = 'qemu-guest-agent';
const TOOLS = ['mtools', 'syslinux', 'syslinux-common', 'systemd-boot-efi', 'busybox-static'];

/**
 * Both consoles, the serial one last, as it becomes /dev/console. Most of the rest saves start time without hardware virtualisation:
 * no relocation of the kernel, no self-tests and no mitigations in a guest that keeps nothing. On a busy host ticks come late: a
 * kernel that checks its timer panics there, and a watchdog writes into what the console shows.
 */
const COMMAND_LINE = [
  'console=tty0',
  'console=ttyS0,115200',
  'quiet',
  'nokaslr',
  'mitigations=off',
  'audit=0',
  'apparmor=0',
  'cryptomgr.notests',
  'no_timer_check',
  'nowatchdog',
  'random.trust_cpu=on',
  'net.ifnames=0',
  'panic=5',
].join(' ');

const compress = promisify(zstdCompress);
const STRONG = { [constants.ZSTD_c_compressionLevel]: 15 };

/** Options of {@link ensureTinyLinux}. */
export interface TinyLinuxOptions {
  /** Where built images are kept from one call to the next. */
  cacheDir: string;
  /** Where the image is wanted: a file name that ends in `.qcow2`. */
  target: string;
  /** Told what happens. */
  log: (line: string) => void;
}

/**
 * Makes sure that the guest image tiny-linux exists at `target` and resolves with that path. It is built from
 * Debian packages when this version of it was never built here. Needs apt-get and qemu-img, but no root.
 */
export async function ensureTinyLinux({ cacheDir, target, log }: TinyLinuxOptions): Promise<string> {
  const key = await inputsHash();
  const cached = join(cacheDir, `tiny-linux-${key}.qcow2`);
  if (!existsSync(cached)) {
    log('building the guest image tiny-linux');
    await mkdir(cacheDir, { recursive: true });
    await atomically(cached, (file) => buildImage(file, log));
  }
  const [wanted, present] = await Promise.all([stat(cached), stat(target).catch(() => undefined)]);
  // Built images never change, so the same size and time are the same image.
  if (present?.size !== wanted.size || present.mtimeMs < wanted.mtimeMs) {
    await mkdir(dirname(target), { recursive: true });
    await atomically(target, (file) => copyFile(cached, file));
  }
  return target;
}

/** What the image depends on that is ours: the guest's files and the way it is built. Newer packages alone are no reason to build again. */
async function inputsHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const root of [GUEST, RECIPE]) {
    for (const file of await filesBelow(root)) {
      if (/\.md$|\.spec\.ts$|\.libvirt\.ts$/.test(file)) continue;
      hash
        .update(`${relative(PACKAGE, file)}\0`)
        .update(await readFile(file))
        .update('\0');
    }
  }
  return hash.digest('hex').slice(0, 12);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function atomically(file: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}.new`;
  try {
    await write(temporary);
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function buildImage(image: string, log: (line: string) => void): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'polyvirt-tiny-linux-'));
  try {
    const root = join(work, 'root');
    const debs = join(work, 'debs');
    await mkdir(debs);
    // apt-get downloads as an unprivileged user where it can.
    await chmod(work, 0o755);
    await chmod(debs, 0o777);
    const [kernel, libraries] = await Promise.all([kernelPackage(), librariesOf(AGENT)]);
    const packages = [kernel, AGENT, ...libraries, ...TOOLS];
    log(`downloading ${packages.length} Debian packages`);
    await unpackPackages(packages, debs, root);

    const release = kernel.replace('linux-image-', '');
    const initramfs = join(work, 'initramfs');
    // Firmware reads a disk slowly, the kernel unpacks this fast.
    await writeFile(initramfs, await compress(cpio(await rootEntries(root, release)), { params: STRONG }));

    const boot = join(work, 'boot');
    await mkdir(boot);
    for (const name of await readdir(join(GUEST, 'boot'))) {
      const text = await readFile(join(GUEST, 'boot', name), 'utf8');
      await writeFile(join(boot, name), text.replace('@CMDLINE@', COMMAND_LINE));
    }
    const files = [
      { path: 'vmlinuz', source: join(root, 'boot', `vmlinuz-${release}`) },
      { path: 'initramfs', source: initramfs },
      { path: 'syslinux.cfg', source: join(boot, 'syslinux.cfg') },
      { path: 'EFI/BOOT/BOOTX64.EFI', source: join(root, 'usr/lib/systemd/boot/efi/systemd-bootx64.efi') },
      { path: 'loader/loader.conf', source: join(boot, 'loader.conf') },
      { path: 'loader/entries/tiny-linux.conf', source: join(boot, 'tiny-linux.conf') },
    ];
    const sizes = await Promise.all(files.map(async ({ source }) => (await stat(source)).size));
    const sizeMiB = Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1024 / 1024) + 4;

    const raw = join(work, 'disk.raw');
    const path = [join(root, 'usr/bin'), process.env['PATH']].join(':');
    await writeDisk(raw, sizeMiB, files, { root, env: { PATH: path, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1' } });
    // Compressed clusters are unpacked by QEMU on the host, which is much quicker than the guest could.
    await run('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, image]);
    log(`built tiny-linux: ${((await stat(image)).size / 1024 / 1024).toFixed(1)} MiB, kernel ${release}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The package that holds the kernel itself: the well-known name is an empty one that depends on it. */
async function kernelPackage(): Promise<string> {
  const depends = await run('apt-cache', ['depends', KERNEL]);
  const name = /^ +Depends: (linux-image-\S+)$/m.exec(depends)?.[1];
  if (name === undefined)
    throw new Error(`apt knows no package ${KERNEL}; run "apt-get update" on a Debian machine first`);
  return name;
}

async function librariesOf(name: string): Promise<string[]> {
  const only = ['--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances'];
  const text = await run('apt-cache', ['depends', '--recurse', ...only, name]);
  return [...new Set(text.split('\n'))].filter((line) => /^lib\S+$/.test(line));
}

/** Everything the guest's root holds. */
async function rootEntries(root: string, release: string): Promise<Entry[]> {
  const busybox = join(root, 'usr/bin/busybox');
  const entries: Entry[] = [
    ...[
      'bin',
      'sbin',
      'dev',
      'etc',
      'lib64',
      'proc',
      'root',
      'run',
      'sys',
      'tmp',
      'usr',
      'usr/bin',
      'usr/sbin',
      'var',
    ].map(directory),
    { path: 'dev/console', kind: 'device', major: 5, minor: 1 },
    { path: 'init', kind: 'link', target: 'bin/busybox' },
    { path: 'var/run', kind: 'link', target: '../run' },
    file('bin/busybox', await readFile(busybox), true),
  ];
  const own = new Set<string>();
  for (const source of (await filesBelow(GUEST)).filter((path) => !path.endsWith('.md'))) {
    const path = relative(GUEST, source);
    if (path.startsWith('boot/')) continue;
    own.add(path);
    entries.push(...parents(path, entries));
    entries.push(file(path, await readFile(source), ((await stat(source)).mode & 0o100) !== 0));
  }
  for (const applet of (await run(busybox, ['--list-full'])).trim().split('\n')) {
    if (applet === 'bin/busybox' || own.has(applet)) continue;
    entries.push(...parents(applet, entries), { path: applet, kind: 'link', target: '/bin/busybox' });
  }
  entries.push(...(await moduleEntries(root, release, busybox, entries)));
  entries.push(...(await agentEntries(root)));
  return entries;
}

async function moduleEntries(root: string, release: string, busybox: string, present: Entry[]): Promise<Entry[]> {
  const folder = join(root, 'usr/lib/modules', release);
  await run(busybox, ['depmod', '-b', root, release]);
  const slim = join(root, 'slim');
  for (const path of await moduleFiles(folder, DRIVERS)) {
    const copy = join(slim, 'lib/modules', release, path);
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(join(folder, path), copy);
    // Newer releases compress each module, which only makes them slow to load from an image that is compressed itself.
    if (copy.endsWith('.xz')) await run(busybox, ['unxz', copy]);
  }
  // Once more, for the few that the image carries: the guest reads these tables at every start.
  await run(busybox, ['depmod', '-b', slim, release]);

  const entries: Entry[] = [];
  for (const source of await filesBelow(slim)) {
    const path = relative(slim, source);
    entries.push(...parents(path, [...present, ...entries]), file(path, await readFile(source), false));
  }
  return entries;
}

/** The guest agent and the shared libraries it needs, as its own dynamic linker finds them. */
async function agentEntries(root: string): Promise<Entry[]> {
  const libraryFolder = join(root, 'usr/lib/x86_64-linux-gnu');
  const linker = join(libraryFolder, 'ld-linux-x86-64.so.2');
  const agent = join(root, 'usr/sbin/qemu-ga');
  const listing = await run(linker, ['--list', '--library-path', libraryFolder, agent]);
  const libraries = [...listing.matchAll(/=> (\S+) \(/g)].map((match) => match[1] as string);
  return [
    file('usr/sbin/qemu-ga', await readFile(agent), true),
    // Where every program of this architecture looks for its linker, and where Debian's linker looks for libraries.
    file('lib64/ld-linux-x86-64.so.2', await readFile(linker), true),
    directory('lib/x86_64-linux-gnu'),
    ...(await Promise.all(
      libraries
        .filter((path) => !basename(path).startsWith('ld-linux'))
        .map(async (path) => file(`lib/x86_64-linux-gnu/${basename(path)}`, await readFile(path), true)),
    )),
  ];
}

function directory(path: string): Entry {
  return { path, kind: 'directory' };
}

function file(path: string, content: Buffer, executable: boolean): Entry {
  return { path, kind: 'file', content, executable };
}

/** The folders above `path` that are not among `present` yet. */
function parents(path: string, present: readonly Entry[]): Entry[] {
  const known = new Set(present.map((entry) => entry.path));
  const parts = path.split('/').slice(0, -1);
  return parts
    .map((_, index) => parts.slice(0, index + 1).join('/'))
    .filter((folder) => !known.has(folder))
    .map(directory);
}
