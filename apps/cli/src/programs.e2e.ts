import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commands } from './commands/index.ts';
import { Installation, type Vm } from './testing/installation.ts';
import { isInstalled } from './testing/program.ts';
import { TextConsole } from './testing/text-console.ts';
import { trials } from './testing/trials/every-trial.ts';
import { eventually, Trial } from './testing/trials/trial.ts';

const cli = new Installation();
const { polyvirt, inTerminal, done, json } = cli;

beforeAll(() => cli.start(), 180_000);
afterAll(() => cli.stop());

const ways = [
  [`in a pipe, on Node ${cli.node.version}`, cli.pipe, 'pipe'],
  [`in a terminal, on Node ${process.versions.node}`, cli.terminal, 'terminal'],
] as const;

describe.each(ways)('%s', (_, run, way) => {
  it.each(commands.filter(({ hidden }) => !hidden))('$name', async ({ name }) => {
    await trials[name]!(new Trial(cli, run, `${name.replace(' ', '-')}-${way}`, way === 'terminal'));
  });
});

describe('VMs', () => {
  it('are listed in every format', async () => {
    const { id } = await cli.vm({ name: 'formats', cpus: 2, labels: { env: 'formats' } });
    const list = (...more: string[]) => done('vm', 'list', '-l', 'env=formats', ...more);
    expect(await list()).toMatch(/^NAME +STATE +HOST .*\nformats +stopped +fake-a /);
    expect(await list('-o', 'wide')).toContain('env=formats');
    expect(await list('-o', 'name')).toBe(id);
    expect(await list('-o', 'csv', '-c', 'name,cpu')).toBe('NAME,CPU\nformats,2');
    expect(await list('-o', 'yaml')).toContain('name: formats');
    expect(JSON.parse(await list('-o', 'json'))).toMatchObject([{ id, cpus: 2 }]);
  });

  it('show the plan of a change and change nothing', async () => {
    const { id } = await cli.vm({ name: 'planned', disks: [{ sizeGiB: 1 }] });
    const plan = await done('vm', 'set', 'planned', '--cpus', '3', '--dry-run');
    expect(plan).toMatch(/^CHANGE +FROM +TO +WHEN\n\/cpus +1 +3 +now\nDisruption: none\n/);
    expect(await json('vm', 'delete', 'planned', '--dry-run')).toMatchObject({ disruption: 'data-loss' });
    expect((await polyvirt('vm', 'start', 'planned', '--filter', 'host=fake-a')).exitCode).toBe(2);
    expect(await cli.read(id)).toMatchObject({ cpus: 1, state: 'stopped' });
  });

  it('are created from a file, and by questions in a terminal', async () => {
    const file = join(cli.programs.folder, 'vm.yaml');
    writeFileSync(file, 'host: fake-b\nname: from-file\ncpus: 3\n');
    const id = await done('vm', 'create', '-f', file, '-o', 'name');
    expect(await cli.read(id)).toMatchObject({ name: 'from-file', host: 'fake-b', cpus: 3 });
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
    await cli.vm({ name: 'twin' });
    const { id } = await cli.vm({ name: 'twin', host: 'fake-b' });
    const { exitCode, stderr } = await polyvirt('vm', 'start', 'twin');
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining(`fake-b/twin  ${id}`)]);
    await done('vm', 'start', 'fake-b/twin');
    expect(await done('vm', 'start', 'fake-b/twin')).toBe(`vm.start ${id} succeeded (was so already)`);
    expect(await cli.read(id)).toMatchObject({ state: 'running' });
  });

  it('are found by whatever name another tool has given them', async () => {
    const { id } = await cli.vm({ name: 'odd' });
    const host = cli.stack.fakeHost('fake-a');
    try {
      for (const name of ['a\\b/c', 'x, y\\,', '--filter', '$(reboot) `id` *\'"', 'caf\u0065\u0301 東京 👩‍💻']) {
        host.rename(id.split('~')[1]!, name);
        await eventually(async () => expect(await cli.read(id)).toMatchObject({ name }));
        expect(await json('vm', 'get', '--', name)).toMatchObject({ id });
        expect(await done('vm', 'get', '-o', 'name', '--', `fake-a/${name}`)).toBe(id);
        const escaped = name.replaceAll('\\', '\\').replaceAll(',', '\\,');
        expect(await done('vm', 'list', '-o', 'name', '--filter', `name=${escaped}`)).toBe(id);
      }
    } finally {
      host.close();
    }
  });

  it('are none that fits: nothing is done, and that is said', async () => {
    const { exitCode, stdout, stderr } = await polyvirt('vm', 'delete', '-l', 'env=never', '--yes');
    expect([exitCode, stdout, stderr]).toEqual([0, '', expect.stringContaining('No VM fits')]);
    expect(await done('vm', 'list', '-l', 'env=never')).toBe('NAME  STATE  HOST  ADDRESSES  CPU  MEM  AGE');
    expect(await json('vm', 'list', '-l', 'env=never')).toEqual([]);
    // Not even when nobody has said which.
    expect((await polyvirt('vm', 'delete', '--yes')).exitCode).toBe(2);
    expect((await polyvirt('vm', 'delete', '', '--yes')).exitCode).toBe(2);
  });

  it('are asked for again when an answer is none', async () => {
    const asked = inTerminal('vm', 'create', '--host', 'fake-b');
    await asked.answer(
      [/Name\?/, ''],
      [/It needs a name\.[^]*Name\?/, 'asked-again'],
      [/Image \(.*\)\?/, 'nonsense'],
      [/is none of[^]*Image \(.*\)\?/, 'none'],
      [/Size of its disk\?/, 'large'],
      [/takes a size[^]*Size of its disk\?/, '1G'],
      [/CPUs\?/, '1.5'],
      [/a whole number[^]*CPUs\?/, '2'],
      [/Memory\?/, '128M'],
      [/Network \(.*\)\?/, 'none'],
      [/Power it on/, 'n'],
    );
    expect(await asked.ended).toBe(0);
    expect(await json('vm', 'get', 'asked-again')).toMatchObject({ cpus: 2, memoryMiB: 128, disks: [{ sizeGiB: 1 }] });
    const left = inTerminal('vm', 'create', 'left', '--host', 'fake-b');
    await left.until(/Image \(.*\)\?/);
    left.type('\x03');
    expect(await left.ended).toBe(130);
    expect(left.plain).toContain('Nothing was done.');
  });

  it('are changed many at once, and what failed is told', async () => {
    const labels = { set: 'many' };
    await cli.vm({ name: 'many-1', labels, protected: true });
    await cli.vm({ name: 'many-2', host: 'fake-b', labels });
    const plan = await polyvirt('vm', 'delete', 'many-1', 'many-2', '--dry-run');
    expect([plan.exitCode, plan.stdout]).toEqual([7, expect.stringContaining('PROBLEM')]);
    expect((await polyvirt('vm', 'delete', '-l', 'set=many')).exitCode).toBe(2);
    const { exitCode, stderr } = await polyvirt('vm', 'delete', '-l', 'set=many', '--yes');
    expect([exitCode, stderr]).toEqual([7, expect.stringContaining('1 succeeded, 1 failed')]);
  });
});

