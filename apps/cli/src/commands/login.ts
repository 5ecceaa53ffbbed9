import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { ApiProblem, type components } from '@polyvirt/api-client';
import { call } from '../api.ts';
import {
  clientAt,
  contextIn,
  findPlace,
  readContexts,
  requireContext,
  webUrl,
  writeContexts,
  type Context,
} from '../contexts.ts';
import { Exit, UsageError, type Command, type Invocation } from '../declaration.ts';
import { printItem, printItems, type View } from '../output/print.ts';
import { askSecret } from '../person.ts';
import { readText } from '../read-text.ts';

type Schemas = components['schemas'];

const contextView: View<{ name: string; url: string; username?: string; current: boolean }> = {
  key: ({ name }) => name,
  columns: [
    { header: 'NAME', value: ({ name }) => name },
    { header: 'URL', value: ({ url }) => url },
    { header: 'USERNAME', value: ({ username }) => username },
    { header: 'CURRENT', value: ({ current }) => (current ? 'yes' : 'no') },
  ],
};

/** How long a log-in lasts. */
const loginDays = 90;

export const loginCommands: readonly Command[] = [
  {
    name: 'login',
    summary: 'Log in to an installation and keep a token for it.',
    calls: ['POST /api/v1/auth/login'],
    args: [{ name: 'URL', help: 'Where it is: https://polyvirt.example:8443.' }],
    options: {
      username: { short: 'u', value: 'NAME', help: 'User; asked for unless said.' },
      'password-file': {
        value: 'FILE',
        help: 'File with the password, `-` for standard input; asked for unless said.',
        completes: 'file',
      },
      'token-file': {
        value: 'FILE',
        help: 'File with an API token, `-` for standard input, instead of name and password.',
        completes: 'file',
      },
      name: { value: 'CONTEXT', help: 'What to call it; its host unless said.' },
    },
    run: async (invocation) => {
      const { given, terminal } = invocation;
      const url = webUrl('URL', invocation.args[0]!);
      const name = given.text('name') ?? new URL(url).host;
      // Where nothing can be kept, no token is made that nobody would have.
      await writeContexts(terminal, await readContexts(terminal));
      const context = given.has('token-file') ? await byToken(invocation, url) : await byPassword(invocation, url);
      const { contexts } = await readContexts(terminal);
      const before = contextIn(contexts, name);
      await writeContexts(terminal, { current: name, contexts: { ...contexts, [name]: context } });
      // The one before is in no file any more; where it cannot be revoked it expires.
      if (before) await revoke(invocation, before).catch(() => undefined);
      terminal.tell(`Logged in to ${url} as ${context.username}; the context ${name} is the current one.`);
    },
  },
  {
    name: 'logout',
    summary: 'Revoke the token of the current context and forget it.',
    calls: ['POST /api/v1/auth/logout'],
    run: async (invocation) => {
      const { given, terminal } = invocation;
      const kept = await readContexts(terminal);
      const name = given.text('context') ?? kept.current;
      if (name === undefined) throw new UsageError('There is no context to log out of; `polyvirt context` lists them.');
      const context = requireContext(kept.contexts, name);
      const { [name]: _gone, ...contexts } = kept.contexts;
      try {
        await revoke(invocation, context);
      } catch (error) {
        // The token has ended already.
        if (!(error instanceof ApiProblem && error.problem.code === 'unauthenticated')) throw error;
      } finally {
        await writeContexts(terminal, {
          ...(kept.current !== name && kept.current && { current: kept.current }),
          contexts,
        });
      }
      terminal.tell(`Logged out of ${context.url}.`);
    },
  },
  {
    name: 'whoami',
    summary: 'Show who you are and what you may do.',
    calls: ['GET /api/v1/auth/me'],
    run: async (invocation) => {
      const { data } = await call<Schemas['Me']>(await invocation.client(), 'GET /api/v1/auth/me');
      printItem(
        invocation,
        { columns: [{ header: 'USERNAME', value: (me) => me.user.username }], key: (me) => me.user.username },
        data,
      );
    },
  },
  {
    name: 'preferences set',
    summary: 'Keep language and looks of the web console.',
    calls: ['PATCH /api/v1/auth/me'],
    asPerson: true,
    options: {
      language: { value: 'LANGUAGE', help: 'Such as en or fr.' },
      theme: { value: 'THEME', help: 'Colours.', choices: ['light', 'dark', 'system'] },
      density: { value: 'DENSITY', help: 'Room between lines.', choices: ['comfortable', 'compact'] },
    },
    run: async (invocation) => {
      const { given } = invocation;
      const names = ['language', 'theme', 'density'];
      const preferences = Object.fromEntries(
        names.flatMap((name) => (given.has(name) ? [[name, given.text(name)]] : [])),
      );
      if (Object.keys(preferences).length === 0)
        throw new UsageError('What is to change? Say --language, --theme or --density.');
      const client = await invocation.client();
      const { data } = await call<Schemas['Me']>(client, 'PATCH /api/v1/auth/me', { body: { preferences } });
      printItem(invocation, { columns: [], key: (me) => me.user.username }, data);
    },
  },
  {
    name: 'context',
    summary: 'List the installations that are known, and say which one is used here.',
    calls: [],
    isLocal: true,
    run: async (invocation) => {
      const { terminal, given } = invocation;
      const { current, contexts } = await readContexts(terminal);
      if (given.has('output')) {
        const known = Object.entries(contexts).map(([name, { url, username }]) => ({
          ...{ name, url, current: name === current },
          ...(username !== undefined && { username }),
        }));
        return printItems(invocation, contextView, known);
      }
      for (const [name, { url, username }] of Object.entries(contexts))
        terminal.print(`${name === current ? '*' : ' '} ${name}  ${url}  ${username ?? ''}`.trimEnd());
      const place = await findPlace(terminal, given).catch((error: unknown) => {
        if (error instanceof Exit) return terminal.tell(error.message);
        throw error;
      });
      if (place) terminal.print(`Used here: ${place.options.url} (from ${place.from})`);
    },
  },
  {
    name: 'context use',
    summary: 'Make a context the current one.',
    calls: [],
    isLocal: true,
    args: [{ name: 'NAME', help: 'Its name.', completes: 'context' }],
    run: async ({ terminal, args }) => {
      const kept = await readContexts(terminal);
      requireContext(kept.contexts, args[0]!);
      await writeContexts(terminal, { ...kept, current: args[0]! });
    },
  },
];

