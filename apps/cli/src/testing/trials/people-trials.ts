import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { importedSettings } from '@polyvirt/config/hypervisor-config';
import type { Trial, Trials } from './trial.ts';

/** A user, made without the programs. */
async function user({ cli, name }: Trial): Promise<{ id: string }> {
  const body = { username: name, password: 'a horse of its own', role: 'viewer' } as const;
  return (await cli.admin.POST('/api/v1/users', { body })).data;
}
const readUser = async ({ cli }: Trial, id: string) =>
  (await cli.admin.GET('/api/v1/users/{id}', { params: { path: { id } } })).data;

async function token({ cli, name }: Trial): Promise<{ id: string }> {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  return (await cli.admin.POST('/api/v1/tokens', { body: { name, scopes: ['vm:read'], expiresAt } })).data;
}

const subscriber = async ({ cli, name }: Trial) =>
  (await cli.admin.POST('/api/v1/subscribers', { body: { name, hosts: ['fake-a'] } })).data;

/** Settings of a user, with a token for an installation that is called `lab`. */
async function home(trial: Trial): Promise<{ env: Record<string, string>; file: string; username: string }> {
  const { username, env: own } = await trial.cli.somebody();
  const env = { XDG_CONFIG_HOME: join(trial.cli.programs.folder, trial.name) };
  const file = join(env.XDG_CONFIG_HOME, 'polyvirt', 'contexts.yaml');
  const { exitCode } = await trial.cli.programs.run(
    'polyvirt',
    ['login', trial.cli.stack.url(), '--token-file', '-', '--name', 'lab'],
    { env, input: own['POLYVIRT_TOKEN']! },
  );
  expect(exitCode).toBe(0);
  return { env, file, username };
}

/** The new password of somebody, from where it is asked for. */
function newPassword({ cli, name }: Trial, inTerminal: boolean, question: RegExp, password: string) {
  const file = join(cli.programs.folder, `new-password-${name}`);
  writeFileSync(file, password);
  return inTerminal ? { words: [], dialogue: [[question, password] as const] } : { words: ['--password-file', file] };
}

