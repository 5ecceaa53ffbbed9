import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createClient, type Client, type components } from '@polyvirt/api-client';
import { call, listAll } from '../api.ts';
import { confirm, yesOption } from '../change.ts';
import { findPlace, readContexts, webUrl, writeContexts } from '../contexts.ts';
import { Exit, UsageError, type Argument, type Command, type Invocation } from '../declaration.ts';
import { exitCodes } from '../exit-codes.ts';
import { printItem } from '../output/print.ts';
import { auditView, tokenView, userView } from '../output/views.ts';
import { seconds } from '../parse.ts';
import { listOptions, showList } from '../watch.ts';
import { readText } from './vm-create.ts';

type Schemas = components['schemas'];
type User = Schemas['User'];
type Token = Schemas['ApiToken'];

const user: Argument = { name: 'USER', help: 'User name or id.', completes: 'user' };
const token: Argument = { name: 'TOKEN', help: 'Id of the token, or a name that no other has.', completes: 'token' };
const roles = ['viewer', 'operator', 'admin'];
/** How long a log-in lasts. */
const loginDays = 90;

async function findUser(invocation: Invocation, named: string): Promise<User> {
  const users = await listAll<User>(await invocation.client(), 'GET /api/v1/users');
  const found = users.find(({ id, username }) => id === named || username === named);
  if (!found)
    throw new Exit(
      exitCodes.notFound.code,
      `There is no user ${JSON.stringify(named)}. \`polyvirt user list\` shows them.`,
    );
  return found;
}

async function findToken(invocation: Invocation, named: string): Promise<Token> {
  const tokens = await listAll<Token>(await invocation.client(), 'GET /api/v1/tokens');
  const fitting = tokens.filter(({ id, name }) => id === named || name === named);
  if (fitting.length > 1)
    throw new Exit(
      exitCodes.conflict.code,
      `${fitting.length} tokens are called ${JSON.stringify(named)}; say the id.`,
    );
  if (!fitting[0])
    throw new Exit(
      exitCodes.notFound.code,
      `There is no token ${JSON.stringify(named)}. \`polyvirt token list\` shows them.`,
    );
  return fitting[0];
}

const passwordOption = {
  'password-file': { value: 'FILE', help: 'File with the password, `-` for standard input; asked for unless said.' },
};

async function password({ given, terminal }: Invocation, option: string, question: string): Promise<string> {
  const file = given.text(option);
  if (file !== undefined) return (await readText(file)).replace(/\r?\n$/, '');
  if (!terminal.isInteractive) throw new UsageError(`${question} Say --${option}; there is nobody to ask.`);
  return terminal.ask(question, { hidden: true });
}

/** What only a person may do, and no token: with the password, in a session that ends when it is done. */
async function asPerson<Result>(
  invocation: Invocation,
  secret: () => Promise<string>,
  act: (client: Client, secret: string) => Promise<Result>,
): Promise<Result> {
  const client = await invocation.client();
  const { data: me } = await call<Schemas['Me']>(client, 'GET /api/v1/auth/me');
  const text = await secret();
  const person = createClient({ url: client.url });
  await person.logIn({ username: me.user.username, password: text });
  try {
    return await act(person, text);
  } finally {
    // A change of the password has ended the session already.
    await person.logOut().catch(() => undefined);
  }
}