describe('a wait', () => {
  it('is left by Ctrl-C: the operation continues, and how to follow it is said', async () => {
    const { id } = await cli.vm({ name: 'leave', host: 'slow', start: true });
    const left = inTerminal('vm', 'stop', 'leave');
    await left.until(/vm\.stop: running/);
    // The step that runs, for how long, and until when.
    await left.until(/vm\.stop: .*, \d+ of at most 600 s/);
    left.type('\x03');
    expect(await left.ended).toBe(130);
    const operationId = /polyvirt op wait (\S+)/.exec(left.shown)![1]!;
    expect(await json('op', 'get', operationId)).toMatchObject({ status: 'running', vmId: id });
    const late = await polyvirt('op', 'wait', operationId, '--timeout', '1s');
    expect([late.exitCode, late.stderr]).toEqual([6, expect.stringContaining(`polyvirt op wait ${operationId}`)]);
    expect((await polyvirt('vm', 'start', 'leave')).exitCode).toBe(5);
    await done('op', 'cancel', operationId, '--wait');
  });

  it('outlasts a gateway that is lost', async () => {
    await cli.vm({ name: 'outlast', host: 'slow', start: true });
    const waiting = cli.programs.begin('polyvirt', ['vm', 'stop', 'outlast'], { env: cli.env });
    const events = cli.programs.begin('polyvirt', ['event', 'list', '--types', 'operation.*', '--since', '0'], {
      env: cli.env,
    });
    await Promise.all([waiting.until(/vm\.stop: running/), events.until(/operation\./)]);
    await cli.stack.kill('gateway');
    await Promise.all([waiting.until(/unreachable/), events.until(/unreachable/)]);
    const away = await polyvirt('vm', 'list');
    expect([away.exitCode, away.stderr]).toEqual([8, expect.stringContaining('cannot be reached')]);
    await cli.stack.restart('gateway');
    await Promise.all([waiting.until(/is back/), events.until(/is back/)]);
    const operationId = await done('op', 'list', '--vm', 'outlast', '--status', 'running', '-o', 'name');
    await done('op', 'cancel', operationId, '--wait');
    expect(await waiting.ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('cancelled') });
    events.interrupt();
    expect((await events.ended).exitCode).toBe(0);
  });

  it('is not made with --no-wait', async () => {
    await cli.vm({ name: 'no-wait' });
    const operationId = await done('vm', 'start', 'no-wait', '--no-wait');
    expect(await done('op', 'wait', operationId)).toMatch(/^vm\.start .* succeeded$/);
  });
});