/** Ends the token that a log-in has made; one that was brought along is not ours to end. */
async function revoke({ given, terminal }: Invocation, { url, token, tokenId }: Context): Promise<void> {
  if (tokenId === undefined) return;
  const client = clientAt({ options: { url, token } }, terminal, given);
  await call(client, 'DELETE /api/v1/tokens/{id}', { path: { id: tokenId } });
}

async function byToken({ given, terminal }: Invocation, url: string) {
  const secret = (await readText(given.text('token-file')!)).trim();
  const { data } = await call<Schemas['Me']>(
    clientAt({ options: { url, token: secret } }, terminal, given),
    'GET /api/v1/auth/me',
  );
  return { url, username: data.user.username, token: secret };
}

/** The session is traded for a token at once: several commands can use one at the same time, which a session forbids. */
async function byPassword(invocation: Invocation, url: string) {
  const { given, terminal } = invocation;
  if (!given.has('username') && !terminal.isInteractive)
    throw new UsageError('Who? Say --username; there is nobody to ask.');
  const username = given.text('username') ?? (await terminal.ask('User name?'));
  const client = clientAt({ options: { url } }, terminal, given);
  await client.logIn({ username, password: await askSecret(invocation, 'password-file', 'Password?') });
  try {
    const { data: me } = await call<Schemas['Me']>(client, 'GET /api/v1/auth/me');
    const expiresAt = new Date(Date.now() + loginDays * 86_400_000).toISOString();
    const body = {
      name: `polyvirt on ${hostname().slice(0, 50)} ${randomBytes(3).toString('hex')}`,
      scopes: me.permissions,
      expiresAt,
    };
    const { data } = await call<Schemas['CreatedToken']>(client, 'POST /api/v1/tokens', { body });
    return { url, username, token: data.secret, tokenId: data.id };
  } finally {
    await client.logOut();
  }
}
