import { expect } from '@jest/globals';
import type { Client, components } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { emptyRequest, mayOf, permissions, routes, type Permission, type Role, type Route } from './identity/routes.ts';
import { createVm, deleteVm, operationWhen, patienceMs, power, readVm, waiting } from './requests.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

type User = components['schemas']['User'];
type TokenPair = components['schemas']['TokenPair'];
type AuditRecord = components['schemas']['AuditRecord'];

const host = 'fake-a';
const story = storiesOn({ agents: [{ kind: 'fake', id: host }] }, standAmongPeople);

const password = 'correct horse battery';
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const unauthenticated = { code: 'unauthenticated', status: 401 };
const forbidden = { code: 'forbidden', status: 403 };

async function makeUser({ admin }: Stack, username: string, role: Role): Promise<User> {
  return (await admin.POST('/api/v1/users', { body: { username, password, role } })).data;
}

const editUser = (stack: Stack, { id }: User, body: components['schemas']['EditUserInput']) =>
  stack.admin.PATCH('/api/v1/users/{id}', { params: { path: { id } }, body });

/** A client with the tokens of one log-in: when they are refused it does not log in again. */
async function loggedIn(stack: Stack, username: string, secret = password): Promise<Client> {
  const client = stack.client();
  await client.logIn({ username, password: secret });
  return client;
}

const makeToken = async (client: Client, name: string, scopes: readonly Permission[], livesMs = 3_600_000) =>
  (await client.POST('/api/v1/tokens', { body: { name, scopes: [...scopes], expiresAt: inMs(livesMs) } })).data;

const me = async (client: Client) => (await client.GET('/api/v1/auth/me')).data;
const look = (client: Client) => client.GET('/api/v1/vms');

/** What the audit holds of something, oldest first. */
async function audited({ admin }: Stack, query: object): Promise<AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const record of admin.items('/api/v1/audit', { query })) found.push(record);
  return found.reverse();
}

interface Somebody {
  readonly name: string;
  readonly client: Client;
  readonly may: readonly Permission[] | undefined;
}
const everybody: Somebody[] = [];

/** What somebody is answered who calls a route: `200`, or a status with the code of the problem. */
async function answerTo(client: Client, request: Request): Promise<string> {
  const response = await client.send(request);
  if (response.ok) {
    await response.body?.cancel();
    return 'let through';
  }
  const { code } = (await response.json()) as { code: string };
  return [401, 403].includes(response.status) ? `${response.status} ${code}` : 'let through';
}

const dueTo = ({ access, isPersonal }: Route, { name, may }: Somebody): string => {
  if (access === 'public') return 'let through';
  if (may === undefined) return '401 unauthenticated';
  if (isPersonal && name.startsWith('token')) return '403 forbidden';
  return access === 'logged-in' || may.includes(access) ? 'let through' : '403 forbidden';
};

/** People of every role, and a token of every scope. */
async function standAmongPeople(stack: Stack): Promise<void> {
  everybody.push({ name: 'nobody', client: stack.client(), may: undefined });
  for (const role of ['viewer', 'operator', 'admin'] as const) {
    await makeUser(stack, role === 'admin' ? 'second-admin' : role, role);
    const client = await loggedIn(stack, role === 'admin' ? 'second-admin' : role);
    everybody.push({ name: role, client, may: mayOf[role] });
  }
  for (const scope of permissions) {
    const { secret } = await makeToken(stack.admin, `only ${scope}`, [scope]);
    everybody.push({ name: `token of ${scope}`, client: stack.client({ token: secret }), may: [scope] });
  }
}

story('gives everybody what their role allows', async () => {
  for (const { name, client, may } of everybody.filter(({ name }) => name in mayOf))
    expect([name, [...(await me(client)).permissions].sort()]).toEqual([name, [...may!].sort()]);
});

story('has a row for every route that the document shows', async (stack) => {
  const response = await fetch(`${stack.url()}/api/v1/openapi.json`);
  const document = (await response.json()) as { paths: Record<string, Record<string, { 'x-permission'?: string }>> };
  const shown = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, route]) => `${method.toUpperCase()} ${path} ${route['x-permission'] ?? 'public'}`,
    ),
  );
  const outside = ['/healthz', '/readyz', '/metrics'].map((path) => `GET ${path} public`);
  const rows = routes.map(({ method, path, access }) => `${method} ${path} ${access}`);
  expect([...rows, ...outside].sort()).toEqual(shown.sort());
});