describe('what is watched', () => {
  it('is redrawn in a terminal and told as JSON lines in a pipe', async () => {
    await cli.vm({ name: 'watched', labels: { w: '1' } });
    const words = ['vm', 'list', '-l', 'w=1', '-w'];
    const piped = cli.programs.begin('polyvirt', words, { env: cli.env });
    const drawn = inTerminal(...words);
    await Promise.all([piped.until(/"type":"added".*watched/), drawn.until(/watched +stopped/)]);
    await done('vm', 'start', 'watched');
    await Promise.all([piped.until(/"type":"modified".*"running"/), drawn.until(/watched +running/)]);
    piped.interrupt();
    drawn.type('\x03');
    expect([(await piped.ended).exitCode, await drawn.ended]).toEqual([0, 0]);
  });

  it('in top is sorted by another column, and the screen is as it was before', async () => {
    const top = inTerminal('top', '--filter', 'host=fake-a');
    await top.until(/polyvirt top, by cpu/);
    top.type('s');
    await top.until(/by mem/);
    top.type('q');
    expect(await top.ended).toBe(0);
    expect(top.shown).toContain('\x1b[?1049l');
  });

  it('on a screen comes through a local port for a viewer', async () => {
    await cli.vm({ name: 'screen', start: true });
    const viewer = cli.programs.begin('polyvirt', ['console', 'screen', '--viewer'], { env: cli.env });
    await viewer.until(/vnc:\/\/127\.0\.0\.1:\d+\n/);
    const socket = connect(Number(/:(\d+)\n/.exec(viewer.shown())![1]), '127.0.0.1');
    const banner = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(banner.toString('latin1')).toMatch(/^RFB 003/);
    socket.destroy();
    expect((await viewer.ended).exitCode).toBe(0);
  });
});

describe('a text console', () => {
  it('hands every key to the guest but Ctrl-], which leaves, and shows all that the guest says', async () => {
    const gateway = await TextConsole.start();
    try {
      const env = { POLYVIRT_URL: gateway.url, POLYVIRT_TOKEN: 't' };
      const terminal = cli.programs.terminal('polyvirt', ['console', 'guest'], env);
      await terminal.until(/Connected to guest; Ctrl-\] leaves\./);
      await terminal.until(/login: /);
      terminal.type('root\x03\x04!');
      await terminal.until(/root.*!/s);
      terminal.type('\x1d');
      expect(await terminal.ended).toBe(0);
      expect(terminal.plain).toMatch(/Disconnected\.\s*$/);
      expect(gateway.typed).toBe('root\x03\x04!');
    } finally {
      gateway.stop();
    }
  });

  it.each([
    [1011, 'ada has taken this console over.', 1],
    [1000, 'The VM is stopped.', 0],
  ])('that the other side ends with %i says why', async (code, reason, exitCode) => {
    const gateway = await TextConsole.start();
    try {
      const env = { POLYVIRT_URL: gateway.url, POLYVIRT_TOKEN: 't' };
      const terminal = cli.programs.terminal('polyvirt', ['console', 'guest'], env);
      await terminal.until(/login: /);
      gateway.end(code, reason);
      expect(await terminal.ended).toBe(exitCode);
      expect(terminal.plain).toContain(`Disconnected: ${reason}`);
    } finally {
      gateway.stop();
    }
  });
});

