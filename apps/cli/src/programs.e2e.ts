import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { components } from '@polyvirt/api-client';
import { Stack } from '@polyvirt/e2e/stack';
import { Programs } from './testing/program.ts';

type Vm = components['schemas']['Vm'];

let stack: Stack;
let programs: Programs;
let env: Record<string, string>;

const polyvirt = (...args: string[]) => programs.run('polyvirt', args, { env });
const inTerminal = (...args: string[]) => programs.terminal('polyvirt', args, env);

async function done(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await polyvirt(...args);
  if (exitCode !== 0) throw new Error(`polyvirt ${args.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`);
  return stdout.trimEnd();
}
const json = async <Result>(...args: string[]) => JSON.parse(await done(...args, '-o', 'json')) as Result;
/** A VM of this name; answers its id. */
const make = (name: string, host = 'fake-a', ...more: string[]) =>
  done('vm', 'create', name, '--host', host, ...more, '-o', 'name');

beforeAll(async () => {
  [stack, programs] = await Promise.all([
    Stack.start({
      agents: [
        { kind: 'fake', id: 'fake-a' },
        { kind: 'fake', id: 'fake-b' },
        // Its guests take their time, so that a change of them is seen on its way.
        { kind: 'fake', id: 'slow', shutdownMs: 600_000 },
      ],
    }),
    Programs.install(),
  ]);
  const { data: me } = await stack.admin.GET('/api/v1/auth/me');
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const body = { name: 'cli', scopes: me.permissions, expiresAt };
  const { data } = await stack.admin.POST('/api/v1/tokens', { body });
  env = { POLYVIRT_URL: stack.url(), POLYVIRT_TOKEN: data.secret };
}, 180_000);

afterAll(async () => {
  programs?.[Symbol.dispose]();
  await stack?.stop();
});

