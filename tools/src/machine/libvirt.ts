import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandFailed, run } from './command.ts';
import { endProcess, isSameProcess, type ProcessIdentity } from './process-identity.ts';

const URI = 'qemu:///system';
/** Beside the daemon's own files, so that it is forgotten at a reboot as they are. */
const STATE = '/run/polyvirt';
const RECORD = join(STATE, 'libvirtd.started');

/** The storage pool that holds the disks of machines Polyvirt creates. */
export const POOL = { name: 'polyvirt', path: '/var/lib/libvirt/polyvirt' } as const;
/** The NAT network that libvirt brings along. */
export const NETWORK = 'default';

/** A libvirt daemon that answers. */
export interface Libvirt {
  readonly uri: string;
  /** `already`: it answered before we asked. `systemd`: we asked systemd. `us`: a daemon of our own, see {@link stopLibvirt}. */
  readonly startedBy: 'already' | 'systemd' | 'us';
}

/** Options of {@link ensureLibvirt}. */
export interface LibvirtOptions {
  /** Told what happens. */
  log: (line: string) => void;
}

/**
 * Makes sure that libvirt answers at qemu:///system, with an active `default` network and our storage pool. Takes
 * a fraction of a second when all is there. Needs the packages of purpose `kvm`.
 */
export async function ensureLibvirt({ log }: LibvirtOptions): Promise<Libvirt> {
  let startedBy: Libvirt['startedBy'] = 'already';
  if (!(await answers())) {
    startedBy = await start(log);
    await checkSpeed();
  }
  await ensureNetwork(log);
  await ensurePool(log);
  return { uri: URI, startedBy };
}

/** How libvirt is for the user of this process; changes nothing. Needs virsh to find that it answers. */
export async function stateOfLibvirt(): Promise<'answers' | 'startable' | 'forbidden' | 'away'> {
  if (await answers()) return 'answers';
  if (process.getuid?.() === 0) return 'startable';
  return (await isListening()) ? 'forbidden' : 'away';
}

/** Whether a daemon is behind its socket, also for somebody who may not open that. */
function isListening(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect('/run/libvirt/libvirt-sock');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EACCES'));
  });
}

/**
 * Stops the daemons that {@link ensureLibvirt} started here (in whichever process), and nothing else. Machines go on running,
 * with their network: the next daemon finds them again. When none runs, the network and its DHCP server end too.
 */
export async function stopLibvirt(): Promise<void> {
  const daemons = await startedDaemons();
  if (daemons.length === 0) return;
  if ((await answers()) && (await virsh('list', '--name')).trim() === '') {
    await settle(
      async () => !includesLine(await virsh('net-list', '--name'), NETWORK),
      () => virsh('net-destroy', NETWORK),
    );
  }
  // Before they end, so that nobody takes that for a misfortune.
  await rm(RECORD, { force: true });
  // libvirtd first: it writes through virtlogd to its end.
  for (const daemon of daemons.reverse()) await endProcess(daemon, 30_000);
}

/** A daemon that {@link ensureLibvirt} started here. */
export type Daemon = ProcessIdentity & { readonly name: string };

/** The daemons of ours that still run, in the order they were started. */
export async function startedDaemons(): Promise<Daemon[]> {
  return (await recordedDaemons()).filter(isSameProcess);
}

/** Those that have ended, though nobody has stopped them. */
export async function lostDaemons(): Promise<Daemon[]> {
  return (await recordedDaemons()).filter((daemon) => !isSameProcess(daemon));
}

async function recordedDaemons(): Promise<Daemon[]> {
  const text = await readFile(RECORD, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', pid = '', startedAt] = line.split(' ');
      return { name, pid: Number(pid), ...(startedAt !== undefined && { startedAt }) };
    });
}

async function virsh(...args: string[]): Promise<string> {
  return await run('virsh', ['-q', '-c', URI, ...args], { timeoutMs: 120_000 });
}

/** Whether libvirt answers to us. */
export async function answers(timeoutMs = 10_000): Promise<boolean> {
  try {
    await run('virsh', ['-q', '-c', URI, 'uri'], { timeoutMs });
    return true;
  } catch {
    // Not running, or not for us: starting it tells which.
    return false;
  }
}

/** Whether one of our daemons answers, each in its own protocol. Where the program that asks it is missing, nothing is said against it. */
export async function daemonAnswers({ name }: Daemon, timeoutMs: number): Promise<boolean> {
  if (name !== 'virtlogd') return answers(timeoutMs);
  try {
    await run('virt-admin', ['-q', '-c', 'virtlogd:///system', 'srv-list'], { timeoutMs });
    return true;
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  }
}

async function start(log: (line: string) => void): Promise<Libvirt['startedBy']> {
  if (process.getuid?.() !== 0) {
    throw new Error('libvirt does not answer at qemu:///system. Start it first: sudo systemctl start libvirtd');
  }
  if (existsSync('/run/systemd/system')) {
    log('starting libvirtd through systemd');
    await run('systemctl', ['start', 'libvirtd.service']);
    return 'systemd';
  }
  const kvm = await kvmIsReal();
  log(kvm ? 'starting libvirtd' : 'starting libvirtd without /dev/kvm: this CPU shows neither vmx nor svm');
  await startDaemons(kvm);
  return 'us';
}