describe('a credential', () => {
  it('is kept by a log-in where nobody else can read it, and refused elsewhere', async () => {
    const ada = await cli.person('ada');
    const home = { XDG_CONFIG_HOME: join(cli.programs.folder, 'home-of-ada') };
    const run = (args: string[], input = '') => cli.programs.run('polyvirt', args, { env: home, input });
    const nowhere = await run(['vm', 'list']);
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([4, expect.stringContaining('polyvirt login')]);
    const words = ['login', cli.stack.url(), '-u', 'ada', '--name', 'lab', '--password-file', '-'];
    expect((await run(words, 'a wrong horse')).exitCode).toBe(4);
    expect((await run(words, ada.password)).exitCode).toBe(0);
    const file = join(home.XDG_CONFIG_HOME, 'polyvirt', 'contexts.yaml');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).not.toContain(ada.password);
    expect((await run(['user', 'list'])).exitCode).toBe(4);
    expect((await run(['vm', 'delete', 'x', '--context', 'nothing'])).exitCode).toBe(2);
    await cli.admin.DELETE('/api/v1/users/{id}', { params: { path: { id: await idOf('ada') } } });
    const gone = await run(['vm', 'list']);
    expect([gone.exitCode, gone.stderr]).toEqual([4, expect.stringContaining(`polyvirt login ${cli.stack.url()}`)]);
    expect((await run(['logout'])).exitCode).toBe(0);
  });

  it('of a stack that npm start runs is found in its folder and below', async () => {
    const folder = join(cli.programs.folder, 'work');
    const home = { XDG_CONFIG_HOME: join(folder, 'home') };
    mkdirSync(join(folder, 'deep'), { recursive: true });
    mkdirSync(join(folder, '.polyvirt'));
    const starts = (record: object) =>
      writeFileSync(join(folder, '.polyvirt', 'run.json'), JSON.stringify({ url: cli.stack.url(), ...record }));
    const run = (...args: string[]) =>
      cli.programs.run('polyvirt', args, { env: home, cwd: join(folder, 'deep'), input: cli.stack.adminPassword });
    const token = cli.env['POLYVIRT_TOKEN'];
    starts({ username: 'admin', password: cli.stack.adminPassword, token });
    expect((await run('host', 'list', '-o', 'name')).stdout.split('\n')).toContain('fake-a');
    // The password is there as well.
    expect(await run('session', 'list')).toMatchObject({ exitCode: 0, stderr: '' });
    starts({ username: 'admin', password: 'the first password', token });
    expect(await run('session', 'list', '--my-password-file', '-')).toMatchObject({ exitCode: 0, stderr: '' });
    // Somebody has changed the password: the token has ended with it, and the next start has neither.
    for (const record of [{ token: 'pvt_ended', password: 'the first password' }, {}]) {
      starts({ username: 'admin', ...record });
      const { exitCode, stderr } = await run('host', 'list');
      expect([exitCode, stderr]).toEqual([4, expect.stringContaining(`polyvirt login ${cli.stack.url()}`)]);
    }
    expect((await run('login', cli.stack.url(), '-u', 'admin', '--password-file', '-')).exitCode).toBe(0);
    expect((await run('host', 'list', '-o', 'name')).stdout.split('\n')).toContain('fake-a');
  });
});

const idOf = async (username: string) => {
  for await (const user of cli.admin.items('/api/v1/users')) if (user.username === username) return user.id;
  throw new Error(`there is no user ${username}`);
};