describe('machines', () => {
  it('are created, listed in every format, changed and deleted', async () => {
    const id = await make(
      'life',
      'fake-a',
      '--cpus',
      '2',
      '--memory',
      '512M',
      '--disk',
      '1G',
      '--labels',
      'env=life',
      '--start',
    );
    expect(id).toMatch(/^fake-a~/);
    expect(await done('vm', 'list', '-l', 'env=life')).toMatch(/^NAME +STATE +HOST .*\nlife +running +fake-a /);
    expect(await done('vm', 'list', '-l', 'env=life', '-o', 'wide')).toContain('env=life');
    expect(await done('vm', 'list', '-l', 'env=life', '-o', 'name')).toBe(id);
    expect(await done('vm', 'list', '-l', 'env=life', '-o', 'csv', '-c', 'name,cpu')).toBe('NAME,CPU\nlife,2');
    expect(await done('vm', 'list', '-l', 'env=life', '-o', 'yaml')).toContain('name: life');
    const [vm] = await json<Vm[]>('vm', 'list', '--filter', 'name=life');
    expect(vm).toMatchObject({ id, cpus: 2, memoryMiB: 512, state: 'running' });
    expect(await done('vm', 'get', 'fake-a/life')).toContain('name: life');
    expect(await json('vm', 'get', 'life', '--fresh')).toMatchObject({ id });
    expect(await done('disk', 'list', 'life', '-o', 'csv')).toContain('DEVICE,SIZE,PATH');
    expect(await done('nic', 'list', 'life', '--no-headers')).toBe('');
    expect(await done('vm', 'stop', 'life', '--force')).toBe(`vm.stop ${id} succeeded`);
    expect(await done('vm', 'stop', 'life')).toBe(`vm.stop ${id} succeeded (was so already)`);
    await done('vm', 'set', 'life', '--cpus', '4', '--notes', 'a note');
    expect(await json('vm', 'get', 'life')).toMatchObject({ cpus: 4, notes: 'a note', state: 'stopped' });
    expect((await polyvirt('vm', 'delete', 'life')).exitCode).toBe(2);
    await done('vm', 'delete', 'life', '--yes');
    expect((await polyvirt('vm', 'get', 'life')).exitCode).toBe(3);
  });

  it('show the plan of a change and change nothing', async () => {
    await make('planned', 'fake-a', '--disk', '1G');
    const plan = await done('vm', 'set', 'planned', '--cpus', '3', '--dry-run');
    expect(plan).toMatch(/^CHANGE +FROM +TO +WHEN\n\/cpus +1 +3 +now\nDisruption: none\n/);
    expect(await json('vm', 'delete', 'planned', '--dry-run')).toMatchObject({ disruption: 'data-loss' });
    expect(await done('vm', 'start', 'planned', '--filter', 'host=nowhere').catch(() => 'refused')).toBe('refused');
    expect(await json('vm', 'get', 'planned')).toMatchObject({ cpus: 1 });
  });

  it('are created from a file, as body and by questions in a terminal', async () => {
    const file = join(programs.folder, 'vm.yaml');
    writeFileSync(file, 'host: fake-b\nname: from-file\ncpus: 3\n');
    expect(await done('vm', 'create', '-f', file, '-o', 'name')).toMatch(/^fake-b~/);
    expect(await json('vm', 'get', 'from-file')).toMatchObject({ cpus: 3 });
    const asked = inTerminal('vm', 'create', 'asked');
    await asked.answer(
      [/Host \(.*\)\?/, 'fake-b'],
      [/Image \(.*\)\?/, 'none'],
      [/Size of its disk\?/, '2G'],
      [/CPUs\?/, ''],
      [/Memory\?/, '256M'],
      [/Network \(.*\)\?/, 'none'],
      [/Power it on/, 'n'],
    );
    expect(await asked.ended).toBe(0);
    expect(await json('vm', 'get', 'asked')).toMatchObject({ host: 'fake-b', memoryMiB: 256, state: 'stopped' });
    const missing = await polyvirt('vm', 'create', 'nowhere');
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('--host')]);
  });

  it('of one name on two hosts are told apart', async () => {
    await make('twin', 'fake-a');
    const other = await make('twin', 'fake-b');
    const { exitCode, stderr } = await polyvirt('vm', 'start', 'twin');
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining(`fake-b/twin  ${other}`)]);
    await done('vm', 'start', 'fake-b/twin');
    expect(await json('vm', 'get', other)).toMatchObject({ state: 'running' });
  });

  it('are changed many at once, and what failed is told', async () => {
    await make('many-1', 'fake-a', '--labels', 'set=many');
    await make('many-2', 'fake-b', '--labels', 'set=many');
    await done('vm', 'start', 'many-1', 'many-2');
    await done('vm', 'stop', '-l', 'set=many', '-f');
    await done('vm', 'set', 'many-1', '--protect');
    const plan = await polyvirt('vm', 'delete', 'many-1', 'many-2', '--dry-run');
    expect([plan.exitCode, plan.stdout]).toEqual([7, expect.stringContaining('PROBLEM')]);
    const { exitCode, stderr } = await polyvirt('vm', 'delete', '-l', 'set=many', '--yes');
    expect([exitCode, stderr]).toEqual([7, expect.stringContaining('1 succeeded, 1 failed')]);
  });

  it('have snapshots and clones', async () => {
    await make('base', 'fake-a', '--disk', '1G');
    await done('snapshot', 'create', 'base', 'before');
    expect(await done('snapshot', 'list', 'base', '-c', 'name', '--no-headers')).toMatch(/^before/);
    await done('snapshot', 'revert', 'base', 'before', '--yes');
    await done('vm', 'clone', 'base', 'copy');
    expect(await json('vm', 'get', 'copy')).toMatchObject({ host: 'fake-a' });
    await done('snapshot', 'delete', 'base', 'before', '--yes');
    expect(await json('snapshot', 'list', 'base')).toEqual([]);
  });
});

