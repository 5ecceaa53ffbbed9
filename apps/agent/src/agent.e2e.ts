import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { Stack } from '@polyvirt/e2e/stack';
import { packAgent, root } from '@polyvirt/tools';

const patienceMs = 120_000;
const id = 'lab-ws';

interface Ended {
  readonly exitCode: number | null;
  readonly text: string;
}

/** On a machine that has nothing of the repository but a simulated Workstation. */
describe('polyvirt-agent, installed from its tarball,', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polyvirt-agent-'));
  const state = join(folder, 'state');
  const home = join(folder, 'home');
  const env = {
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: folder,
    POLYVIRT_AGENT_STATE: state,
    POLYVIRT_SIMULATED: 'true',
    POLYVIRT_VMRUN_PATH: join(root, 'simulators/vmrun/bin/vmrun'),
    POLYVIRT_VM_PATH: join(folder, 'vms'),
    POLYVIRT_VMWARE_INVENTORY: join(home, 'inventory.vmls'),
    POLYVIRT_VMWARE_NETWORKS: join(home, 'etc/vmware'),
    VMRUN_SIMULATOR_HOME: home,
  };
  const running: ChildProcess[] = [];
  let stack: Stack;

  beforeAll(async () => {
    stack = await Stack.start({ agents: [] });
    const install = [
      'i',
      '-g',
      '--prefix',
      folder,
      '--offline',
      '--no-audit',
      '--no-fund',
      '--omit=optional',
      packAgent(folder),
    ];
    await promisify(execFile)('npm', install, { cwd: folder, env });
  }, 300_000);
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await stack?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 300_000);

  const begin = (...args: string[]) => {
    const child = spawn(join(folder, 'bin/polyvirt-agent'), args, { cwd: folder, env });
    running.push(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    const ended = once(child, 'close').then(([exitCode]): Ended => ({ exitCode: exitCode as number | null, text }));
    return { child, ended, text: () => text };
  };
  const done = (...args: string[]): Promise<Ended> => begin(...args).ended;
  const path = { hostId: id };
  const host = async () => (await stack.admin.GET('/api/v1/hosts/{hostId}', { params: { path } })).data;
  const isReady = (agent: { text: () => string }, since: number) =>
    eventually(async () => {
      const { state: now, lastSeenAt } = await host();
      if (now !== 'ready' || Date.parse(lastSeenAt ?? '') < since) throw new Error(`${now}\n${agent.text()}`);
    }, patienceMs);

  it('joins by one line, works, comes back, changes its key, and leaves', async () => {
    const { data: invitation } = await stack.admin.POST('/api/v1/hosts', { body: { id, hypervisor: 'vmware' } });
    const [program, ...line] = invitation.command.split(' ');
    expect(program).toBe('polyvirt-agent');
    expect((await host()).state).toBe('joining');
    const first = begin(...line);
    await isReady(first, Date.now());
    expect(await host()).toMatchObject({ hypervisor: 'vmware', simulated: true, join: { joinedFrom: '127.0.0.1' } });
    const { data: made } = await stack.admin.POST('/api/v1/vms', {
      body: { host: id, name: 'web-1', disks: [{ sizeGiB: 1 }] },
      params: { header: { Prefer: 'wait=60' } },
    });
    expect(made.status).toBe('succeeded');
    const credential = join(state, id, 'bus.creds');
    expect(statSync(credential).mode & 0o077).toBe(0);
    // Renewed at the start already.
    await eventually(() => expect(first.text()).toContain('Is good until'), patienceMs);

    const again = await done(...line, '--no-run');
    expect(again).toMatchObject({
      exitCode: 0,
      text: expect.stringContaining(`had joined already by this line, as ${id}`),
    });
    const stolen = await done(...line, '--state', join(folder, 'elsewhere'));
    expect(stolen).toMatchObject({ exitCode: 4, text: expect.stringContaining('was used from 127.0.0.1') });
    expect(existsSync(join(folder, 'elsewhere', id))).toBe(false);

    const before = readFileSync(credential, 'utf8');
    const { data: rotation } = await stack.admin.POST('/api/v1/hosts/{hostId}/rotate', { params: { path } });
    // As the line says, which knows nothing of the agent that runs.
    expect(await done(...rotation.command.split(' ').slice(1))).toMatchObject({
      exitCode: 0,
      text: expect.stringContaining(`has another key as ${id}`),
    });
    const seedOf = (text: string) => /SU[A-Z2-7]{56}/.exec(text)![0];
    expect(seedOf(readFileSync(credential, 'utf8'))).not.toBe(seedOf(before));
    first.child.kill('SIGTERM');
    expect((await first.ended).exitCode).toBe(0);
    const second = begin('run');
    await isReady(second, Date.now());
    expect((await done('list')).text).toBe(`${id}\n`);

    second.child.kill('SIGTERM');
    expect((await second.ended).exitCode).toBe(0);
    expect(await done('leave')).toMatchObject({ exitCode: 0, text: expect.stringContaining('has left') });
    expect(existsSync(join(state, id))).toBe(false);
    await expect(host()).rejects.toMatchObject({ code: 'host-not-found' });
    expect(await done('run')).toMatchObject({ exitCode: 78, text: expect.stringContaining('has not joined') });
  }, 300_000);

  it.each([
    [['join', 'http://192.0.2.1:8080', '--token', `pvj_${'0'.repeat(32)}.${'A'.repeat(43)}`], 2, 'TLS'],
    [['join', 'http://127.0.0.1:1', '--token', `pvj_${'0'.repeat(32)}.${'A'.repeat(43)}`], 8, 'cannot be reached'],
    [['join', 'http://127.0.0.1:1', '--token', 'pvj_x'], 2, 'no join token'],
    [['join', 'nowhere', '--token', `pvj_${'0'.repeat(32)}.${'A'.repeat(43)}`], 2, 'no address'],
    [['join', 'http://127.0.0.1:1'], 2, 'Copy the whole line'],
    [['run', 'somebody'], 78, 'has not joined as somebody'],
    [['fly'], 2, 'usage:'],
  ])('ends %j with %i', async (args, exitCode, text) => {
    expect(await done(...args)).toMatchObject({ exitCode, text: expect.stringContaining(text) });
  });
});
