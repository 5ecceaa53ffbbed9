import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { commands } from './commands/index.ts';
import type { Command } from './declaration.ts';
import { exitCodesOf } from './exit-codes.ts';
import { run } from './run.ts';
import type { Terminal } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'polyvirt-commands-'));
const secret = join(folder, 'secret');
const url = 'http://127.0.0.1:1';

/** What a command needs so that it asks the gateway at all, beside the arguments that are declared. */
const more: Readonly<Record<string, readonly string[]>> = {
  'vm create': ['--host', 'h', '--disk', '1G'],
  'vm set': ['--cpus', '2'],
  'disk add': ['--size', '1G'],
  'image add': ['--url', 'https://images.example/a.iso'],
  'host add': ['--hypervisor', 'kvm'],
  'nic change': ['--disconnect'],
  'user create': ['--password-file', secret],
  'user set': ['--disable'],
  'preferences set': ['--theme', 'dark'],
  console: ['--viewer'],
  login: ['-u', 'ada', '--password-file', secret],
  'event list': ['--count', '1'],
};
const values: Readonly<Record<string, string>> = { SIZE: '40G', URL: url, PATH: '/vms', ACTION: 'start' };

const typed = (command: Command): string[] => [
  ...command.name.split(' '),
  ...(command.args ?? []).map(({ name, choices }) => choices?.[0] ?? values[name] ?? 'nothing'),
  ...(more[command.name] ?? []),
  ...(command.options && 'yes' in command.options ? ['--yes'] : []),
  ...(command.asPerson === true ? ['--my-password-file', secret] : []),
];

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
