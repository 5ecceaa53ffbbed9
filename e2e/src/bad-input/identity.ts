import { bad, type BadRequest } from './bad-request.ts';
import { password, type Who } from './world.ts';

const invalid = '400 invalid-input';
const nothing = '00000000-0000-4000-8000-000000000000';

const forgeries: Who[] = [
  'nobody',
  'basic',
  'empty bearer',
  'two words',
  'garbage',
  'expired',
  'alg none',
  'other secret',
  'other algorithm',
  'other audience',
  'other issuer',
  'other session',
  'tampered',
  'cut',
  'logged out',
  'refresh token',
  'unknown api token',
  'expired api token',
  'revoked api token',
  'disabled user',
];

const credentials: BadRequest[] = forgeries.flatMap((as) => [
  bad('401 unauthenticated', `read with a credential that is ${as}`, 'GET /vms', { as }),
  bad('401 unauthenticated', `start with a credential that is ${as}`, 'POST /vms/{stopped}/start', { as }),
]);

const login = (expected: BadRequest['expected'], what: string, body: unknown) =>
  bad(expected, `log-in: ${what}`, 'POST /auth/login', { as: 'nobody', body });
const logins: BadRequest[] = [
  login(invalid, 'nothing', {}),
  login(invalid, 'no password', { username: 'viewer' }),
  login(invalid, 'a password that is a number', { username: 'viewer', password: 1 }),
  login(invalid, 'a password that is an object', { username: 'viewer', password: { $ne: null } }),
  login(invalid, 'a list of users', { username: ['viewer'], password }),
  login(invalid, 'an unknown field', { username: 'viewer', password, role: 'admin' }),
  login(invalid, 'a user name of 65 characters', { username: 'x'.repeat(65), password }),
  login(invalid, 'a password of 1,025 characters', { username: 'viewer', password: 'x'.repeat(1_025) }),
  login('401 unauthenticated', 'a wrong password', { username: 'operator', password: 'wrong' }),
  login('401 unauthenticated', 'somebody whom nobody knows', { username: 'mallory', password }),
  login('401 unauthenticated', 'somebody who is disabled', { username: 'leaver', password }),
  login('401 unauthenticated', 'SQL', { username: "admin' --", password: "' OR '1'='1" }),
  login('401 unauthenticated', 'a NUL behind the name', { username: 'viewer\0', password }),
  bad('401 unauthenticated', 'refresh: nothing', 'POST /auth/refresh', { as: 'nobody', body: {} }),
  bad('401 unauthenticated', 'refresh: garbage', 'POST /auth/refresh', {
    as: 'nobody',
    body: { refreshToken: 'garbage' },
  }),
];

const user = (expected: BadRequest['expected'], what: string, fields: object) =>
  bad(expected, `user: ${what}`, 'POST /users', { body: { username: 'new', password, role: 'viewer', ...fields } });
const people: BadRequest[] = [
  ...['', '../x', 'a b', '-a', 'a-', 'x'.repeat(65), 'ä', 'a\n'].map((username) =>
    user(invalid, `name ${JSON.stringify(username.slice(0, 20))}`, { username }),
  ),
  user(invalid, 'a short password', { password: 'short' }),
  user(invalid, 'a password of 73 bytes', { password: 'x'.repeat(73) }),
  user(invalid, 'a role that there is not', { role: 'root' }),
  user(invalid, 'an unknown field', { isAdmin: true }),
  user('409 name-taken', 'a name that is in use', { username: 'viewer' }),
  user('409 name-taken', 'a name in use, in other letters', { username: 'VIEWER' }),
  bad(invalid, 'user: nothing to change', 'PATCH /users/{viewer}', { body: {} }),
  bad(invalid, 'user: an id that is none', 'PATCH /users/1', { body: { role: 'admin' } }),
  bad('404 user-not-found', 'user: an id of nobody', `PATCH /users/${nothing}`, { body: { role: 'admin' } }),
  bad('404 user-not-found', 'user: removal of nobody', `DELETE /users/${nothing}`),
  bad('409 wrong-state', 'user: removal of the last administrator', 'DELETE /users/{admin}'),
  bad('409 wrong-state', 'user: the last administrator as a viewer', 'PATCH /users/{admin}', {
    body: { role: 'viewer' },
  }),
  bad('412 stale-revision', 'user: If-Match of the past', 'PATCH /users/{viewer}', {
    body: { role: 'operator' },
    headers: { 'if-match': '"999"' },
  }),
];

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const token = (expected: BadRequest['expected'], what: string, fields: object, as: Who = 'admin') =>
  bad(expected, `token: ${what}`, 'POST /tokens', {
    as,
    body: { name: 'ci', scopes: ['vm:read'], expiresAt: inAnHour(), ...fields },
  });