describe('a wait', () => {
  it('is left by Ctrl-C: the operation continues, and how to follow it is said', async () => {
    const id = await make('leave', 'slow', '--start');
    const left = inTerminal('vm', 'stop', 'leave');
    await left.until(/vm\.stop: running/);
    left.type('\x03');
    expect(await left.ended).toBe(130);
    const operationId = /polyvirt op wait (\S+)/.exec(left.shown)![1]!;
    expect(await json('op', 'get', operationId)).toMatchObject({ status: 'running', vmId: id });
    const late = await polyvirt('op', 'wait', operationId, '--timeout', '1s');
    expect([late.exitCode, late.stderr]).toEqual([6, expect.stringContaining(`polyvirt op wait ${operationId}`)]);
    expect((await polyvirt('vm', 'start', 'leave')).exitCode).toBe(5);
    expect(await done('op', 'list', '--status', 'running', '-o', 'name')).toBe(operationId);
    await done('op', 'cancel', operationId, '--wait');
    expect((await polyvirt('op', 'wait', operationId)).exitCode).not.toBe(0);
  });

  it('outlasts a gateway that is lost', async () => {
    await make('outlast', 'slow', '--start');
    const waiting = programs.begin('polyvirt', ['vm', 'stop', 'outlast'], { env });
    await waiting.until(/vm\.stop: running/);
    await stack.kill('gateway');
    await waiting.until(/unreachable/);
    const away = await polyvirt('vm', 'list');
    expect([away.exitCode, away.stderr]).toEqual([8, expect.stringContaining('cannot be reached')]);
    await stack.restart('gateway');
    await waiting.until(/is back/);
    const operationId = await done('op', 'list', '--vm', 'outlast', '--status', 'running', '-o', 'name');
    await done('op', 'cancel', operationId, '--wait');
    expect(await waiting.ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('cancelled') });
  });

  it('is not made with --no-wait', async () => {
    await make('no-wait');
    const operationId = await done('vm', 'start', 'no-wait', '--no-wait');
    expect(await done('op', 'wait', operationId)).toMatch(/^vm\.start .* succeeded$/);
  });
});

describe('what is seen', () => {
  it('of hosts, images, networks, templates, archives, audit, stats and metrics', async () => {
    const hosts = await json<{ id: string }[]>('host', 'list');
    expect(hosts.map(({ id }) => id)).toEqual(['fake-a', 'fake-b', 'slow']);
    expect(await json('host', 'get', 'fake-a')).toMatchObject({ state: 'ready' });
    expect((await polyvirt('host', 'get', 'none')).exitCode).toBe(3);
    expect(await done('host', 'status')).toContain('fake-b');
    for (const noun of ['image', 'network', 'template'])
      expect(await json(noun, 'list', 'fake-a')).toBeInstanceOf(Array);
    expect(await json('stats')).toMatchObject({ hosts: { total: 3 } });
    expect(await done('audit', 'list', '--limit', '1', '--no-headers')).toMatch(/admin/);
    expect(await json('whoami')).toMatchObject({ token: { name: 'cli' } });
    expect(await done('query', 'GET', '/hosts/fake-a')).toContain('"fake-a"');
    await make('seen', 'fake-a', '--start');
    expect(await json('vm', 'guest', 'seen').catch(() => 'no guest')).toBeDefined();
    expect(await json('metrics', 'history', 'seen')).toBeInstanceOf(Array);
    expect(await done('top')).toContain('seen');
    expect(await done('archive', 'list')).toContain('NAME');
  });

  it('of events, as JSON lines from a cursor', async () => {
    const lines = (await done('event', 'list', '--since', '0', '--count', '2'))
      .split('\n')
      .map((line) => JSON.parse(line) as { cursor: string });
    expect(lines).toHaveLength(2);
    expect((await polyvirt('event', 'list', '--since', 'x')).exitCode).toBe(2);
  });

  it('is redrawn in a terminal and told as JSON lines in a pipe', async () => {
    await make('watched', 'fake-a', '--labels', 'w=1');
    const piped = programs.begin('polyvirt', ['vm', 'list', '-l', 'w=1', '-w'], { env });
    await piped.until(/"type":"added".*watched/);
    const drawn = inTerminal('vm', 'list', '-l', 'w=1', '-w');
    await drawn.until(/watched +stopped/);
    await done('vm', 'start', 'watched');
    await Promise.all([piped.until(/"type":"modified".*"running"/), drawn.until(/watched +running/)]);
    piped.interrupt();
    drawn.type('\x03');
    expect([(await piped.ended).exitCode, await drawn.ended]).toEqual([0, 0]);
  });

  it('live in top, until q', async () => {
    const top = inTerminal('top', '--filter', 'host=fake-a');
    await top.until(/polyvirt top, by cpu/);
    top.type('s');
    await top.until(/by mem/);
    top.type('q');
    expect(await top.ended).toBe(0);
    expect(top.shown).toContain('\x1b[?1049l');
  });

  it('on a screen through a local port for a viewer', async () => {
    await make('screen', 'fake-a', '--start');
    const viewer = programs.begin('polyvirt', ['console', 'screen', '--viewer'], { env });
    await viewer.until(/vnc:\/\/127\.0\.0\.1:\d+\n/);
    const socket = connect(Number(/:(\d+)\n/.exec(viewer.shown())![1]), '127.0.0.1');
    const banner = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(banner.toString('latin1')).toMatch(/^RFB 003/);
    socket.destroy();
    expect((await viewer.ended).exitCode).toBe(0);
    const text = inTerminal('console', 'screen');
    expect(await text.ended).toBe(1);
    expect(text.shown).toContain('capability-missing');
  });
});

