import { createHmac } from 'node:crypto';
import { expect } from '@jest/globals';
import type { Client, components } from '@polyvirt/api-client';
import { requireSuccess } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { streams } from '@polyvirt/contracts';
import { createVm, patienceMs, power } from '../requests.ts';
import type { Stack } from '../stack/stack.ts';

type TokenPair = components['schemas']['TokenPair'];
type Permission = components['schemas']['Permission'];

export const password = 'correct horse battery';
const audience = { iss: 'polyvirt', aud: 'polyvirt-api' };
const dayMs = 24 * 3_600_000;

/** Credentials that requests carry: good ones of several people, and every kind of bad one. */
export type Who =
  | 'admin'
  | 'operator'
  | 'viewer'
  | 'reader-token'
  | 'nobody'
  | 'basic'
  | 'empty bearer'
  | 'two words'
  | 'garbage'
  | 'expired'
  | 'alg none'
  | 'other secret'
  | 'other algorithm'
  | 'other audience'
  | 'other issuer'
  | 'other session'
  | 'tampered'
  | 'cut'
  | 'logged out'
  | 'refresh token'
  | 'unknown api token'
  | 'expired api token'
  | 'revoked api token'
  | 'disabled user';

/** A stack with machines in every state, people of every role, and the means to see that nothing has changed. */
export class World {
  readonly #places = new Map<string, string>();
  readonly #credentials = new Map<Who, string>();

  /** What it was like at the last look, as long as nothing was done since then that may change it. */
  #known: object | undefined;

  private constructor(private readonly stack: Stack) {}

  static async of(stack: Stack): Promise<World> {
    const world = new World(stack);
    await Promise.all([world.#makeMachines(), world.#makePeople()]);
    await world.#goOffline();
    return world;
  }

  get url(): string {
    return this.stack.url();
  }

  credentialOf(who: Who): string | undefined {
    if (who === 'nobody') return undefined;
    const found = this.#credentials.get(who);
    if (found === undefined) throw new RangeError(`nobody is called ${who}`);
    return found;
  }

  /** Id of something that the world has: `stopped`, `endedOperation`. */
  placeOf(name: string): string {
    const found = this.#places.get(name);
    if (found === undefined) throw new RangeError(`there is nothing called ${name}`);
    return found;
  }

  /** Does something, and throws when it has changed anything. */
  async unchangedBy<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#known ?? (await this.look());
    this.forget();
    const result = await work();
    const after = await this.look();
    expect(after).toEqual(before);
    this.#known = after;
    return result;
  }

  /** Something else changes it. */
  forget(): void {
    this.#known = undefined;
  }

  /** All that a request could change: machines, operations, people, tokens, and what was sent to agents. */
  async look(): Promise<object> {
    const { admin, bus } = this.stack;
    const [vms, operations, users, tokens, hosts, { state }] = await Promise.all([
      admin.GET('/api/v1/vms', { params: { query: { limit: 500 } } }),
      admin.GET('/api/v1/operations', { params: { query: { limit: 500 } } }),
      admin.GET('/api/v1/users', { params: { query: { limit: 500 } } }),
      admin.GET('/api/v1/tokens', { params: { query: { limit: 500 } } }),
      admin.GET('/api/v1/hosts'),
      bus.manager.streams.info(streams.commands.name),
    ]);
    return {
      vms: vms.data.items,
      operations: operations.data.items,
      // When somebody was last seen is no change of anything.
      users: users.data.items.map(({ lastLoginAt: _, ...user }) => user),
      hosts: hosts.data.items.map(({ id, state, join, drain }) => ({ id, state, join, drain })),
      tokens: tokens.data.items.map(({ lastUsedAt: _, ...token }) => token),
      commands: state.last_seq,
    };
  }

  async #makeMachines(): Promise<void> {
    const { admin } = this.stack;
    const host = 'fake-a';
    const disks = [{ sizeGiB: 10 }];
    const make = async (name: string, more: object = {}) => {
      const vm = await createVm(admin, { host, name, disks, ...more });
      this.#places.set(name, vm.id);
      return vm;
    };
    const [stopped, , paused] = await Promise.all([
      make('stopped', { nics: [{ network: 'default' }] }),
      make('running', { start: true }),
      make('paused', { start: true }),
      make('suspended', { start: true }),
      make('protected', { protected: true }),
      make('snapshotted'),
      make('sealed'),
      make('busy'),
      make('plain', { host: 'fake-b' }),
      make('away', { host: 'fake-c' }),
    ]);
    this.#places.set('foreign', `fake-b~${stopped.nativeId}`);
    this.#places.set('mac', stopped.nics[0]!.mac!);
    await power(admin, paused.id, 'pause');
    await power(admin, this.placeOf('suspended'), 'suspend');
    await admin.PATCH('/api/v1/vms/{vmId}', {
      body: { template: true },
      params: { path: { vmId: this.placeOf('sealed') }, header: { Prefer: 'wait=60' } },
    });
    const params = { path: { vmId: this.placeOf('snapshotted') }, header: { Prefer: 'wait=60' } };
    const { data: taken } = await admin.POST('/api/v1/vms/{vmId}/snapshots', { body: { name: 'first' }, params });
    this.#places.set('snapshot', requireSuccess(taken).result!.snapshot!);
    this.#places.set('endedOperation', taken.id);

    const key = { 'Idempotency-Key': 'used-once' };
    await admin.POST('/api/v1/vms', {
      body: { host, name: 'keyed' },
      params: { header: { ...key, Prefer: 'wait=60' } },
    });
    await this.stack.fail(host, { at: 'start', hang: true });
    const { data: hanging } = await admin.POST('/api/v1/vms/{vmId}/start', {
      params: { path: { vmId: this.placeOf('busy') } },
    });
    this.#places.set('runningOperation', hanging.id);
    await eventually(async () => {
      const { data } = await admin.GET('/api/v1/operations/{operationId}', {
        params: { path: { operationId: hanging.id } },
      });
      if (data.status !== 'running') throw new Error(`the operation is ${data.status}`);
    });
    const { data: page } = await admin.GET('/api/v1/vms', { params: { query: { limit: 1 } } });
    this.#places.set('cursor', page.nextCursor!);
    const { data: host1 } = await admin.GET('/api/v1/operations', { params: { query: { limit: 1 } } });
    this.#places.set('operationCursor', host1.nextCursor!);
  }

