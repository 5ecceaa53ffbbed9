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

const fileIn = (folder: string) => join(folder, 'contexts.yaml');

/** Throws `UsageError` for a file that holds no contexts. */
export async function readContexts({ configFolder }: Terminal): Promise<ContextFile> {
  if (configFolder === undefined) return { contexts: {} };
  const file = fileIn(configFolder);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
    throw new UsageError(`${file} cannot be read (${error.code}).`);
  });
  let parsed: unknown;
  try {
    parsed = parse(text) ?? {};
  } catch {
    throw new UsageError(`${file} is no YAML; mend it or remove it, then log in again.`);
  }
  const { current, contexts } = parsed as Partial<Record<string, unknown>>;
  const known = contexts ?? {};
  if (
    !isRecord(parsed) ||
    !(current === undefined || typeof current === 'string') ||
    !(isRecord(known) && Object.values(known).every((one) => isRecord(one) && typeof one['url'] === 'string'))
  )
    throw new UsageError(`${file} holds no contexts; mend it or remove it, then log in again.`);
  return { ...(current !== undefined && { current }), contexts: known as ContextFile['contexts'] };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Only the owner may read it: there are tokens inside. Throws `Exit` 1 where nothing can be kept. */
export async function writeContexts({ configFolder }: Terminal, contexts: ContextFile): Promise<void> {
  const ways = 'or use POLYVIRT_URL and POLYVIRT_TOKEN';
  if (configFolder === undefined)
    throw new Exit(exitCodes.failed.code, `Nowhere to keep it: set HOME or XDG_CONFIG_HOME, ${ways}.`);
  const file = fileIn(configFolder);
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(configFolder, { recursive: true, mode: 0o700 });
    await writeFile(draft, stringify(contexts), { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, file);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new Exit(
      exitCodes.failed.code,
      `${file} cannot be written (${why}). Set XDG_CONFIG_HOME to a folder that can, ${ways}.`,
    );
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** `--context`, then the environment, then the `run.json` of an `npm start` here or above, then the current context. */
export async function findPlace(terminal: Terminal, given: Given): Promise<Place> {
  const named = given.text('context') ?? (terminal.env['POLYVIRT_CONTEXT'] || undefined);
  if (named !== undefined) {
    const how = given.has('context') ? '--context' : 'POLYVIRT_CONTEXT';
    return placeOf(named, (await readContexts(terminal)).contexts, `${how} `);
  }
  const { POLYVIRT_URL: url, POLYVIRT_TOKEN: token } = terminal.env;
  if (url) return { from: 'POLYVIRT_URL', options: { url: webUrl('POLYVIRT_URL', url), token } };
  const contexts = await readContexts(terminal);
  const running = await findRunning(terminal.cwd, contexts);
  if (running) return running;
  if (contexts.current !== undefined) return placeOf(contexts.current, contexts.contexts, '');
  throw new Exit(
    exitCodes.denied.code,
    'No installation is known here. Log in with `polyvirt login URL`, or set POLYVIRT_URL and POLYVIRT_TOKEN.',
  );
}

/** The address of a gateway in what was typed or copied. Throws `UsageError` if it is none. */
export function webUrl(what: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${what} is an address such as https://polyvirt.example:8443, not ${JSON.stringify(text)}.`);
  if (url.username || url.password)
    throw new UsageError(`${what} is an address without user name and password; \`polyvirt login\` asks for them.`);
  return (url.origin + url.pathname).replace(/\/+$/, '').replace(/\/api\/v1$/, '');
}

/** The context of that name. */
export const contextIn = (contexts: ContextFile['contexts'], name: string): Context | undefined =>
  Object.hasOwn(contexts, name) ? contexts[name] : undefined;

/** Throws `UsageError` if there is none of that name. */
export function requireContext(contexts: ContextFile['contexts'], name: string): Context {
  const found = contextIn(contexts, name);
  if (found) return found;
  const known = Object.keys(contexts).join(', ') || 'none';
  throw new UsageError(`There is no context ${JSON.stringify(name)}; known: ${known}.`);
}

function placeOf(name: string, contexts: ContextFile['contexts'], why: string): Place {
  const { url, token, username } = requireContext(contexts, name);
  return { from: `${why}${name}`, options: { url, token, username } };
}

/** The stack that `npm start` runs in this folder or above; with the log-in there, if there is one, and else as its first user. */
async function findRunning(cwd: string | undefined, { current, contexts }: ContextFile): Promise<Place | undefined> {
  for (let folder = cwd; folder !== undefined; folder = folder === dirname(folder) ? undefined : dirname(folder)) {
    const file = join(folder, '.polyvirt', 'run.json');
    const run = existsSync(file) ? await readRun(file, current !== undefined) : undefined;
    if (!run) continue;
    const { url, token, username, password } = run;
    const loggedIn = Object.keys(contexts).filter((name) => contexts[name]!.url === url);
    const name = loggedIn.find((candidate) => candidate === current) ?? loggedIn[0];
    if (name !== undefined) return placeOf(name, contexts, `${file}, logged in as `);
    if (token === undefined && password === undefined) {
      const why = `${file} has no credential: its password was changed since the first start.`;
      throw new Exit(exitCodes.denied.code, `${why} Log in with: polyvirt login ${url}`);
    }
    return { from: file, options: { url, token, username, password } };
  }
  return undefined;
}

/** Undefined for that of another user, where there is another place to go to. */
async function readRun(file: string, canPass: boolean): Promise<ClientOptions | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (canPass) return undefined;
    const why = `${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`;
    throw new Exit(
      exitCodes.denied.code,
      `${why} Log in with \`polyvirt login URL\`, or be the user who runs npm start.`,
    );
  }
  try {
    const run = JSON.parse(text) as ClientOptions;
    return { ...run, url: webUrl(`url of ${file}`, run.url) };
  } catch {
    throw new UsageError(`${file} is not what npm start writes. Start it again, or remove the file if nothing runs.`);
  }
}

/** What is to be done when the credential of this place is refused. */
export const wayIn = ({ from, options }: Place): string =>
  from === 'POLYVIRT_URL'
    ? `POLYVIRT_TOKEN is ${options.token ? 'no token of that installation, or has expired or been revoked' : 'not set'}.`
    : `Used was the credential from ${from}. Log in again with: polyvirt login ${options.url}`;

/** Throws `UsageError` for a token that can be none: what `fetch` says of it would show it. */
export function clientAt({ options }: Pick<Place, 'options'>, terminal: Terminal, given: Given): Client {
  const token = options.token?.trim();
  if (token !== undefined && !/^[!-~]*$/.test(token)) throw new UsageError('The token has letters that no token has.');
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
  return createClient({ ...options, token, fetch });
}