const tokens: BadRequest[] = [
  token(invalid, 'no name', { name: '' }),
  token(invalid, 'no scopes', { scopes: [] }),
  token(invalid, 'a scope that there is not', { scopes: ['vm:explode'] }),
  token(invalid, 'an end that is over', { expiresAt: '2020-01-01T00:00:00Z' }),
  token(invalid, 'an end in ten years', { expiresAt: '2036-12-01T00:00:00Z' }),
  token('403 forbidden', 'a scope beyond the role', { scopes: ['vm:delete'] }, 'viewer'),
  token('403 forbidden', 'a token that makes a token', {}, 'reader-token'),
  bad('404 token-not-found', 'token: removal of nothing', `DELETE /tokens/${nothing}`),
  bad('404 token-not-found', "token: removal of somebody else's", 'DELETE /tokens/{readerToken}', { as: 'operator' }),
];

/** Every route that changes something about a VM, an operation or a user. */
const changing = [
  'POST /vms',
  'POST /vms/batch',
  'PATCH /vms/{stopped}',
  'DELETE /vms/{stopped}',
  ...['start', 'stop', 'restart', 'suspend', 'resume', 'pause', 'reset', 'clone', 'console', 'snapshots'].map(
    (action) => `POST /vms/{stopped}/${action}` as const,
  ),
  'POST /vms/{snapshotted}/snapshots/{snapshot}/revert',
  'DELETE /vms/{snapshotted}/snapshots/{snapshot}',
  'POST /operations/{runningOperation}/cancel',
  'POST /operations/{runningOperation}/retry',
] as const;
const administering = [
  'GET /users',
  'POST /users',
  'PATCH /users/{viewer}',
  'DELETE /users/{viewer}',
  'GET /users/{viewer}',
  'GET /audit',
] as const;

/** A good body of a route, so that nothing but the role is in the way. */
const bodies: Partial<Record<string, unknown>> = {
  'POST /vms': { host: 'fake-a', name: 'new' },
  'POST /vms/batch': { action: 'start', filter: { host: 'fake-a' } },
  'PATCH /vms/{stopped}': { cpus: 2 },
  'POST /vms/{stopped}/clone': { name: 'copy' },
  'POST /vms/{stopped}/snapshots': { name: 's' },
  'POST /users': { username: 'new', password, role: 'admin' },
  'PATCH /users/{viewer}': { role: 'admin' },
};
const refused =
  (expected: BadRequest['expected'], as: Who) => (request: (typeof changing | typeof administering)[number]) =>
    bad(expected, `${request} as ${as}`, request, {
      as,
      ...(bodies[request] !== undefined && { body: bodies[request] }),
    });

const roles: BadRequest[] = [
  ...changing.map(refused('403 forbidden', 'viewer')),
  ...changing.map(refused('403 forbidden', 'reader-token')),
  ...changing.map(refused('401 unauthenticated', 'nobody')),
  ...administering.map(refused('403 forbidden', 'viewer')),
  ...administering.map(refused('403 forbidden', 'operator')),
  ...administering.map(refused('401 unauthenticated', 'nobody')),
  bad('403 forbidden', 'hosts with a token for VMs', 'GET /hosts', { as: 'reader-token' }),
  bad('403 forbidden', 'events with a token for VMs', 'GET /events', { as: 'reader-token' }),
];

export const identity: BadRequest[] = [...credentials, ...logins, ...people, ...tokens, ...roles];