  async #makePeople(): Promise<void> {
    const { admin } = this.stack;
    const { data: me } = await admin.GET('/api/v1/auth/me');
    this.#places.set('admin', me.user.id);
    for (const [username, role] of [
      ['operator', 'operator'],
      ['viewer', 'viewer'],
      ['leaver', 'viewer'],
    ] as const) {
      const { data } = await admin.POST('/api/v1/users', { body: { username, password, role } });
      this.#places.set(username, data.id);
    }
    const bearer = (token: string) => `Bearer ${token}`;
    const logIn = (username: string, secret: string) => this.#logIn(username, secret);
    const [adminPair, operator, viewer, leaver] = await Promise.all([
      logIn('admin', this.stack.adminPassword),
      logIn('operator', password),
      logIn('viewer', password),
      logIn('leaver', password),
    ]);
    this.#credentials.set('admin', bearer(adminPair.accessToken));
    this.#credentials.set('operator', bearer(operator.accessToken));
    this.#credentials.set('viewer', bearer(viewer.accessToken));
    this.#credentials.set('disabled user', bearer(leaver.accessToken));
    await admin.PATCH('/api/v1/users/{id}', {
      params: { path: { id: this.placeOf('leaver') } },
      body: { disabled: true },
    });

    const tokens = await this.#makeTokens(admin);
    for (const [who, secret] of Object.entries(tokens)) this.#credentials.set(who as Who, bearer(secret));
    const left = await logIn('viewer', password);
    await this.stack.client({ session: left }).logOut();
    const forged: Partial<Record<Who, string>> = {
      basic: `Basic ${Buffer.from(`admin:${this.stack.adminPassword}`).toString('base64')}`,
      'empty bearer': 'Bearer ',
      'two words': `Bearer ${adminPair.accessToken} x`,
      garbage: bearer('garbage'),
      'logged out': bearer(left.accessToken),
      'refresh token': bearer(adminPair.refreshToken),
      'unknown api token': bearer(`pv_${'A'.repeat(43)}`),
      ...this.#forgeriesOf(adminPair.accessToken),
    };
    for (const [who, credential] of Object.entries(forged)) this.#credentials.set(who as Who, credential);
  }

  async #makeTokens(admin: Client): Promise<Partial<Record<Who, string>>> {
    const make = async (name: string, scopes: Permission[], livesMs: number) =>
      (
        await admin.POST('/api/v1/tokens', {
          body: { name, scopes, expiresAt: new Date(Date.now() + livesMs).toISOString() },
        })
      ).data;
    const [reader, expired, revoked] = await Promise.all([
      make('reader', ['vm:read'], dayMs),
      make('expired', ['vm:read'], 1_500),
      make('revoked', ['vm:read'], dayMs),
    ]);
    this.#places.set('readerToken', reader.id);
    await admin.DELETE('/api/v1/tokens/{id}', { params: { path: { id: revoked.id } } });
    return { 'reader-token': reader.secret, 'expired api token': expired.secret, 'revoked api token': revoked.secret };
  }

  /** What somebody could make out of a good access token, with and without the secret. */
  #forgeriesOf(token: string): Partial<Record<Who, string>> {
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const secret = this.stack.jwtSecret;
    const signed = (body: object, { alg = 'HS256', hash = 'sha256', key = secret } = {}) => {
      const text = `${encode({ alg, typ: 'JWT' })}.${encode(body)}`;
      return `Bearer ${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
    };
    const now = Math.floor(Date.now() / 1_000);
    return {
      expired: signed({ ...claims, ...audience, exp: now - 60 }),
      'alg none': `Bearer ${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      'other secret': signed(claims, { key: 'another secret of a good length' }),
      'other algorithm': signed(claims, { alg: 'HS512', hash: 'sha512' }),
      'other audience': signed({ ...claims, aud: 'another-api' }),
      'other issuer': signed({ ...claims, iss: 'another-issuer' }),
      'other session': signed({ ...claims, sid: 'another-session' }),
      tampered: `Bearer ${header}.${encode({ ...claims, sub: this.placeOf('viewer') })}.${signature}`,
      cut: `Bearer ${token.slice(0, -3)}`,
    };
  }

  async #logIn(username: string, secret: string): Promise<TokenPair> {
    const { data } = await this.stack.client().POST('/api/v1/auth/login', { body: { username, password: secret } });
    return data as TokenPair;
  }

  /** Resolves when `fake-c` has been silent for long enough. */
  async #goOffline(): Promise<void> {
    await this.stack.kill('agent-fake-c');
    await eventually(async () => {
      const { data } = await this.stack.admin.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId: 'fake-c' } } });
      if (data.state !== 'offline') throw new Error(`the host is ${data.state}`);
    }, patienceMs);
  }
}