/** Starts those that do not run, as root. */
export async function startDaemons(isKvmReal?: boolean): Promise<void> {
  const kvm = isKvmReal ?? (await kvmIsReal());
  const script = join(import.meta.dirname, '../../machine/start-libvirtd.sh');
  await mkdir(STATE, { recursive: true });
  // Closed before the script runs (-o), or the daemons would inherit the lock and hold it for ever.
  await run('flock', ['-o', '-w', '60', join(STATE, 'lock'), 'sh', script, kvm ? 'keep' : 'hide', RECORD], {
    timeoutMs: 120_000,
  });
}

/** Cloud machines may carry a /dev/kvm that starts guests and then hangs them; only the CPU's own word is believed. */
async function kvmIsReal(): Promise<boolean> {
  const cpu = await readFile('/proc/cpuinfo', 'utf8');
  return /^flags\s*:.*\b(vmx|svm)\b/m.test(cpu);
}

/** A define asks for the same thing, but this leaves no trace. */
async function checkSpeed(): Promise<void> {
  await virsh('domcapabilities', '--virttype', 'qemu');
  const begin = Date.now();
  await virsh('domcapabilities', '--virttype', 'qemu');
  const seconds = (Date.now() - begin) / 1000;
  if (seconds > 5) {
    throw new Error(
      `libvirt probes QEMU again for every request (${seconds.toFixed(0)} s each): is /dev/kvm accessible for one of the two users, root and libvirt-qemu, and not for the other?`,
    );
  }
}

async function ensureNetwork(log: (line: string) => void): Promise<void> {
  const listed = async (...filter: string[]) => includesLine(await virsh('net-list', '--name', ...filter), NETWORK);
  await settle(
    () => listed('--all'),
    () => {
      log(`defining the network ${NETWORK}`);
      return define('net-define', networkXml());
    },
  );
  await settle(
    () => listed(),
    () => startNetwork(log),
  );
  await settle(
    () => listed('--all', '--autostart'),
    () => virsh('net-autostart', NETWORK),
  );
}

async function startNetwork(log: (line: string) => void): Promise<void> {
  log(`starting the network ${NETWORK}`);
  try {
    await virsh('net-start', NETWORK);
  } catch (error) {
    // A machine that is itself a guest of libvirt often has the very subnet of the network as its own.
    if (!(error instanceof CommandFailed) || !error.message.includes('already in use by interface')) throw error;
    log(`the subnet of the network ${NETWORK} is in use here; giving it another one`);
    await define('net-define', networkXml((await virsh('net-uuid', NETWORK)).trim()));
    await virsh('net-start', NETWORK);
  }
}

async function ensurePool(log: (line: string) => void): Promise<void> {
  const listed = async (...filter: string[]) => includesLine(await virsh('pool-list', '--name', ...filter), POOL.name);
  await settle(
    () => listed('--all'),
    () => {
      log(`defining the storage pool ${POOL.name} in ${POOL.path}`);
      return define(
        'pool-define',
        `<pool type='dir'><name>${POOL.name}</name><target><path>${POOL.path}</path></target></pool>`,
      );
    },
  );
  // A directory pool cannot start without its directory, which the daemon makes for those who may not.
  await mkdir(POOL.path, { recursive: true, mode: 0o711 }).catch(() => virsh('pool-build', POOL.name));
  await settle(
    () => listed(),
    () => virsh('pool-start', POOL.name),
  );
  await settle(
    () => listed('--all', '--autostart'),
    () => virsh('pool-autostart', POOL.name),
  );
}

/** Acts unless all is well. Another process may do the same at the same time, so a failure counts only when it is still not well. */
async function settle(isWell: () => Promise<boolean>, act: () => Promise<unknown>): Promise<void> {
  if (await isWell()) return;
  try {
    await act();
  } catch (error) {
    if (!(await isWell())) throw error;
  }
}

function includesLine(text: string, wanted: string): boolean {
  return text.split('\n').some((line) => line.trim() === wanted);
}

async function define(command: 'net-define' | 'pool-define', xml: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'polyvirt-define-'));
  const file = join(folder, 'definition.xml');
  try {
    await writeFile(file, xml);
    await virsh(command, file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** libvirt's own choice is 192.168.122.0/24; inside another virtual machine the outer network often has it already. */
function networkXml(uuid?: string): string {
  const taken = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map((address) => address.address);
  const third = [122, 124, 126, 128].find((n) => !taken.some((address) => address.startsWith(`192.168.${n}.`)));
  if (third === undefined)
    throw new Error('No free subnet for the network "default"; define one by hand with virsh net-define.');
  const mac = ['52', '54', '00', ...randomBytes(3).toString('hex').match(/../g)!].join(':');
  return `<network>
  <name>${NETWORK}</name>${uuid === undefined ? '' : `<uuid>${uuid}</uuid>`}
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='${mac}'/>
  <ip address='192.168.${third}.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.${third}.2' end='192.168.${third}.254'/></dhcp>
  </ip>
</network>`;
}
