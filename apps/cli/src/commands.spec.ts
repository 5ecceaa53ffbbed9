import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { commands } from './commands/index.ts';
import type { Command, Option } from './declaration.ts';
import { exitCodesOf } from './exit-codes.ts';
import { optionsOf } from './parse.ts';
import { run } from './run.ts';
import { typed as typedOf } from './testing/typed.ts';
import type { Terminal } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'polyvirt-commands-'));
const secret = join(folder, 'secret');
const url = 'http://127.0.0.1:1';

const typed = (command: Command) => typedOf(command, { secret, url });

interface Shown {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it without a terminal, logged in to a gateway that answers as it is told. */
async function runIt(words: readonly string[]): Promise<Shown> {
  const shown = { stdout: '', stderr: '' };
  const terminal: Terminal = {
    ...{ env: {}, cwd: folder, configFolder: join(folder, 'config') },
    ...{ isTerminal: false, isInteractive: false, colour: false, columns: 80, rows: 24 },
    print: (line) => void (shown.stdout += `${line}\n`),
    tell: (line) => void (shown.stderr += `${line}\n`),
    write: (text) => void (shown.stdout += text),
    onResize: () => () => undefined,
    status: () => undefined,
    ask: () => Promise.reject(new Error('there is nobody to ask')),
  };
  return { exitCode: await run(words, terminal), ...shown };
}

const requests: Request[] = [];
const { fetch } = globalThis;
function answer(how: (request: Request) => Response): void {
  globalThis.fetch = (request) => {
    requests.push(request as Request);
    try {
      return Promise.resolve(how(request as Request));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
}

const lost = () => {
  throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
};
const problem = (status: number, code: string) =>
  new Response(
    JSON.stringify({ type: 'about:blank', title: code, status, code, detail: `It is ${code}.`, retryable: false }),
    {
      status,
      headers: { 'content-type': 'application/problem+json' },
    },
  );
const me = { user: { username: 'ada' }, permissions: ['vm:read'], preferences: {} };

/** A gateway at which nothing is. */
function nothing({ method, url: address }: Request): Response {
  const path = new URL(address).pathname.replace('/api/v1/', '');
  if (path === 'auth/login') return Response.json({ accessToken: 'a', refreshToken: 'r', expiresIn: 900 });
  if (path === 'auth/logout') return new Response(null, { status: 204 });
  if (path === 'auth/me') return Response.json(me);
  const isList = method === 'GET' && ['vms', 'users', 'tokens', 'subscribers', 'operations'].includes(path);
  return isList ? Response.json({ items: [] }) : problem(404, 'route-not-found');
}

beforeAll(() => {
  writeFileSync(secret, 'correct horse battery\n');
});
beforeEach(() => {
  requests.length = 0;
  mkdirSync(join(folder, 'config'), { recursive: true });
  const lab = { url, username: 'ada', token: 'pvt', tokenId: '5b7d1f0c-8c1e-4d0c-9a63-3c1f0e7a4b11' };
  writeFileSync(join(folder, 'config', 'contexts.yaml'), JSON.stringify({ current: 'lab', contexts: { lab } }));
});
afterEach(() => {
  globalThis.fetch = fetch;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shown = commands.filter(({ hidden }) => !hidden).map((command) => [command.name, command] as const);
const remote = shown.filter(([, { isLocal }]) => !isLocal);
const local = shown.filter(([, { isLocal }]) => isLocal);

describe('every command', () => {
  it.each(shown)(
    '%s ends with 2 for an option that it does not have, and says where its help is',
    async (name, command) => {
      answer(lost);
      const { exitCode, stderr } = await runIt([...typed(command), '--nonsense']);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`See: polyvirt ${name} --help`)]);
      expect(requests).toEqual([]);
    },
  );

  it.each(remote)('%s ends with 8 when the gateway is unreachable', async (_, command) => {
    answer(lost);
    const { exitCode, stderr } = await runIt(typed(command));
    expect([exitCode, stderr]).toEqual([8, expect.stringMatching(/^The gateway( at \S+)? cannot be reached/)]);
    expect(exitCodesOf(command)).toHaveProperty('8');
  });

  it.each(remote.filter(([name]) => name !== 'logout'))(
    '%s ends with 4 when nobody is let in',
    async (name, command) => {
      answer(() => problem(401, 'unauthenticated'));
      const { exitCode, stderr } = await runIt(typed(command));
      expect([exitCode, stderr]).toEqual([4, expect.stringContaining('unauthenticated')]);
      if (name !== 'login') expect(stderr).toContain(`polyvirt login ${url}`);
      expect(exitCodesOf(command)).toHaveProperty('4');
    },
  );

  const naming = remote.filter(([, { args }]) => args?.some(({ completes, name }) => completes ?? name === 'SESSION'));
  it.each(naming)('%s ends with 3 for what is not there', async (_, command) => {
    answer(nothing);
    expect(await runIt(typed(command))).toMatchObject({ exitCode: 3 });
    expect(exitCodesOf(command)).toHaveProperty('3');
  });

  it.each(local)('%s asks no gateway', async (_, command) => {
    answer(lost);
    expect([0, 2]).toContain((await runIt(typed(command))).exitCode);
    expect(requests).toEqual([]);
  });

  it.each(remote.filter(([, { asPerson }]) => asPerson === true))(
    '%s says in a pipe how to give the password',
    async (_, command) => {
      answer(nothing);
      const words = typed(command).filter((word, index, all) => ![word, all[index - 1]].includes('--my-password-file'));
      const { exitCode, stderr } = await runIt(words);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--my-password-file FILE')]);
    },
  );

  it.each(remote.filter(([, { asPerson }]) => asPerson === true))('%s leaves no session behind', async (_, command) => {
    answer(nothing);
    await runIt(typed(command));
    expect(requests.at(-1)!.url).toBe(`${url}/api/v1/auth/logout`);
  });
});

describe('what is wrong with the command line is said before anything is asked for:', () => {
  const refused = async (words: readonly string[], why: RegExp) => {
    answer(lost);
    const { exitCode, stdout, stderr } = await runIt(words);
    expect([words, exitCode, stdout, stderr]).toEqual([words, 2, '', expect.stringMatching(why)]);
    expect(requests).toEqual([]);
  };
  const optionsThat = (fits: (option: Option) => unknown) =>
    shown.flatMap(([name, command]) =>
      Object.entries(optionsOf(command)).flatMap(([option, declared]) =>
        fits(declared) ? [[name, option, command, declared] as const] : [],
      ),
    );

  it.each(optionsThat(({ choices, integer, duration, time }) => choices ?? integer ?? duration ?? time))(
    '%s --%s with a value that it does not take',
    async (_, option, command) => {
      await refused([...typed(command), `--${option}`, 'soonish'], new RegExp(`^--${option} `));
    },
  );

  it.each(optionsThat(({ excludes }) => excludes))(
    '%s --%s with its opposite',
    async (_, option, command, { excludes }) => {
      const given = (name: string) =>
        optionsOf(command)[name]!.value === undefined ? [`--${name}`] : [`--${name}`, 'nothing'];
      for (const other of excludes!)
        await refused(
          [...typed(command), ...given(option), ...given(other)],
          new RegExp(`--${option} and --${other} exclude`),
        );
    },
  );

  const filtering = shown.filter(([, { options = {} }]) => 'filter' in options);
  it.each(filtering)('%s with a filter that has no value', async (_, command) => {
    const words = typed({ ...command, args: command.args?.filter(({ many }) => !many) ?? [] });
    await refused([...words, '--filter', 'name='], /^--filter name= has no value/);
    await refused([...words, '--label', ''], /^--label is empty/);
  });
});

describe('help', () => {
  it.each(shown)('of %s is the same behind its name and behind `help`', async (name) => {
    answer(lost);
    const behind = await runIt([...name.split(' '), '--help']);
    expect(behind).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Usage: polyvirt ${name} `) });
    expect(await runIt(['help', ...name.split(' ')])).toEqual(behind);
  });
});

describe('a record', () => {
  it('of which there is no table has its values as columns, by their paths', async () => {
    answer(() => Response.json({ vms: { total: 2, byState: { running: 1 } }, load: [1, 2], none: null }));
    expect((await runIt(['stats', '-o', 'csv'])).stdout).toBe('vms.total,vms.byState.running,load\n2,1,"[1,2]"\n');
    expect((await runIt(['stats', '-o', 'csv', '-c', 'vms.total', '--no-headers'])).stdout).toBe('2\n');
    expect(await runIt(['stats', '-o', 'csv', '-c', 'nonsense'])).toMatchObject({ exitCode: 2 });
  });
});

describe('an answer', () => {
  const page = () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } });
  const other = () => Response.json({ tagline: 'You Know, for Search' });
  const missing = () => Object.defineProperty(new Response('Not Found', { status: 404 }), 'url', { value: url });
  it.each([
    ['a page', page],
    ['something else', other],
    ['an error that is none of ours', missing],
  ])('that is %s comes from no Polyvirt, which is said with the way to look', async (_, reply) => {
    answer(() => reply());
    const { exitCode, stdout, stderr } = await runIt(['vm', 'list']);
    expect([exitCode, stdout, stderr]).toEqual([1, '', expect.stringContaining('`polyvirt context` shows where')]);
    expect(stderr).toMatch(/Polyvirt/);
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'NODE_EXTRA_CA_CERTS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'NODE_EXTRA_CA_CERTS'],
    ['CERT_HAS_EXPIRED', 'has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'another name'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'http://'],
    ['ENOTFOUND', 'Is it running?'],
  ])('that never came for %s says what to do', async (code, way) => {
    answer(() => {
      throw new TypeError('fetch failed', { cause: { code } });
    });
    const { exitCode, stderr } = await runIt(['vm', 'list']);
    expect([exitCode, stderr]).toEqual([8, expect.stringContaining(way)]);
    expect(stderr).toContain(code);
  });
});

describe('a typing error', () => {
  it.each([
    [['vm', 'lsit'], 'polyvirt vm list'],
    [['vm', 'strat', 'web-1'], 'polyvirt vm start'],
    [['snapshots', 'list'], 'polyvirt snapshot list'],
    [['hots'], 'polyvirt host'],
    [['vm', 'list', '--filtre', 'state=running'], '--filter'],
  ])('%j is told what was meant', async (words, meant) => {
    const { exitCode, stdout, stderr } = await runIt(words);
    expect([exitCode, stdout, stderr]).toEqual([2, '', expect.stringContaining(meant)]);
  });
});
