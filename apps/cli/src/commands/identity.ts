import type { components } from '@polyvirt/api-client';
import { call, listAll } from '../api.ts';
import { confirm, yesOption } from '../change.ts';
import { Exit, UsageError, type Argument, type Command, type Invocation, type Option } from '../declaration.ts';
import { exitCodes } from '../exit-codes.ts';
import { printItem, printItems } from '../output/print.ts';
import { sessionView, tokenView, userView } from '../output/views.ts';
import { seconds } from '../parse.ts';
import { askSecret } from '../person.ts';
import { listOptions, showList } from '../watch.ts';

type Schemas = components['schemas'];
type User = Schemas['User'];
type Token = Schemas['ApiToken'];
type Session = Schemas['Session'];

const user: Argument = { name: 'USER', help: 'User name or id.', completes: 'user' };
const token: Argument = { name: 'TOKEN', help: 'Id of the token, or a name that no other has.', completes: 'token' };
const roles = ['viewer', 'operator', 'admin'];
const passwordFile: Option = {
  value: 'FILE',
  help: 'File with the new password, `-` for standard input.',
  completes: 'file',
};
/** How long a token is good for unless said. */
const tokenDays = 90;

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
    asPerson: true,
    options: {
      role: { value: 'ROLE', help: 'Role; viewer unless said.', choices: roles },
      'password-file': { ...passwordFile, help: `${passwordFile.help} Asked for unless said.` },
    },
    run: async (invocation) => {
      const client = await invocation.client();
      const body = {
        username: invocation.args[0],
        role: invocation.given.text('role') ?? 'viewer',
        password: await askSecret(invocation, 'password-file', 'Password of the new user?'),
      };
      printItem(invocation, userView, (await call<User>(client, 'POST /api/v1/users', { body })).data);
    },
  },
  {
    name: 'user set',
    summary: 'Change the role or password of a user, or lock it out.',
    calls: ['PATCH /api/v1/users/{id}'],
    asPerson: true,
    args: [user],
    options: {
      role: { value: 'ROLE', help: 'Role.', choices: roles },
      disable: { help: 'Refuse it.', excludes: ['enable'] },
      enable: { help: 'Admit it again.' },
      password: { help: 'Ask for a new password; its sessions and API tokens end.' },
      'password-file': passwordFile,
      'keep-tokens': { help: 'With a new password: its API tokens continue to work.' },
    },
    run: async (invocation) => {
      const { given } = invocation;
      const sets = given.flag('password') || given.has('password-file');
      const isChange = sets || ['role', 'disable', 'enable'].some((name) => given.has(name));
      if (!isChange) throw new UsageError('What is to change? Say --role, --disable, --enable or --password.');
      const client = await invocation.client();
      const { id } = await findUser(invocation, invocation.args[0]!);
      const body = {
        ...(given.has('role') && { role: given.text('role') }),
        ...(given.flag('disable') && { disabled: true }),
        ...(given.flag('enable') && { disabled: false }),
        ...(sets && { password: await askSecret(invocation, 'password-file', 'New password?') }),
        ...(given.flag('keep-tokens') && { tokens: 'keep' }),
      };
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
    asPerson: true,
    args: [user],
    options: yesOption,
    run: async (invocation) => {
      const { id, username } = await findUser(invocation, invocation.args[0]!);
      await confirm(invocation, `Delete the user ${username}?`);
      await call(await invocation.client(), 'DELETE /api/v1/users/{id}', { path: { id } });
    },
  },
  {
    name: 'user unlock',
    summary: 'Let a user log in who has to wait after too many wrong passwords.',
    calls: ['POST /api/v1/users/{id}/unlock'],
    args: [user],
    run: async (invocation) => {
      const { id } = await findUser(invocation, invocation.args[0]!);
      await call(await invocation.client(), 'POST /api/v1/users/{id}/unlock', { path: { id } });
    },
  },
  {
    name: 'user sessions',
    summary: 'List where a user is logged in.',
    calls: ['GET /api/v1/users/{id}/sessions'],
    args: [user],
    run: async (invocation) => {
      const { id } = await findUser(invocation, invocation.args[0]!);
      const sessions = await listAll<Session>(await invocation.client(), 'GET /api/v1/users/{id}/sessions', {
        path: { id },
      });
      printItems(invocation, sessionView, sessions);
    },
  },
  {
    name: 'user log-out',
    summary: 'End all sessions of a user, who has to log in again. API tokens stay.',
    calls: ['DELETE /api/v1/users/{id}/sessions'],
    args: [user],
    run: async (invocation) => {
      const { id } = await findUser(invocation, invocation.args[0]!);
      await call(await invocation.client(), 'DELETE /api/v1/users/{id}/sessions', { path: { id } });
    },
  },
  {
    name: 'user password',
    summary: 'Change your own password.',
    calls: ['POST /api/v1/auth/password'],
    asPerson: true,
    options: { 'password-file': { ...passwordFile, help: `${passwordFile.help} Asked for unless said.` } },
    run: async (invocation) => {
      const current = await invocation.password();
      const body = { current, password: await askSecret(invocation, 'password-file', 'New password?') };
      await call(await invocation.client(), 'POST /api/v1/auth/password', { body });
    },
  },
  {
    name: 'user link',
    summary: 'Make a link that sets a new password for you in the web console, once, within a day.',
    calls: ['POST /api/v1/auth/links'],
    asPerson: true,
    run: async (invocation) => {
      const client = await invocation.client();
      const body = { password: await invocation.password() };
      const { data } = await call<Schemas['LogInLink']>(client, 'POST /api/v1/auth/links', { body });
      invocation.terminal.print(`${client.url}/welcome#${data.link}`);
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
    asPerson: true,
    options: {
      scopes: { value: 'SCOPES', help: 'Permissions with commas: vm:read,vm:power; all that you have unless said.' },
      expires: { value: 'DURATION', duration: true, help: 'How long it is good for; 90d unless said.' },
    },
    run: async (invocation) => {
      const { args, given, terminal } = invocation;
      const lasts = seconds('expires', given.text('expires') ?? `${tokenDays}d`);
      const client = await invocation.client();
      const scopes =
        given.text('scopes')?.split(',') ?? (await call<Schemas['Me']>(client, 'GET /api/v1/auth/me')).data.permissions;
      const expiresAt = new Date(Date.now() + lasts * 1_000).toISOString();
      const body = { name: args[0], scopes, expiresAt };
      const { data } = await call<Schemas['CreatedToken']>(client, 'POST /api/v1/tokens', { body });
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