export const userCommands: readonly Command[] = [
  {
    name: 'user list',
    summary: 'List users.',
    calls: ['GET /api/v1/users'],
    options: listOptions,
    run: (invocation) => showList<User>(invocation, { route: 'GET /api/v1/users', view: userView }),
  },
  {
    name: 'user get',
    summary: 'Show a user.',
    calls: ['GET /api/v1/users/{id}'],
    args: [user],
    run: async (invocation) => {
      const { id } = await findUser(invocation, invocation.args[0]!);
      printItem(
        invocation,
        userView,
        (await call<User>(await invocation.client(), 'GET /api/v1/users/{id}', { path: { id } })).data,
      );
    },
  },
  {
    name: 'user create',
    summary: 'Create a user.',
    calls: ['POST /api/v1/users'],
    args: [{ name: 'USERNAME', help: 'Letters, digits, dots, dashes.' }],
    options: { role: { value: 'ROLE', help: 'Role; viewer unless said.', choices: roles }, ...passwordOption },
    run: async (invocation) => {
      const client = await invocation.client();
      const body = {
        username: invocation.args[0],
        role: invocation.given.text('role') ?? 'viewer',
        password: await password(invocation, 'password-file', 'Password of the new user?'),
      };
      printItem(invocation, userView, (await call<User>(client, 'POST /api/v1/users', { body })).data);
    },
  },
  {
    name: 'user set',
    summary: 'Change the role or password of a user, or lock it out.',
    calls: ['PATCH /api/v1/users/{id}'],
    args: [user],
    options: {
      role: { value: 'ROLE', help: 'Role.', choices: roles },
      disable: { help: 'Refuse it.' },
      enable: { help: 'Admit it again.' },
      ...passwordOption,
    },
    run: async (invocation) => {
      const { given } = invocation;
      const body = {
        ...(given.has('role') && { role: given.text('role') }),
        ...(given.flag('disable') && { disabled: true }),
        ...(given.flag('enable') && { disabled: false }),
        ...(given.has('password-file') && { password: await password(invocation, 'password-file', '') }),
      };
      if (Object.keys(body).length === 0)
        throw new UsageError('What is to change? Say --role, --disable, --enable or --password-file.');
      const { id } = await findUser(invocation, invocation.args[0]!);
      const client = await invocation.client();
      printItem(
        invocation,
        userView,
        (await call<User>(client, 'PATCH /api/v1/users/{id}', { path: { id }, body })).data,
      );
    },
  },
  {
    name: 'user delete',
    summary: 'Delete a user.',
    calls: ['DELETE /api/v1/users/{id}'],
    args: [user],
    options: yesOption,
    run: async (invocation) => {
      const { id, username } = await findUser(invocation, invocation.args[0]!);
      await confirm(invocation, `Delete the user ${username}?`);
      await call(await invocation.client(), 'DELETE /api/v1/users/{id}', { path: { id } });
    },
  },
  {
    name: 'user password',
    summary: 'Change your own password.',
    calls: ['POST /api/v1/auth/password'],
    options: {
      ...passwordOption,
      'current-file': { value: 'FILE', help: 'File with the present password; asked for unless said.' },
    },
    run: async (invocation) => {
      const present = () => password(invocation, 'current-file', 'Present password?');
      await asPerson(invocation, present, async (client, current) => {
        const body = { current, password: await password(invocation, 'password-file', 'New password?') };
        await call(client, 'POST /api/v1/auth/password', { body });
      });
    },
  },
];

export const tokenCommands: readonly Command[] = [
  {
    name: 'token list',
    summary: 'List API tokens.',
    calls: ['GET /api/v1/tokens'],
    options: listOptions,
    run: (invocation) => showList<Token>(invocation, { route: 'GET /api/v1/tokens', view: tokenView }),
  },
  {
    name: 'token get',
    summary: 'Show an API token.',
    calls: ['GET /api/v1/tokens/{id}'],
    args: [token],
    run: async (invocation) => {
      const { id } = await findToken(invocation, invocation.args[0]!);
      printItem(
        invocation,
        tokenView,
        (await call<Token>(await invocation.client(), 'GET /api/v1/tokens/{id}', { path: { id } })).data,
      );
    },
  },
  {
    name: 'token create',
    summary: 'Create an API token; its secret is shown this once.',
    calls: ['POST /api/v1/tokens'],
    args: [{ name: 'NAME', help: 'What it is for.' }],
    options: {
      scopes: { value: 'SCOPES', help: 'Permissions with commas: vm:read,vm:power; all that you have unless said.' },
      expires: { value: 'DURATION', help: 'How long it is good for; 90d unless said.' },
      ...passwordOption,
    },
    run: async (invocation) => {
      const { args, given, terminal } = invocation;
      const lasts = seconds('expires', given.text('expires') ?? `${loginDays}d`);
      const data = await asPerson(
        invocation,
        () => password(invocation, 'password-file', 'Your password?'),
        async (client) => {
          const scopes =
            given.text('scopes')?.split(',') ??
            (await call<Schemas['Me']>(client, 'GET /api/v1/auth/me')).data.permissions;
          const expiresAt = new Date(Date.now() + lasts * 1_000).toISOString();
          const body = { name: args[0], scopes, expiresAt };
          return (await call<Schemas['CreatedToken']>(client, 'POST /api/v1/tokens', { body })).data;
        },
      );
      if (given.has('output')) printItem(invocation, tokenView, data);
      else terminal.print(data.secret);
    },
  },
  {
    name: 'token delete',
    summary: 'Revoke an API token.',
    calls: ['DELETE /api/v1/tokens/{id}'],
    args: [token],
    run: async (invocation) => {
      const { id } = await findToken(invocation, invocation.args[0]!);
      await call(await invocation.client(), 'DELETE /api/v1/tokens/{id}', { path: { id } });
    },
  },
];

export const auditCommand: Command = {
  name: 'audit list',
  summary: 'Show who did what, from where, and how it ended.',
  calls: ['GET /api/v1/audit'],
  options: {
    actor: { value: 'USER', help: 'By this user.' },
    action: { value: 'ACTION', help: 'Such as vm.start.' },
    target: { value: 'ID', help: 'To this VM, user or token.' },
    outcome: { value: 'OUTCOME', help: 'accepted, succeeded, failed, cancelled or refused.' },
    from: { value: 'TIME', help: 'Not before.' },
    to: { value: 'TIME', help: 'Not after.' },
    ...listOptions,
  },
  run: (invocation) => {
    const { given } = invocation;
    const names = ['actor', 'action', 'target', 'outcome', 'from', 'to'];
    const query = Object.fromEntries(names.flatMap((name) => (given.has(name) ? [[name, given.text(name)]] : [])));
    return showList(invocation, { route: 'GET /api/v1/audit', query, view: auditView });
  },
};

