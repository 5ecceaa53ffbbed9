import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createClient, type Client, type ClientOptions } from '@polyvirt/api-client';
import { parse, stringify } from 'yaml';
import { Exit, UsageError, type Given } from './declaration.ts';
import { exitCodes } from './exit-codes.ts';
import { version } from './version.ts';
import type { Terminal } from './terminal.ts';

/** An installation that one is logged in to. */
export interface Context {
  readonly url: string;
  readonly username?: string;
  /** An API token: unlike a session it can be used by several commands at once. */
  readonly token?: string;
  readonly tokenId?: string;
}

interface ContextFile {
  current?: string;
  contexts: Record<string, Context>;
}

/** Where a command goes, and why there. */
export interface Place {
  /** `--context lab`, `POLYVIRT_URL`, the path of `run.json`, or a name in the file of contexts. */
  readonly from: string;
  readonly options: ClientOptions;
}

const fileOf = ({ configFolder }: Terminal) => join(configFolder, 'contexts.yaml');

export async function readContexts(terminal: Terminal): Promise<ContextFile> {
  const file = fileOf(terminal);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  try {
    return { contexts: {}, ...((parse(text) ?? {}) as Partial<ContextFile>) };
  } catch {
    throw new UsageError(`${file} is no YAML; mend it or remove it, then log in again.`);
  }
}

/** Only the owner may read it: there are tokens inside. */
export async function writeContexts(terminal: Terminal, contexts: ContextFile): Promise<void> {
  const file = fileOf(terminal);
  await mkdir(terminal.configFolder, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  try {
    await writeFile(draft, stringify(contexts), { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** `--context`, then the environment, then the `run.json` of an `npm start` here or above, then the current context. */
export async function findPlace(terminal: Terminal, given: Given): Promise<Place> {
  const named = given.text('context') ?? terminal.env['POLYVIRT_CONTEXT'];
  const { current, contexts } = await readContexts(terminal);
  if (named !== undefined) return placeOf(named, contexts, '--context ');
  const { POLYVIRT_URL: url, POLYVIRT_TOKEN: token } = terminal.env;
  if (url) {
    webUrl('POLYVIRT_URL', url);
    return { from: 'POLYVIRT_URL', options: { url, token } };
  }
  const running = await findRunning(terminal.cwd, current, contexts);
  if (running) return running;
  if (current !== undefined) return placeOf(current, contexts, '');
  throw new Exit(
    exitCodes.denied.code,
    'No installation is known here. Log in with `polyvirt login URL`, or set POLYVIRT_URL and POLYVIRT_TOKEN.',
  );
}

/** Throws `UsageError` unless it is an address of the web. */
export function webUrl(what: string, text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`${what} is an address such as https://polyvirt.example:8443, not ${JSON.stringify(text)}.`);
  return text.replace(/\/+$/, '');
}

function placeOf(name: string, contexts: ContextFile['contexts'], why: string): Place {
  const found = contexts[name];
  if (!found) {
    const known = Object.keys(contexts).join(', ') || 'none';
    throw new UsageError(`There is no context ${JSON.stringify(name)}; known: ${known}.`);
  }
  return { from: `${why}${name}`, options: { url: found.url, token: found.token, username: found.username } };
}

/** The stack that `npm start` runs in this folder or above; with the log-in there, if there is one, and else as its first user. */
async function findRunning(
  cwd: string,
  current: string | undefined,
  contexts: ContextFile['contexts'],
): Promise<Place | undefined> {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = join(folder, '.polyvirt', 'run.json');
    if (existsSync(file)) {
      const { url, token, username, password } = JSON.parse(await readFile(file, 'utf8')) as ClientOptions;
      const loggedIn = Object.keys(contexts).filter((name) => contexts[name]!.url === url);
      const name = loggedIn.find((candidate) => candidate === current) ?? loggedIn[0];
      if (name !== undefined) return placeOf(name, contexts, `${file}, logged in as `);
      if (token === undefined && password === undefined) {
        const why = `${file} has no credential: its password was changed since the first start.`;
        throw new Exit(exitCodes.denied.code, `${why} Log in with: polyvirt login ${url}`);
      }
      return { from: file, options: { url, token, username, password } };
    }
    if (folder === dirname(folder)) return undefined;
  }
}

/** What is to be done when the credential of this place is refused. */
export const wayIn = ({ from, options }: Place): string =>
  from === 'POLYVIRT_URL'
    ? `POLYVIRT_TOKEN is ${options.token ? 'no token of that installation, or has expired or been revoked' : 'not set'}.`
    : `Used was the credential from ${from}. Log in again with: polyvirt login ${options.url}`;

export function clientAt({ options }: Pick<Place, 'options'>, terminal: Terminal, given: Given): Client {
  const debugs = given.flag('debug');
  const fetch = async (request: Request) => {
    request.headers.set('user-agent', `polyvirt/${version}`);
    if (!debugs) return globalThis.fetch(request);
    const began = performance.now();
    const response = await globalThis.fetch(request);
    const took = Math.round(performance.now() - began);
    terminal.tell(
      `${request.method} ${request.url} ${response.status} ${took} ms ${response.headers.get('x-request-id') ?? ''}`,
    );
    return response;
  };
  return createClient({ ...options, fetch });
}
