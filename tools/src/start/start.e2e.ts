import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../machine/command.ts';
import { freePort } from '../machine/free-port.ts';
import { identityOf } from '../machine/process-identity.ts';
import { root } from '../places.ts';
import type { RunRecord } from './run-file.ts';

const SERVICES = [
  'nats-server',
  'gateway',
  'organizer',
  'kvm-agent',
  'vmware-agent',
  'prism-simulator',
  'nutanix-agent',
];
/** For a stack that hangs, on the slowest machine. */
const START_TIMEOUT_MS = 600_000;
const PATIENCE_MS = 120_000;

describe('npm start', () => {
  let dataDir: string;
  let outputFile: string;
  let configFile: string;
  let compatPort: number;
  let supervisor: ChildProcess | undefined;

  const runFile = () => join(dataDir, 'run.json');
  const runRecord = async () => JSON.parse(await readFile(runFile(), 'utf8')) as RunRecord;
  const output = () => readFile(outputFile, 'utf8');
  const living = (record: RunRecord) =>
    Object.entries(record.processes)
      .filter(([, pid]) => identityOf(pid) !== undefined)
      .map(([name]) => name)
      .sort();

  async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await holds())) {
      if (Date.now() > deadline)
        throw new Error(`${what}: not within ${timeoutMs / 1000} s. It said:\n${await output()}`);
      await delay(50);
    }
  }

  async function launch(): Promise<ChildProcess> {
    const file = await open(outputFile, 'a');
    // Other tests run what has been built, meanwhile: a build would take it away from under them.
    const child = spawn(
      process.execPath,
      [join(root, 'tools/src/start.ts'), '--config', configFile, '--data-dir', dataDir, '--port', '0', '--no-build'],
      {
        cwd: root,
        env: { ...process.env, POLYVIRT_COMPAT_PORT: String(compatPort) },
        stdio: ['ignore', file.fd, file.fd],
      },
    );
    await file.close();
    return child;
  }

  async function start(): Promise<RunRecord> {
    supervisor = await launch();
    return await ready();
  }

  async function ready(): Promise<RunRecord> {
    await until('ready', () => existsSync(runFile()) || supervisor?.exitCode !== null, START_TIMEOUT_MS);
    return await runRecord();
  }

  /** The stack that runs; it is started when none does. */
  async function running(): Promise<RunRecord> {
    const isUp = supervisor !== undefined && supervisor.exitCode === null && supervisor.signalCode === null;
    return isUp ? await ready() : await start();
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = supervisor;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await new Promise((resolve) => child.once('exit', resolve));
  }

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'polyvirt-start-'));
    outputFile = join(dataDir, 'output');
    compatPort = await freePort();
    configFile = join(dataDir, 'hypervisor_config.json');
    await writeFile(configFile, JSON.stringify({ vmware: { default_vm_directory: 'C:/VMs' }, debug: true }));
  });
  afterAll(async () => {
    await end('SIGTERM');
    await rm(dataDir, { recursive: true });
  }, START_TIMEOUT_MS);
  beforeEach(async () => {
    await running();
  }, START_TIMEOUT_MS);

  it('leads to a stack whose address and password scripts find in a file of the owner', async () => {
    const record = await runRecord();
    expect(Object.keys(record.processes).sort()).toEqual(SERVICES.toSorted());
    expect((await stat(runFile())).mode & 0o777).toBe(0o600);
    expect(await output()).toContain(`password  ${record.password}`);
    const login = await fetch(`${record.url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: record.username, password: record.password }),
    });
    expect(login.status).toBe(200);
    const me = await fetch(`${record.url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${record.token}` } });
    expect(await me.json()).toMatchObject({ user: { username: record.username, role: 'admin' } });
  });

  it('says where a browser sets a password of its own, once', async () => {
    const { url, password } = await runRecord();
    const links = [...(await output()).matchAll(/first +(\S+)\/welcome#(\S+)/g)];
    const [, at, link] = links.at(-1)!;
    expect(at).toBe(url);
    // The same password is as good as another, and the other tests know it.
    const use = () =>
      fetch(`${url}/api/v1/auth/links/use`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ link, password }),
      });
    const first = await use();
    expect([first.status, await first.json()]).toEqual([200, { username: 'admin' }]);
    expect((await use()).status).toBe(401);
  });

  it(
    'makes a VM on each host by one body; those on a simulator are marked',
    async () => {
      const { url, username, password } = await runRecord();
      const headers: Record<string, string> = { prefer: 'wait=60' };
      const call = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
        const response = await fetch(`${url}/api/v1${path}`, {
          method,
          headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (!response.ok) throw new Error(`${method} ${path} answers ${response.status}: ${text}`);
        return JSON.parse(text) as Answer;
      };
      const { accessToken } = await call<{ accessToken: string }>('POST', '/auth/login', { username, password });
      headers['authorization'] = `Bearer ${accessToken}`;
      const name = `e2e-start-${randomBytes(3).toString('hex')}`;
      const body = { name, memoryMiB: 64, disks: [{ image: 'tiny-linux' }], start: true };
      const { items: hosts } = await call<{ items: { id: string; simulated: boolean }[] }>('GET', '/hosts');
      expect(hosts.map(({ id, simulated }) => [id, simulated]).sort()).toEqual([
        ['kvm-local', false],
        ['nutanix-local', true],
        ['vmware-local', true],
      ]);
      for (const { id: host, simulated } of hosts) {
        const made = await call<{ status: string; vmId: string; error?: unknown }>('POST', '/vms', { ...body, host });
        expect([host, made.status, made.error]).toEqual([host, 'succeeded', undefined]);
        try {
          expect(await call('GET', `/vms/${made.vmId}`)).toMatchObject({ name, host, simulated, state: 'running' });
        } finally {
          await call('POST', `/vms/${made.vmId}/stop`, { force: true });
          expect(await call('DELETE', `/vms/${made.vmId}`)).toMatchObject({ status: 'succeeded' });
        }
      }
    },
    START_TIMEOUT_MS,
  );

  it('takes over a hypervisor_config.json, and says what of it means nothing here', async () => {
    expect(await output()).toContain('debug is not known and was passed over.');
    expect(await readFile(join(dataDir, 'vmware-on-windows.env'), 'utf8')).toBe('POLYVIRT_VM_PATH=C:\\VMs\n');
  });

  it('opens the port of the earlier programs where it is told to, and says so', async () => {
    expect(await output()).toContain(`port ${compatPort}, from this machine`);
    const health = async () =>
      (await (await fetch(`http://127.0.0.1:${compatPort}/health`)).json()) as { libvirt: string };
    // On a busy machine libvirt may be late for a moment.
    await until('libvirt to answer', async () => (await health()).libvirt === 'connected', PATIENCE_MS);
    expect(await health()).toEqual({ status: 'healthy', libvirt: 'connected' });
  });

  it('keeps secrets and logs to the owner', async () => {
    for (const name of ['secrets', 'logs']) expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'nats/nats.conf'))).mode & 0o777).toBe(0o600);
  });

  it(
    'refuses to run twice on one data folder',
    async () => {
      const second = await launch();
      const code = await new Promise((resolve) => second.once('exit', resolve));
      expect(code).toBe(1);
      expect(await output()).toContain('already runs on this data folder');
      expect(living(await runRecord())).toEqual(SERVICES.toSorted());
    },
    PATIENCE_MS,
  );

  it.each(SERVICES)(
    'starts %s again after it was killed',
    async (name) => {
      const before = await runRecord();
      const since = (await output()).length;
      const told = async () => (await output()).slice(since);
      process.kill(before.processes[name]!, 'SIGKILL');
      await until('the restart', async () => (await told()).includes(`${name} is ready again`), PATIENCE_MS);
      expect(await told()).toContain(`${name} has ended (SIGKILL)`);
      expect((await runRecord()).processes[name]).not.toBe(before.processes[name]);
      await until(
        'ready',
        async () => (await fetch(`${before.url}/readyz`).catch(() => undefined))?.ok === true,
        PATIENCE_MS,
      );
    },
    3 * PATIENCE_MS,
  );

  it(
    'ends what hangs and starts it again: first the broker, then those that are seen through it',
    async () => {
      const hanging = ['nats-server', 'gateway', 'organizer', 'kvm-agent', 'prism-simulator'];
      const before = await runRecord();
      for (const name of hanging) process.kill(before.processes[name]!, 'SIGSTOP');
      await until(
        'all of them again',
        async () => {
          const { processes } = await runRecord();
          return hanging.every((name) => processes[name] !== undefined && processes[name] !== before.processes[name]);
        },
        2 * PATIENCE_MS,
      );
      const said = await output();
      // For how long depends on whether it was ready already.
      for (const name of hanging)
        expect(said).toMatch(new RegExp(`${name} hangs: it gave no sign of life for (?:15|60) s and used no CPU`));
      for (const name of ['vmware-agent', 'nutanix-agent']) {
        expect(said).not.toContain(`${name} hangs`);
        expect((await runRecord()).processes[name]).toBe(before.processes[name]);
      }
      const isReady = async () => (await fetch(`${before.url}/readyz`).catch(() => undefined))?.ok === true;
      await until('ready', isReady, PATIENCE_MS);
    },
    4 * PATIENCE_MS,
  );

  it(
    'clears away what a killed supervisor has left, and goes on with the same data',
    async () => {
      const before = await runRecord();
      await end('SIGKILL');
      expect(living(before)).toEqual(SERVICES.toSorted());
      await rm(runFile());
      const after = await start();
      expect(living(before)).toEqual([]);
      expect(living(after)).toEqual(SERVICES.toSorted());
      expect(after.password).toBe(before.password);
      const statusOf = async (token: string) =>
        (await fetch(`${after.url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status;
      expect([await statusOf(before.token), await statusOf(after.token)]).toEqual([401, 200]);
    },
    START_TIMEOUT_MS,
  );

  it(
    'leaves no process behind when it is stopped, and says what becomes of operations that are running',
    async () => {
      const record = await runRecord();
      const call = async <Answer>(path: string, body: unknown, wait = 60): Promise<Answer> => {
        const headers = {
          authorization: `Bearer ${record.token}`,
          'content-type': 'application/json',
          prefer: `wait=${wait}`,
        };
        const answer = await fetch(`${record.url}/api/v1${path}`, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        });
        if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
        return (await answer.json()) as Answer;
      };
      const name = `e2e-deaf-${randomBytes(3).toString('hex')}`;
      const virsh = (...args: string[]) => run('virsh', ['-q', '-c', 'qemu:///system', ...args]);
      // There is nothing on its disk that could obey.
      const deaf = { host: 'kvm-local', name, memoryMiB: 64, disks: [{ sizeGiB: 1 }], start: true };
      const { vmId } = await call<{ vmId: string }>('/vms', deaf);
      try {
        const stop = await call<{ id: string }>(`/vms/${vmId}/stop`, { timeoutSeconds: 600 }, 0);
        const ending = end('SIGINT');
        await until(
          'a word',
          async () => /1 operation is running: .* continues at the next start/.test(await output()),
          PATIENCE_MS,
        );
        await call(`/operations/${stop.id}/cancel`, {}, 0);
        await ending;
      } finally {
        // Machines go on running.
        await virsh('destroy', name);
        await virsh('undefine', name, '--remove-all-storage');
      }
      expect(supervisor?.exitCode).toBe(0);
      expect(living(record)).toEqual([]);
      expect(existsSync(runFile())).toBe(false);
      expect(existsSync(join(dataDir, 'instance.json'))).toBe(false);
    },
    2 * PATIENCE_MS,
  );
});