for (const route of routes) {
  story(`lets through to ${route.method} ${route.path} exactly those with ${route.access}`, async (stack) => {
    const answers = await Promise.all(
      everybody.map(async ({ name, client }) => [name, await answerTo(client, emptyRequest(stack.url(), route))]),
    );
    expect(answers).toEqual(everybody.map((somebody) => [somebody.name, dueTo(route, somebody)]));
  });
}

story('makes users who can do what their role allows, at once another role, and at once nothing', async (stack) => {
  const { admin } = stack;
  const { data: ada, response } = await admin.POST('/api/v1/users', {
    body: { username: 'Ada', password, role: 'viewer' },
  });
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toBe(`/api/v1/users/${ada.id}`);
  const client = await loggedIn(stack, 'ada');
  expect((await me(client)).user).toMatchObject({ username: 'Ada', role: 'viewer', disabled: false });
  await expect(createVm(client, { host, name: 'hers' })).rejects.toMatchObject(forbidden);
  await editUser(stack, ada, { role: 'operator' });
  const { id: vmId } = await createVm(client, { host, name: 'hers' });
  await expect(client.GET('/api/v1/users')).rejects.toMatchObject(forbidden);
  await editUser(stack, ada, { role: 'viewer' });
  await expect(deleteVm(client, vmId)).rejects.toMatchObject(forbidden);
  expect((await readVm(client, vmId)).name).toBe('hers');

  // A new password ends what was begun with the old one.
  const another = 'another horse battery';
  await editUser(stack, ada, { password: another });
  await expect(look(client)).rejects.toMatchObject(unauthenticated);
  await expect(loggedIn(stack, 'Ada')).rejects.toMatchObject(unauthenticated);
  const again = await loggedIn(stack, 'Ada', another);
  const { secret } = await makeToken(again, 'ci', ['vm:read']);
  const robot = stack.client({ token: secret });
  await look(robot);

  await editUser(stack, ada, { disabled: true });
  for (const refused of [again, robot]) await expect(look(refused)).rejects.toMatchObject(unauthenticated);
  await expect(loggedIn(stack, 'Ada', another)).rejects.toMatchObject(unauthenticated);
  await editUser(stack, ada, { disabled: false });
  await look(robot);
  await look(await loggedIn(stack, 'Ada', another));

  await admin.DELETE('/api/v1/users/{id}', { params: { path: { id: ada.id } } });
  await expect(look(robot)).rejects.toMatchObject(unauthenticated);
  await expect(admin.GET('/api/v1/users/{id}', { params: { path: { id: ada.id } } })).rejects.toMatchObject({
    code: 'user-not-found',
  });
  const actions = (await audited(stack, { actor: 'admin' })).filter(({ target }) => target?.startsWith('Ada'));
  expect(actions.map(({ action, target, detail }) => `${action} ${target} ${detail ?? ''}`)).toEqual([
    'user.create Ada role: viewer',
    'user.edit Ada role: viewer → operator',
    'user.edit Ada role: operator → viewer',
    'user.edit Ada password: new, 0 API tokens ended',
    'user.edit Ada disabled: false → true',
    'user.edit Ada disabled: true → false',
    'user.delete Ada ',
  ]);
});

story('keeps an administrator, whatever is asked for', async (stack) => {
  const { data: users } = await stack.admin.GET('/api/v1/users');
  const admins = users.items.filter(({ role }) => role === 'admin');
  expect(admins.map(({ username }) => username)).toEqual(['admin', 'second-admin']);
  await editUser(stack, admins[1]!, { disabled: true });
  try {
    await expect(editUser(stack, admins[0]!, { disabled: true })).rejects.toMatchObject({ code: 'wrong-state' });
    await expect(editUser(stack, admins[0]!, { role: 'viewer' })).rejects.toMatchObject({ code: 'wrong-state' });
    expect((await me(stack.admin)).user).toMatchObject({ role: 'admin', disabled: false });
  } finally {
    await editUser(stack, admins[1]!, { disabled: false });
    // The session ended with the account.
    const { client } = everybody.find(({ name }) => name === 'admin')!;
    await client.logIn({ username: 'second-admin', password });
  }
});

