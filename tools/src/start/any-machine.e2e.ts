import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, open, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from '../places.ts';

const TIMEOUT_MS = 300_000;
/** Nobody in particular: not in the group libvirt. */
const NOBODY = 65_534;

describe('npm start on a machine that cannot carry everything', () => {
  /** As PATH: what is in /usr/bin, but no virsh. */
  let bin: string;
  let dataDir: string;
  let running: ChildProcess | undefined;

  beforeAll(async () => {
    bin = await mkdtemp(join(tmpdir(), 'polyvirt-path-'));
    await chmod(bin, 0o755);
    for (const name of await readdir('/usr/bin')) {
      if (name !== 'virsh' && name !== 'nats-server') await symlink(join('/usr/bin', name), join(bin, name));
    }
    const nats = (process.env['PATH'] ?? '')
      .split(':')
      .concat('/usr/sbin')
      .map((folder) => join(folder, 'nats-server'))
      .find(existsSync)!;
    // Programs of Windows have an ending.
    for (const name of ['nats-server', 'nats-server.exe']) await symlink(nats, join(bin, name));
  });
  afterAll(() => rm(bin, { recursive: true }));
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'polyvirt-any-'));
    await chown(dataDir, NOBODY, NOBODY);
  });
  afterEach(async () => {
    if (running?.exitCode === null && running.signalCode === null) {
      const ended = new Promise((resolve) => running?.once('exit', resolve));
      running.kill('SIGTERM');
      await ended;
    }
    await rm(dataDir, { recursive: true });
  }, TIMEOUT_MS);

  interface Pretence {
    readonly platform?: string;
    readonly asNobody?: boolean;
    readonly path?: string;
    readonly args?: readonly string[];
  }
  const output = () => readFile(join(dataDir, 'output'), 'utf8');

  async function launch({ platform, asNobody, path, args = ['--port', '0'] }: Pretence): Promise<ChildProcess> {
    const file = await open(join(dataDir, 'output'), 'a');
    const pretend = `data:text/javascript,Object.defineProperty(process,"platform",{value:"${platform}"})`;
    const child = spawn(
      process.execPath,
      [
        ...(platform === undefined ? [] : ['--import', pretend]),
        join(root, 'tools/src/start.ts'),
        ...['--data-dir', join(dataDir, 'data'), '--no-build', '--no-install', ...args],
      ],
      {
        cwd: dataDir,
        env: { PATH: path ?? process.env['PATH'], HOME: dataDir },
        stdio: ['ignore', file.fd, file.fd],
        ...(asNobody && { uid: NOBODY, gid: NOBODY }),
      },
    );
    await file.close();
    running = child;
    return child;
  }

  async function ended(child: ChildProcess): Promise<number | null> {
    return child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)));
  }

  async function started(pretence: Pretence): Promise<{ processes: string[]; said: string }> {
    const child = await launch(pretence);
    const runFile = join(dataDir, 'data/run.json');
    while (!(existsSync(runFile) && (await output()).includes('Polyvirt is ready.'))) {
      if (child.exitCode !== null) throw new Error(`it has ended:\n${await output()}`);
      await delay(50);
    }
    const { url, processes } = JSON.parse(await readFile(runFile, 'utf8')) as {
      url: string;
      processes: Record<string, number>;
    };
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    return { processes: Object.keys(processes), said: await output() };
  }

  const always = ['nats-server', 'gateway', 'organizer'];
  const vmware = ['vmware-agent'];
  const nutanix = ['prism-simulator', 'nutanix-agent'];

  it(
    'goes on without libvirt for a user who may not open its socket, and says what helps',
    async () => {
      const { processes, said } = await started({ asNobody: true });
      expect(processes).toEqual([...always, ...vmware, ...nutanix]);
      expect(said).toContain('without kvm: libvirt runs, but you may not open its socket');
      expect(said).toContain('What helps: sudo usermod -aG libvirt $USER');
    },
    TIMEOUT_MS,
  );

  it(
    'goes on without libvirt where there is no virsh',
    async () => {
      const { processes, said } = await started({ path: bin });
      expect(processes).toEqual([...always, ...vmware, ...nutanix]);
      expect(said).toContain('without kvm: These programs are not installed, or not on the PATH: virsh.');
    },
    TIMEOUT_MS,
  );

  it(
    'starts what runs on Windows, and says where the rest comes from',
    async () => {
      const { processes, said } = await started({ platform: 'win32', path: bin });
      expect(processes).toEqual([...always, ...nutanix]);
      expect(said).toContain('without kvm: KVM exists on Linux only.');
      expect(said).toContain('without vmware: VMware Workstation was not found');
    },
    TIMEOUT_MS,
  );

  it(
    'ends at once without a broker, and says where it comes from',
    async () => {
      // Programs of Windows end in .exe, so that none is found here.
      expect(await ended(await launch({ platform: 'win32', path: '/nowhere' }))).toBe(1);
      expect(await output()).toContain('winget install NATSAuthors.NATSServer');
    },
    TIMEOUT_MS,
  );

  it(
    'ends at once when a host that was asked for cannot be',
    async () => {
      expect(await ended(await launch({ path: bin, args: ['--port', '0', '--hosts', 'kvm,nutanix'] }))).toBe(1);
      expect(await output()).toMatch(/^kvm: These programs are not installed, or not on the PATH: virsh\.\n {2}\S/m);
    },
    TIMEOUT_MS,
  );

  it(
    'ends when the port that was asked for is taken, and says by whom',
    async () => {
      const holder = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => holder.once('listening', resolve));
      const { port } = holder.address() as AddressInfo;
      try {
        expect(await ended(await launch({ args: ['--port', String(port)] }))).toBe(1);
        expect(await output()).toMatch(new RegExp(`Port ${port} is taken by .+ \\(process ${process.pid}\\)`));
      } finally {
        holder.close();
      }
    },
    TIMEOUT_MS,
  );
});
