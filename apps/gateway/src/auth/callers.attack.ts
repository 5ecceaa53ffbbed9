import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { permissions, rolePermissions, type CreatedToken, type Permission, type Role } from '@polyvirt/contracts';
import { TestHouse } from '../testing/test-house.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { IdentityChanges } from './identity-changes.ts';
import { SessionEntity } from './session.entity.ts';

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
}

interface Route {
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
  security?: object[];
  'x-permission'?: Permission | 'logged-in';
  'x-fresh-password'?: boolean;
  'x-only-in-session'?: boolean;
}

/** As fields are called by which somebody gets in. */
const credentialName = /^(?:secret|credentials?|password|link|ticket|(?:access|refresh|join)?token)$/i;

interface Caller {
  readonly name: string;
  readonly token: string | undefined;
  /** Nothing at all without a good credential. */
  readonly may: ReadonlySet<Permission> | undefined;
  readonly isPerson: boolean;
  readonly isFresh: boolean;
}

/** Nothing has these names, so that no call changes anything. */
const nothing: Readonly<Record<string, string>> = {
  ...{ vmId: 'kvm-a~nothing', hostId: 'nowhere', snapshot: 'nothing', path: 'nothing' },
  operationId: '01a20173-ed2a-7034-8e94-ab5d5aad14c5',
  id: '5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90',
};

describe('every route, asked by everybody', () => {
  let house: TestHouse;
  const callers: Caller[] = [];
  let schemas: Record<string, Schema>;
  const routes: { where: string; method: string; url: string; route: Route }[] = [];

  const makeToken = async (token: string, name: string, scopes: readonly Permission[]) => {
    const body = { name, scopes, expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    return (await house.gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token, body })).body;
  };

  beforeAll(async () => {
    house = await TestHouse.start({ environment: { POLYVIRT_METRICS_ACCESS: 'open' } });
    const { paths, components } = (
      await house.call<{
        paths: Record<string, Record<string, Route>>;
        components: { schemas: Record<string, Schema> };
      }>('GET', '/openapi.json')
    ).body;
    ({ schemas } = components);
    for (const [path, methods] of Object.entries(paths))
      for (const [method, route] of Object.entries(methods))
        routes.push({
          where: `${method.toUpperCase()} ${path}`,
          method: method.toUpperCase(),
          url: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => nothing[name] ?? 'nothing'),
          route,
        });
    const person = { isPerson: true, isFresh: true };
    const changes = house.gateway.app.get(IdentityChanges);
    callers.push({ name: 'nobody', token: undefined, may: undefined, ...person });
    callers.push({ name: 'a made-up token', token: 'pv_made-up', may: undefined, ...person });
    for (const role of ['viewer', 'operator', 'admin'] as const satisfies Role[]) {
      const may = rolePermissions[role];
      callers.push({ name: role, token: await house.gateway.as(role), may, ...person });
      const left = await house.gateway.signUp(role);
      await changes.change((manager) => manager.update(SessionEntity, { userId: left.id }, { confirmedAt: 0 }));
      callers.push({ name: `${role}, logged in long ago`, token: left.token, may, isPerson: true, isFresh: false });
      const gone = await house.gateway.signUp(role);
      const robot = await makeToken(gone.token, 'robot', [...may]);
      await house.call('PATCH', `/users/${gone.id}`, { disabled: true });
      for (const [name, token] of Object.entries({ session: gone.token, token: robot.secret }))
        callers.push({ name: `${name} of a disabled ${role}`, token, may: undefined, ...person });
    }
    const out = await house.gateway.signUp('admin');
    const late = await makeToken(out.token, 'late', permissions);
    await changes.change((manager) => manager.update(TokenEntity, { id: late.id }, { expiresAt: Date.now() - 1 }));
    callers.push({ name: 'a token that has expired', token: late.secret, may: undefined, ...person });
    await house.gateway.call('POST', '/api/v1/auth/logout', { body: { refreshToken: out.refreshToken } });
    callers.push({ name: 'an admin who has logged out', token: out.token, may: undefined, ...person });
    for (const scope of permissions) {
      const { secret } = await makeToken(house.token, `only ${scope}`, [scope]);
      callers.push({
        name: `a token of ${scope}`,
        token: secret,
        may: new Set([scope]),
        isPerson: false,
        isFresh: false,
      });
    }
    const demoted = await house.gateway.signUp('admin');
    const { secret } = await makeToken(demoted.token, 'everything', permissions);
    await house.call('PATCH', `/users/${demoted.id}`, { role: 'viewer' });
    callers.push({
      name: 'a token of somebody demoted',
      token: secret,
      may: rolePermissions.viewer,
      isPerson: false,
      isFresh: false,
    });
  });
  afterAll(() => house.stop());

  function due({ security = [], ...route }: Route, { may, isPerson, isFresh }: Caller): string {
    if (security.length === 0) return 'let through';
    if (may === undefined) return 'unauthenticated';
    const permission = route['x-permission'];
    if (permission === undefined || (permission !== 'logged-in' && !may.has(permission))) return 'forbidden';
    if ((route['x-only-in-session'] || route['x-fresh-password']) && !isPerson) return 'forbidden';
    return route['x-fresh-password'] && !isFresh ? 'confirmation-required' : 'let through';
  }

  const fieldsOf = ({ $ref, properties = {}, anyOf = [] }: Schema): string[] => [
    ...($ref === undefined ? [] : fieldsOf(schemas[$ref.split('/').at(-1)!]!)),
    // What has parts tells of a credential, and is none.
    ...Object.entries(properties).flatMap(([name, part]) => (part.properties ? [] : [name])),
    ...anyOf.flatMap(fieldsOf),
  ];
  const gives = ({ responses }: Route): boolean =>
    Object.entries(responses)
      .filter(([status]) => status.startsWith('2'))
      .flatMap(([, { content = {} }]) => Object.values(content).flatMap(({ schema = {} }) => fieldsOf(schema)))
      .some((field) => credentialName.test(field));

  it('makes no credential that lasts without the password, whatever token asks for it', () => {
    const giving = routes.filter(({ route }) => gives(route));
    expect(giving.map(({ where }) => where)).toContain('POST /api/v1/tokens');
    expect(giving.filter(({ route }) => route['x-fresh-password'] !== true).map(({ where }) => where)).toEqual([
      // What they take in their body is a password, or came from one.
      'POST /api/v1/auth/links',
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/refresh',
    ]);
  });

  it('lets through who has what the route demands, and nobody else', async () => {
    const [wrong, codes]: [unknown[], Set<string>] = [
      [],
      new Set(['unauthenticated', 'forbidden', 'confirmation-required']),
    ];
    let cells = 0;
    for (const { where, method, url, route } of routes) {
      // A stream has no end; who may open it is decided by the same guard.
      if (where === 'GET /api/v1/events') continue;
      for (const caller of callers) {
        const { token, name } = caller;
        const answer = await house.gateway.call<{ code?: string } | undefined>(method, url, {
          ...(token !== undefined && { token }),
          ...(method !== 'GET' && { raw: '[]' }),
        });
        const code = answer.body?.code ?? '';
        const said = codes.has(code) ? code : 'let through';
        cells += 1;
        if (said !== due(route, caller)) wrong.push([where, name, said, due(route, caller)]);
      }
    }
    expect(wrong).toEqual([]);
    expect(cells).toBe((routes.length - 1) * callers.length);
    expect(routes.length).toBeGreaterThan(55);
  });
});