describe('completion', () => {
  it('offers commands, options, values and live names', async () => {
    await cli.vm({ name: 'completed' });
    const offered = async (...words: string[]) => (await done('__complete', '--', ...words)).split('\n');
    expect(await offered('vm', 'sta')).toEqual(['start']);
    expect(await offered('vm', 'list', '-o', 'j')).toEqual(['json']);
    expect(await offered('vm', 'list', '--no-h')).toEqual(['--no-headers']);
    expect(await offered('vm', 'start', 'compl')).toEqual(['completed']);
    expect(await offered('host', 'get', 'fake-')).toEqual(['fake-a', 'fake-b']);
  });

  const shells = [
    ['bash', ['--norc', '--noprofile', '-i'], 'source <(polyvirt completion bash)'],
    ['zsh', ['-f', '-i'], 'autoload -U compinit; compinit -u; source <(polyvirt completion zsh)'],
    ['fish', ['--no-config', '-i'], 'polyvirt completion fish | source'],
  ] as const;
  it.each(shells.filter(([shell]) => isInstalled(shell)))('works in %s', async (shell, args, load) => {
    await cli.vm({ name: `${shell}-completes` });
    const own = { XDG_CONFIG_HOME: join(cli.programs.folder, `home-of-${shell}`) };
    const terminal = cli.programs.shell(shell, args, { ...cli.env, ...own });
    terminal.type(`${load}; echo loaded''-now\r`);
    await terminal.until(/loaded-now/);
    terminal.type('polyvirt vm sta\t');
    await terminal.until(/vm start/);
    terminal.type(`${shell}-com\t`);
    await terminal.until(new RegExp(`${shell}-completes`));
    terminal.type('\x15');
    // What is completed is what the shell hands over, whatever the name means to it.
    const { id } = await cli.vm({ name: `${shell}: it's $(reboot) *` });
    // The names of a moment ago are kept elsewhere.
    terminal.type(`export XDG_CONFIG_HOME=$PWD/another-home-of-${shell}; echo fresh''-now\r`);
    await terminal.until(/fresh-now/);
    terminal.type(`polyvirt vm get ${shell}:\t`);
    await terminal.until(new RegExp(`vm get ${shell}:.*reboot`));
    terminal.type(' -o name\r');
    await terminal.until(new RegExp(`^${id}\r?$`, 'm'));
    terminal.close();
    await terminal.ended;
  });
  const missing = shells.filter(([shell]) => !isInstalled(shell));
  if (missing.length > 0) it.skip.each(missing)('works in %s, which is not installed', () => undefined);
});

describe('vm_manager', () => {
  const manager = (...args: string[]) => cli.programs.run('vm_manager', args, { env: cli.env });

  it('takes the flags of the earlier program', async () => {
    const created = await manager('--create', '--name', 'test');
    expect([created.exitCode, created.stderr]).toEqual([
      0,
      expect.stringContaining('Creating test on fake-a: 1 CPU, 1G memory, 20G disk.'),
    ]);
    expect((await manager('--list')).stdout).toMatch(/^test /m);
    expect((await manager('--clone', '--source', 'test', '--name', 'new-vm')).exitCode).toBe(0);
    expect((await manager('--start', '--name', 'test')).exitCode).toBe(0);
    expect(await json<Vm>('vm', 'get', 'test')).toMatchObject({ state: 'running', host: 'fake-a' });
    await cli.vm({ name: '--yes' });
    expect((await manager('--start', '--name=--yes')).exitCode).toBe(0);
    expect(await json('vm', 'get', '--', '--yes')).toMatchObject({ state: 'running' });
    const imaged = ['--host', 'fake-b', '--image', 'tiny-linux', '--start-after'];
    expect((await manager('--create', '--name', 'imaged', ...imaged)).exitCode).toBe(0);
    expect((await manager('--stop', '--name', 'imaged')).exitCode).toBe(0);
    expect((await manager('--delete', '--name', 'imaged', '--yes')).exitCode).toBe(0);
    const cloning = ['--clone', '--source', 'tiny-template', '--name', 'from-template'];
    const several = await manager(...cloning);
    expect([several.exitCode, several.stderr]).toEqual([
      5,
      expect.stringContaining('fake-a, fake-b, slow. Say --host.'),
    ]);
    expect((await manager(...cloning, '--host', 'fake-b')).exitCode).toBe(0);
    expect(await json<Vm>('vm', 'get', 'from-template')).toMatchObject({ host: 'fake-b' });
    expect((await manager('--create')).exitCode).toBe(2);
    expect((await manager('--start', '--name', 'no-such')).exitCode).toBe(3);
    expect((await manager()).exitCode).toBe(2);
  });
});