story('gives tokens that end with their scope, their time, their owner’s role and their revocation', async (stack) => {
  const grace = await makeUser(stack, 'grace', 'operator');
  const owner = await loggedIn(stack, 'grace');
  const created = await makeToken(owner, 'CI 🚀', ['vm:read', 'vm:power', 'operation:read']);
  expect(created.secret.startsWith(created.prefix)).toBe(true);
  const { secret, ...shown } = created;
  const { data: list } = await owner.GET('/api/v1/tokens');
  expect(list.items).toEqual([shown]);
  await expect(makeToken(owner, 'CI 🚀', ['vm:read'])).rejects.toMatchObject({ code: 'name-taken' });
  await expect(makeToken(owner, 'more', ['user:manage'])).rejects.toMatchObject(forbidden);

  const robot = stack.client({ token: secret });
  expect(await me(robot)).toMatchObject({ token: { id: created.id, name: 'CI 🚀' }, user: { username: 'grace' } });
  const { id: vmId } = await createVm(stack.admin, { host, name: 'for the robot' });
  expect((await power(robot, vmId, 'start')).requestedBy).toBe('grace/CI 🚀');
  await expect(deleteVm(robot, vmId)).rejects.toMatchObject(forbidden);
  await expect(makeToken(robot, 'child', ['vm:read'])).rejects.toMatchObject(forbidden);
  // A batch demands the permission of what it asks for.
  const batch = (action: 'stop' | 'delete') =>
    robot.POST('/api/v1/vms/batch', {
      body: { ids: [vmId], action, params: action === 'stop' ? { force: true } : {} },
      params: { header: waiting },
    });
  expect((await batch('stop')).data.status).toBe('succeeded');
  await expect(batch('delete')).rejects.toMatchObject(forbidden);
  expect((await owner.GET('/api/v1/tokens')).data.items[0]?.lastUsedAt).toBeDefined();

  await editUser(stack, grace, { role: 'viewer' });
  await look(robot);
  await expect(power(robot, vmId, 'start')).rejects.toMatchObject(forbidden);

  const brief = await makeToken(owner, 'brief', ['vm:read'], 10_000);
  const late = stack.client({ token: brief.secret });
  await look(late);
  await eventually(async () => {
    await expect(look(late)).rejects.toMatchObject(unauthenticated);
  }, patienceMs);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(brief.expiresAt));

  const strangers = (await loggedIn(stack, 'viewer')).DELETE('/api/v1/tokens/{id}', {
    params: { path: { id: created.id } },
  });
  await expect(strangers).rejects.toMatchObject({ code: 'token-not-found' });
  await look(robot);
  await owner.DELETE('/api/v1/tokens/{id}', { params: { path: { id: created.id } } });
  await expect(look(robot)).rejects.toMatchObject(unauthenticated);
  const trail = await audited(stack, { actor: 'grace' });
  expect(trail.map(({ action, target, outcome }) => `${action} ${target ?? ''} ${outcome}`)).toEqual([
    'auth.login  succeeded',
    'token.create CI 🚀 succeeded',
    'token.create  refused',
    'token.create  refused',
    'token.create brief succeeded',
    'token.delete CI 🚀 succeeded',
  ]);
});

story('ends a session whose refresh token is used twice', async (stack) => {
  const trade = async (refreshToken: string): Promise<TokenPair> => {
    const { data } = await stack.client().POST('/api/v1/auth/refresh', { body: { refreshToken } });
    return data as TokenPair;
  };
  const answer = await stack.client().POST('/api/v1/auth/login', { body: { username: 'operator', password } });
  const first = answer.data as TokenPair;
  const second = await trade(first.refreshToken);
  const bearer = stack.client({ token: second.accessToken });
  await look(bearer);
  await expect(trade(first.refreshToken)).rejects.toMatchObject(unauthenticated);
  await expect(look(bearer)).rejects.toMatchObject(unauthenticated);
  await expect(trade(second.refreshToken)).rejects.toMatchObject(unauthenticated);
  const [theft] = await audited(stack, { action: 'auth.refresh', outcome: 'refused', actor: 'operator' });
  expect(theft).toMatchObject({ actor: 'operator', outcome: 'refused', address: '127.0.0.1' });
});