/** Options with which a command is done as the person that the token is of. */
function asAdmin(): string[] {
  const file = join(programs.folder, 'admin-password');
  writeFileSync(file, stack.adminPassword);
  return ['--my-password-file', file];
}

describe('people', () => {
  it('log in, use contexts and log out, and nobody else reads their token', async () => {
    const home = { XDG_CONFIG_HOME: join(programs.folder, 'ada') };
    const run = (args: string[], input = '') => programs.run('polyvirt', args, { env: home, input });
    const made = await programs.run(
      'polyvirt',
      ['user', 'create', 'ada', '--role', 'operator', '--password-file', '-', ...asAdmin()],
      { env, input: 'correct horse battery\n' },
    );
    expect([made.exitCode, made.stderr]).toEqual([0, '']);
    expect((await run(['vm', 'list'])).exitCode).toBe(4);
    expect((await run(['login', stack.url(), '-u', 'ada', '--password-file', '-'], 'wrong')).exitCode).toBe(4);
    const login = programs.terminal('polyvirt', ['login', stack.url(), '-u', 'ada', '--name', 'lab'], home);
    await login.answer([/Password\?/, 'correct horse battery']);
    expect(await login.ended).toBe(0);
    expect(login.shown).not.toContain('correct horse');
    const file = join(home.XDG_CONFIG_HOME, 'polyvirt', 'contexts.yaml');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await run(['context'])).stdout).toContain('* lab');
    expect((await run(['whoami', '-o', 'name'])).stdout).toBe('ada\n');
    expect((await run(['user', 'list'])).exitCode).toBe(4);
    const secret = 'correct horse battery';
    const preferences = await run(
      ['preferences', 'set', '--theme', 'dark', '--my-password-file', '-', '-o', 'json'],
      secret,
    );
    expect(JSON.parse(preferences.stdout)).toMatchObject({ preferences: { theme: 'dark' } });
    const token = await run(
      ['token', 'create', 'ci', '--scopes', 'vm:read', '--expires', '1d', '--my-password-file', '-'],
      secret,
    );
    expect(token).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await run(['login', stack.url(), '--token-file', '-', '--name', 'ci'], token.stdout)).toMatchObject({
      exitCode: 0,
    });
    expect((await run(['vm', 'delete', 'x', '--context', 'nothing'])).exitCode).toBe(2);
    expect((await run(['context', 'use', 'lab'])).exitCode).toBe(0);
    expect((await run(['token', 'list', '-c', 'name'])).stdout).toContain('ci');
    expect((await run(['token', 'delete', 'ci'])).exitCode).toBe(0);
    const change = programs.terminal('polyvirt', ['user', 'password'], home);
    await change.answer([/Your own password, ada\?/, secret], [/New password\?/, 'a better horse battery']);
    expect(await change.ended).toBe(0);
    expect((await run(['logout'])).exitCode).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toContain('lab');
    expect(await done('user', 'list', '-o', 'name')).toContain('ada');
    expect(await json('user', 'set', 'ada', '--disable', ...asAdmin())).toMatchObject({ disabled: true });
    await done('user', 'delete', 'ada', '--yes', ...asAdmin());
    expect((await polyvirt('user', 'get', 'ada')).exitCode).toBe(3);
  });

  it('need no log-in below a folder where npm start runs', async () => {
    const folder = join(programs.folder, 'work');
    mkdirSync(join(folder, '.polyvirt'), { recursive: true });
    mkdirSync(join(folder, 'deep'));
    const running = { url: stack.url(), username: 'admin', token: env['POLYVIRT_TOKEN'] };
    writeFileSync(join(folder, '.polyvirt', 'run.json'), JSON.stringify(running));
    const { stdout } = await programs.run('polyvirt', ['host', 'list', '-o', 'name'], { cwd: join(folder, 'deep') });
    expect(stdout.split('\n')).toContain('fake-a');
  });

  it('complete commands, options and live names', async () => {
    await make('completed');
    expect((await done('__complete', '--', 'vm', 'sta')).split('\n')).toEqual(['start']);
    expect((await done('__complete', '--', 'vm', 'list', '-o', 'j')).split('\n')).toEqual(['json']);
    expect((await done('__complete', '--', 'vm', 'list', '--no-h')).split('\n')).toEqual(['--no-headers']);
    expect((await done('__complete', '--', 'vm', 'start', 'compl')).split('\n')).toEqual(['completed']);
    expect((await done('__complete', '--', 'host', 'get', 'fake-')).split('\n')).toEqual(['fake-a', 'fake-b']);
    for (const shell of ['bash', 'zsh', 'fish', 'powershell'])
      expect(await done('completion', shell)).toContain('__complete');
  });

  it('are told what is wrong with a command line', async () => {
    for (const args of [
      ['nonsense'],
      ['vm', 'list', '--nonsense'],
      ['vm', 'get'],
      ['vm', 'list', '-o', 'xml'],
      ['-o', 'json'],
      ['vm', 'create', 'x', '--memory', 'much'],
    ])
      expect([args, (await polyvirt(...args)).exitCode]).toEqual([args, 2]);
    expect((await polyvirt('vm', 'start', '--help')).stdout).toContain('--dry-run');
    expect((await polyvirt('vm', '--help')).stdout).toContain('vm drop-pending');
    const listed = await json<{ name: string }[]>('commands');
    expect(listed.map(({ name }) => name)).toContain('vm list');
  });
});

describe('vm_manager', () => {
  const manager = (...args: string[]) => programs.run('vm_manager', args, { env });

  it('takes the flags of the earlier program', async () => {
    const created = await manager('--create', '--name', 'test');
    expect([created.exitCode, created.stderr]).toEqual([
      0,
      expect.stringContaining('Creating test on fake-a: 1 CPU, 1G memory, 20G disk.'),
    ]);
    expect((await manager('--list')).stdout).toMatch(/^test /m);
    expect((await manager('--clone', '--source', 'test', '--name', 'new-vm')).exitCode).toBe(0);
    expect((await manager('--start', '--name', 'test')).exitCode).toBe(0);
    expect(await json('vm', 'get', 'test')).toMatchObject({ state: 'running', host: 'fake-a' });
    expect((await manager('--create')).exitCode).toBe(2);
    expect((await manager('--start', '--name', 'no-such')).exitCode).toBe(3);
    expect((await manager()).exitCode).toBe(2);
  });
});
