import { constants } from 'node:fs';
import { access, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { CommandFailed, run } from './command.ts';

/** What a command of this repository needs from the system. */
export type Purpose = 'nats' | 'kvm' | 'iso' | 'database' | 'browser' | 'docker';

/** Whether what a purpose needs is there. */
export type Presence =
  | { readonly is: 'there' }
  /** This process may install it. */
  | { readonly is: 'installable' }
  /** Names of packages or programs; with the one command that installs them, where that is known. */
  | { readonly is: 'missing'; readonly names: readonly string[]; readonly command?: string };

interface Needs {
  /** Debian's and Ubuntu's packages. */
  packages: readonly string[];
  /** Their programs: how the need is recognised elsewhere. */
  programs: readonly string[];
  /** Whether the programs are all that is needed, wherever they come from. */
  programsSuffice?: true;
}

const NEEDS: Record<Purpose, Needs> = {
  nats: { packages: ['nats-server'], programs: ['nats-server'], programsSuffice: true },
  kvm: {
    // dnsmasq, iptables, ovmf and qemu-utils are only recommended by the others, and recommendations are not installed.
    packages: [
      'libvirt-daemon-system',
      'libvirt-clients',
      'libvirt-daemon-driver-qemu',
      'qemu-system-x86',
      'qemu-utils',
      'ovmf',
      'dnsmasq-base',
      'iptables',
      'iproute2',
    ],
    programs: ['libvirtd', 'virtlogd', 'virsh', 'qemu-system-x86_64', 'qemu-img', 'dnsmasq', 'iptables', 'ip'],
  },
  iso: { packages: ['xorriso'], programs: ['xorriso'] },
  database: { packages: ['mariadb-server'], programs: ['mariadbd', 'mariadb-install-db'] },
  browser: { packages: ['chromium'], programs: ['chromium'] },
  docker: {
    // tini is only recommended by docker.io, which needs it for containers that have an init.
    packages: ['docker.io', 'docker-compose', 'debootstrap', 'tini', 'iptables', 'iproute2'],
    programs: ['dockerd', 'docker', 'docker-compose', 'debootstrap', 'docker-init'],
  },
};

/** Something has to be installed first, and this process may not or cannot do it. The message names the one command. */
export class PackagesMissing extends Error {
  override readonly name = 'PackagesMissing';
}

/** Options of {@link ensurePackages}. */
export interface PackageOptions {
  /** May this process install? Default: yes. */
  install?: boolean | undefined;
  /** Told what happens. */
  log: (line: string) => void;
}

/** Installs what these purposes need and lack, with apt-get as root on Debian and Ubuntu; elsewhere throws {@link PackagesMissing}. */
export async function ensurePackages(purposes: readonly Purpose[], options: PackageOptions): Promise<void> {
  const apt = await isDebianLike();
  const missing = apt ? await missingPackages(purposes) : await missingPrograms(purposes);
  if (missing.length === 0) return;
  if (!apt) throw new PackagesMissing(`These programs are needed and not installed: ${missing.join(', ')}.`);

  if (!mayInstall(options)) {
    throw new PackagesMissing(`System packages are missing. Run this first:\n  ${installCommand(missing)}`);
  }
  options.log(`installing ${missing.join(', ')}`);
  await withoutStartingServices(async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['-q', 'update'], { env, timeoutMs: 5 * 60_000 });
    await run('apt-get', ['-q', 'install', '-y', '--no-install-recommends', ...missing], {
      env,
      timeoutMs: 20 * 60_000,
    });
  });
}

/** Looks for what a purpose needs, and changes nothing. */
export async function presenceOf(purpose: Purpose, { install }: Pick<PackageOptions, 'install'>): Promise<Presence> {
  const programs = await missingPrograms([purpose]);
  if (programs.length === 0 && NEEDS[purpose].programsSuffice) return { is: 'there' };
  const packages = (await isDebianLike()) ? await missingPackages([purpose]) : [];
  if (packages.length > 0 && mayInstall({ install })) return { is: 'installable' };
  if (programs.length === 0) return { is: 'there' };
  return packages.length > 0
    ? { is: 'missing', names: packages, command: installCommand(packages) }
    : { is: 'missing', names: programs };
}

const mayInstall = ({ install }: { install?: boolean | undefined }) => install !== false && process.getuid?.() === 0;

const installCommand = (packages: readonly string[]) =>
  `sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}'`;

/** Debian's names of the packages that are not installed. */
async function missingPackages(purposes: readonly Purpose[]): Promise<string[]> {
  const wanted = purposes.flatMap((purpose) => NEEDS[purpose].packages);
  if (wanted.length === 0) return [];
  const known = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n']);
  const installed = new Set(
    known
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return [...new Set(wanted)].filter((name) => !installed.has(name));
}

async function missingPrograms(purposes: readonly Purpose[]): Promise<string[]> {
  const wanted = [...new Set(purposes.flatMap((purpose) => NEEDS[purpose].programs))];
  const found = await Promise.all(wanted.map(isOnPath));
  return wanted.filter((_, index) => !found[index]);
}

/** Whether a program is on the PATH of this process, or where daemons are. */
export async function isOnPath(program: string): Promise<boolean> {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  // Daemons live in folders that an ordinary user's PATH often lacks.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
  for (const path of folders.flatMap((folder) => endings.map((ending) => join(folder, `${program}${ending}`)))) {
    try {
      await access(path, constants.X_OK);
      return true;
    } catch {
      // Not in this folder; the next may have it.
    }
  }
  return false;
}

export async function isDebianLike(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release);
}

/**
 * Debian starts a service as soon as its package is installed. Ours run on ports and folders of their own, so a system-wide
 * broker or database would only be in the way; policy-rc.d is Debian's switch for that.
 */
async function withoutStartingServices(work: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d';
  let ours = false;
  try {
    await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
    ours = true;
  } catch (error) {
    // The administrator has a policy already; it stays.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    await work();
  } finally {
    if (ours) await rm(policy, { force: true });
  }
}

/**
 * Downloads Debian packages without installing them and unpacks them into a folder, with `bin`, `lib` and the like below
 * `usr`, wherever the release has them. Needs no root.
 */
export async function unpackPackages(names: readonly string[], cacheDir: string, folder: string): Promise<void> {
  const download = () => run('apt-get', ['-q', 'download', ...names], { cwd: cacheDir, timeoutMs: 10 * 60_000 });
  try {
    await download();
  } catch (error) {
    // A fresh machine has no package lists yet, or lists that are too old for what the mirror still has.
    if (!(error instanceof CommandFailed) || process.getuid?.() !== 0) throw error;
    await run('apt-get', ['-q', 'update'], { timeoutMs: 5 * 60_000 });
    await download();
  }
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(folder, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, join(folder, name));
  }
  const files = await readdir(cacheDir);
  for (const name of names) {
    const file = files.find((candidate) => candidate.startsWith(`${name}_`) && candidate.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get downloaded no file for ${name}`);
    // dpkg-deb by itself would put folders where the links are.
    const unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"';
    await run('sh', ['-c', unpack, 'unpack', join(cacheDir, file), folder]);
  }
}