story('writes down who asked for what about a machine, and how it ended', async (stack) => {
  const { admin } = stack;
  const operator = await loggedIn(stack, 'operator');
  const { id: vmId } = await createVm(operator, { host, name: 'watched' });
  const params = { path: { vmId }, header: waiting };
  await power(operator, vmId, 'start');
  await stack.fail(host, { at: 'stop', failWith: 'host-rejected', times: 1 });
  await operator.POST('/api/v1/vms/{vmId}/stop', { params });
  await stack.fail(host, { at: 'reset', hang: true, times: 1 });
  const { data: reset } = await operator.POST('/api/v1/vms/{vmId}/reset', { params: { path: { vmId } } });
  await operationWhen(admin, reset.id, ({ status }) => status === 'running');
  await expect(power(operator, vmId, 'stop')).rejects.toMatchObject({ code: 'vm-busy' });
  const pending = await audited(stack, { operationId: reset.id });
  expect(pending.map(({ action, outcome }) => [action, outcome])).toEqual([
    ['vm.reset', 'accepted'],
    ['vm.stop', 'refused'],
  ]);
  await operator.POST('/api/v1/operations/{operationId}/cancel', {
    params: { path: { operationId: reset.id }, header: waiting },
  });
  await operator.PATCH('/api/v1/vms/{vmId}', { params, body: { notes: 'secret of the house' } });
  await expect(power(await loggedIn(stack, 'viewer'), vmId, 'stop')).rejects.toMatchObject(forbidden);
  const { data: batch } = await operator.POST('/api/v1/vms/batch', {
    body: { ids: [vmId], action: 'stop', params: { force: true } },
    params: { header: waiting },
  });
  await deleteVm(operator, vmId);

  const trail = (await audited(stack, { target: vmId })).map(
    ({ actor, action, outcome, code }) => `${actor} ${action} ${outcome}${code ? ` ${code}` : ''}`,
  );
  expect(trail).toEqual([
    'operator vm.start succeeded',
    'operator vm.stop failed host-rejected',
    'operator vm.reset cancelled',
    'operator vm.stop refused vm-busy',
    'operator vm.annotate succeeded',
    'viewer vm.stop refused forbidden',
    'operator vm.stop succeeded',
    'operator vm.delete succeeded',
  ]);
  const [whole] = await audited(stack, { operationId: batch.id });
  expect(whole).toMatchObject({ action: 'batch', target: 'stop of 1 VMs', outcome: 'succeeded', actor: 'operator' });
  const [cancel] = await audited(stack, { action: 'operation.cancel', actor: 'operator', outcome: 'accepted' });
  expect(cancel?.target).toBe(reset.id);
  for (const record of await audited(stack, {})) {
    expect(record.address).toBe('127.0.0.1');
    expect(JSON.stringify(record)).not.toMatch(/secret of the house|horse battery|pv_[A-Za-z0-9]/);
  }
});

story('stops listening to guesses of a password, and says for how long', async (stack) => {
  await makeUser(stack, 'mallory', 'viewer');
  const guesses = Array.from({ length: 10 }, (_, n) => loggedIn(stack, 'mallory', `guess ${n}`));
  for (const guess of await Promise.allSettled(guesses))
    expect(guess).toMatchObject({ status: 'rejected', reason: unauthenticated });
  // Not even with the right one any more, in whatever case the name is written.
  for (const name of ['mallory', 'MALLORY'])
    await expect(loggedIn(stack, name)).rejects.toMatchObject({
      code: 'too-many-requests',
      retryable: true,
      problem: { retryAfterSeconds: expect.any(Number) },
    });
  const response = await fetch(`${stack.url()}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'mallory', password }),
  });
  expect([response.status, Number(response.headers.get('retry-after')) > 0]).toEqual([429, true]);
  await look(await loggedIn(stack, 'viewer'));
  const refused = await audited(stack, { action: 'auth.login', outcome: 'refused', target: 'mallory' });
  expect(refused.map(({ actor, code }) => `${actor} ${code}`)).toEqual([
    ...Array<string>(10).fill('- unauthenticated'),
    ...Array<string>(3).fill('- too-many-requests'),
  ]);
});