export const peopleTrials: Trials = {
  'user list': async (trial) => {
    await user(trial);
    expect(await trial.done(['user', 'list'])).toMatch(new RegExp(`^${trial.name} +viewer`, 'm'));
  },
  'user get': async (trial) => {
    const { id } = await user(trial);
    expect(await trial.done(['user', 'get', trial.name])).toContain(`id: ${id}`);
  },
  'user create': async (trial) => {
    const password = 'a horse of its own';
    const { words, dialogue = [] } = newPassword(trial, trial.inTerminal, /Password of the new user\?/, password);
    const made = await trial.done(['user', 'create', trial.name, '--role', 'operator', ...words], { dialogue });
    expect(made).not.toContain(password);
    await trial.cli.stack.client().logIn({ username: trial.name, password });
  },
  'user set': async (trial) => {
    const { id } = await user(trial);
    const password = 'another horse of its own';
    const { words, dialogue = [] } = newPassword(trial, trial.inTerminal, /New password\?/, password);
    const more = trial.inTerminal ? ['--password'] : words;
    await trial.done(['user', 'set', trial.name, '--role', 'operator', ...more], { dialogue });
    expect(await readUser(trial, id)).toMatchObject({ role: 'operator' });
    await trial.cli.stack.client().logIn({ username: trial.name, password });
  },
  'user delete': async (trial) => {
    const { id } = await user(trial);
    await trial.done(['user', 'delete', trial.name]);
    await expect(readUser(trial, id)).rejects.toMatchObject({ code: 'user-not-found' });
  },
  'user unlock': async (trial) => {
    await user(trial);
    await trial.done(['user', 'unlock', trial.name]);
    const query = { action: 'user.unlock', target: trial.name };
    expect((await trial.cli.admin.GET('/api/v1/audit', { params: { query } })).data.items).toHaveLength(1);
  },
  'user sessions': async (trial) => {
    const { username, password } = await trial.cli.somebody();
    await trial.cli.stack.client().logIn({ username, password });
    expect(await trial.done(['user', 'sessions', username])).toMatch(/^ID +ADDRESS .*\n\S+ +127\.0\.0\.1 /);
  },
  'user log-out': async (trial) => {
    const { username, password } = await trial.cli.somebody();
    const elsewhere = trial.cli.stack.client();
    await elsewhere.logIn({ username, password });
    await trial.done(['user', 'log-out', username]);
    await expect(elsewhere.GET('/api/v1/auth/me')).rejects.toMatchObject({ code: 'unauthenticated' });
  },
  'user link': async (trial) => {
    const as = await trial.cli.person(trial.name);
    const text = await trial.done(['user', 'link'], { as });
    const [, url, link] = /(\S+)\/welcome#(\S+)/.exec(text)!;
    expect(url).toBe(trial.cli.stack.url());
    const body = { link: link!, password: 'a horse that came by link' };
    await trial.cli.stack.client().POST('/api/v1/auth/links/use', { body });
    await trial.cli.stack.client().logIn({ username: trial.name, password: body.password });
  },
  'user password': async (trial) => {
    const as = await trial.cli.person(trial.name);
    const password = 'a better horse of its own';
    const { words, dialogue = [] } = newPassword(trial, trial.inTerminal, /New password\?/, password);
    const text = await trial.done(['user', 'password', ...words], { as, dialogue });
    expect(text).not.toContain('horse');
    await trial.cli.stack.client().logIn({ username: trial.name, password });
  },
  'token list': async (trial) => {
    await token(trial);
    expect(await trial.done(['token', 'list', '-c', 'name,owner'])).toMatch(new RegExp(`^${trial.name} +admin`, 'm'));
  },
  'token get': async (trial) => {
    const { id } = await token(trial);
    expect(await trial.done(['token', 'get', trial.name])).toContain(`id: ${id}`);
  },
  'token create': async (trial) => {
    const as = await trial.cli.somebody();
    const text = await trial.done(['token', 'create', trial.name, '--scopes', 'vm:read', '--expires', '1d'], { as });
    const client = trial.cli.stack.client({ token: text.trim().split('\n').at(-1)! });
    expect((await client.GET('/api/v1/auth/me')).data).toMatchObject({
      user: { username: as.username },
      permissions: ['vm:read'],
    });
  },
  'token delete': async (trial) => {
    const { id } = await token(trial);
    await trial.done(['token', 'delete', trial.name]);
    const gone = trial.cli.admin.GET('/api/v1/tokens/{id}', { params: { path: { id } } });
    await expect(gone).rejects.toMatchObject({ code: 'token-not-found' });
  },
  'session list': async (trial) => {
    const as = await trial.cli.somebody();
    await trial.cli.stack.client().logIn({ username: as.username, password: as.password });
    const text = await trial.done(['session', 'list'], { as });
    expect(text).toMatch(/^ID +ADDRESS/m);
    expect(text).not.toContain('polyvirt/');
    expect(text).toMatch(/ 127\.0\.0\.1 /);
  },
  'session end': async (trial) => {
    const as = await trial.cli.somebody();
    const elsewhere = trial.cli.stack.client();
    await elsewhere.logIn({ username: as.username, password: as.password });
    await trial.done(['session', 'end', '--all'], { as });
    await expect(elsewhere.GET('/api/v1/auth/me')).rejects.toMatchObject({ code: 'unauthenticated' });
  },
  'subscriber list': async (trial) => {
    await subscriber(trial);
    expect(await trial.done(['subscriber', 'list'])).toMatch(new RegExp(`^${trial.name} +fake-a +admin`, 'm'));
  },
  'subscriber get': async (trial) => {
    const { id } = await subscriber(trial);
    expect(await trial.done(['subscriber', 'get', trial.name])).toContain(`id: ${id}`);
  },
  'subscriber create': async (trial) => {
    const text = await trial.done(['subscriber', 'create', trial.name, '--hosts', 'fake-a,fake-b']);
    // What is asked in a terminal stands before it.
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({
      ...{ name: trial.name, hosts: ['fake-a', 'fake-b'] },
      credentials: expect.stringContaining('BEGIN NATS USER JWT'),
    });
  },
  'subscriber delete': async (trial) => {
    const { id } = await subscriber(trial);
    await trial.done(['subscriber', 'delete', trial.name]);
    const gone = trial.cli.admin.GET('/api/v1/subscribers/{id}', { params: { path: { id } } });
    await expect(gone).rejects.toMatchObject({ code: 'subscriber-not-found' });
  },
  'audit list': async ({ done }) => {
    const text = await done(['audit', 'list', '--action', 'token.create', '--limit', '1', '--no-headers']);
    expect(text).toMatch(/^\d{4}-\S+ +\S+ +token\.create .*succeeded/);
  },
  'audit export': async (trial) => {
    await user(trial);
    const words = ['audit', 'export', '--action', 'user.create', '--target', trial.name];
    expect(JSON.parse(await trial.done(words))).toMatchObject({ action: 'user.create', target: trial.name });
    const file = join(trial.cli.programs.folder, `${trial.name}.ndjson`);
    await trial.done([...words, '-f', file]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ target: trial.name });
  },
  'audit verify': async ({ done }) => {
    expect(await done(['audit', 'verify'])).toMatch(/^intact: true$/m);
  },
  login: async (trial) => {
    const { username, password, passwordFile } = await trial.cli.somebody();
    const env = { XDG_CONFIG_HOME: join(trial.cli.programs.folder, trial.name) };
    const words = ['login', trial.cli.stack.url(), '-u', username];
    const text = trial.inTerminal
      ? await trial.done(words, { env, dialogue: [[/Password\?/, password]] })
      : await trial.done([...words, '--password-file', passwordFile], { env });
    expect(text).toContain(`as ${username}`);
    expect(text).not.toContain(password);
    expect(await trial.done(['whoami', '-o', 'name'], { env })).toBe(`${username}\n`);
  },
  logout: async (trial) => {
    const { env, file } = await home(trial);
    await trial.done(['logout'], { env });
    expect(readFileSync(file, 'utf8')).not.toContain('lab');
    await trial.ends(4, ['whoami'], { env });
  },
  whoami: async ({ done }) => {
    expect(await done(['whoami'])).toMatch(/^ +username: admin$/m);
  },
  'preferences set': async (trial) => {
    const as = await trial.cli.somebody();
    expect(await trial.done(['preferences', 'set', '--theme', 'dark'], { as })).toMatch(/^ +theme: dark$/m);
  },
  'import-config': async (trial) => {
    const folder = join(trial.cli.programs.folder, trial.name);
    const file = `${folder}.json`;
    const nutanix = { prism_central_ip: '127.0.0.1:1', username: 'admin', password: 'of Prism' };
    writeFileSync(file, JSON.stringify({ nutanix, vmware: { colour: 'blue' } }));
    const text = await trial.done(['import-config', file, '--data-dir', folder]);
    expect(text).toContain('POLYVIRT_PRISM_ADDRESS is set.');
    expect(text).toContain('vmware.colour is not known');
    expect(text).not.toContain('of Prism');
    const password = join(folder, 'secrets', 'prism-password');
    expect([readFileSync(password, 'utf8'), statSync(password).mode & 0o777]).toEqual(['of Prism\n', 0o600]);
    expect(await importedSettings(folder, {})).toMatchObject({ POLYVIRT_PRISM_USERNAME: 'admin' });
  },
  context: async (trial) => {
    const { env, username } = await home(trial);
    expect(await trial.done(['context'], { env })).toContain(`* lab  ${trial.cli.stack.url()}  ${username}`);
  },
  'context use': async (trial) => {
    const { env, file } = await home(trial);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^current: .*\n/m, ''));
    await trial.done(['context', 'use', 'lab'], { env });
    expect(await trial.done(['context'], { env })).toContain('* lab');
    expect(await trial.ends(2, ['context', 'use', 'nowhere'], { env })).toContain('known: lab');
  },
};