export const sessionCommands: readonly Command[] = [
  {
    name: 'login',
    summary: 'Log in to an installation and keep a token for it.',
    calls: ['POST /api/v1/auth/login'],
    args: [{ name: 'URL', help: 'Where it is: https://polyvirt.example:8443.' }],
    options: {
      username: { short: 'u', value: 'NAME', help: 'User; asked for unless said.' },
      ...passwordOption,
      'token-file': {
        value: 'FILE',
        help: 'File with an API token, `-` for standard input, instead of name and password.',
      },
      name: { value: 'CONTEXT', help: 'What to call it; its host unless said.' },
    },
    run: async (invocation) => {
      const { given, terminal } = invocation;
      const url = webUrl('URL', invocation.args[0]!);
      const name = given.text('name') ?? new URL(url).host;
      const context = given.has('token-file') ? await byToken(invocation, url) : await byPassword(invocation, url);
      const kept = await readContexts(terminal);
      await writeContexts(terminal, { current: name, contexts: { ...kept.contexts, [name]: context } });
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
      const context = name === undefined ? undefined : kept.contexts[name];
      if (name === undefined || !context)
        throw new UsageError('There is no context to log out of; `polyvirt context` lists them.');
      const { [name]: _gone, ...contexts } = kept.contexts;
      try {
        const client = createClient({ url: context.url, token: context.token });
        if (context.tokenId !== undefined)
          await call(client, 'DELETE /api/v1/tokens/{id}', { path: { id: context.tokenId } });
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
    options: {
      language: { value: 'LANGUAGE', help: 'Such as en or fr.' },
      theme: { value: 'THEME', help: 'Colours.', choices: ['light', 'dark', 'system'] },
      density: { value: 'DENSITY', help: 'Room between lines.', choices: ['comfortable', 'compact'] },
      ...passwordOption,
    },
    run: async (invocation) => {
      const { given } = invocation;
      const names = ['language', 'theme', 'density'];
      const preferences = Object.fromEntries(
        names.flatMap((name) => (given.has(name) ? [[name, given.text(name)]] : [])),
      );
      if (Object.keys(preferences).length === 0)
        throw new UsageError('What is to change? Say --language, --theme or --density.');
      const data = await asPerson(
        invocation,
        () => password(invocation, 'password-file', 'Your password?'),
        async (client) => {
          return (await call<Schemas['Me']>(client, 'PATCH /api/v1/auth/me', { body: { preferences } })).data;
        },
      );
      printItem(invocation, { columns: [], key: (me) => me.user.username }, data);
    },
  },
  {
    name: 'context',
    summary: 'List the installations that are known, and say which one is used here.',
    calls: [],
    run: async ({ terminal, given }) => {
      const { current, contexts } = await readContexts(terminal);
      for (const [name, { url, username }] of Object.entries(contexts))
        terminal.print(`${name === current ? '*' : ' '} ${name}  ${url}  ${username ?? ''}`.trimEnd());
      const place = await findPlace(terminal, given);
      terminal.print(`Used here: ${place.options.url} (from ${place.from})`);
    },
  },
  {
    name: 'context use',
    summary: 'Make a context the current one.',
    calls: [],
    args: [{ name: 'NAME', help: 'Its name.', completes: 'context' }],
    run: async ({ terminal, args }) => {
      const kept = await readContexts(terminal);
      if (!kept.contexts[args[0]!])
        throw new UsageError(
          `There is no context ${JSON.stringify(args[0])}; known: ${Object.keys(kept.contexts).join(', ') || 'none'}.`,
        );
      await writeContexts(terminal, { ...kept, current: args[0]! });
    },
  },
];

async function byToken({ given }: Invocation, url: string) {
  const secret = (await readText(given.text('token-file')!)).trim();
  const { data } = await call<Schemas['Me']>(createClient({ url, token: secret }), 'GET /api/v1/auth/me');
  return { url, username: data.user.username, token: secret };
}

/** The session is traded for a token at once: several commands can use one at the same time, which a session forbids. */
async function byPassword(invocation: Invocation, url: string) {
  const { given, terminal } = invocation;
  if (!given.has('username') && !terminal.isInteractive)
    throw new UsageError('Who? Say --username; there is nobody to ask.');
  const username = given.text('username') ?? (await terminal.ask('User name?'));
  const client = createClient({ url });
  await client.logIn({ username, password: await password(invocation, 'password-file', 'Password?') });
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
