import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { ModuleMetadata } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfig } from '@polyvirt/config';
import type { Problem, Role, TokenPair, User } from '@polyvirt/contracts';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { gatewayConfig } from '../config.ts';
import { createGateway } from '../gateway.ts';
import type { GatewayTimes } from '../times.ts';

// A gateway takes seconds to start on a machine that runs other suites beside.
jest.setTimeout(60_000);

/** What goes by the clock in production goes by it here as well, only sooner. */
const quick: Partial<GatewayTimes> = {
  identityPollMs: 50,
  operationSweepMs: 100,
  batchLookMs: 100,
  streamTickMs: 50,
  queryWithinMs: 30_000,
  guessWaitMs: 10,
};
/** The least that bcrypt takes: in production it is slow on purpose. */
const passwordCost = 4;

export const adminPassword = 'correct horse battery';
const jwtSecret = 'a secret of the tests, of enough length';

export interface Answer<Body = unknown> {
  status: number;
  headers: Record<string, string>;
  body: Body;
  text: string;
}

export interface TestGateway {
  readonly app: NestFastifyApplication;
  readonly databaseUrl: string;
  /** Calls the API without a network; `token` becomes the bearer. */
  call<Body = unknown>(method: string, url: string, request?: CallOptions): Promise<Answer<Body>>;
  login(username?: string, password?: string): Promise<TokenPair>;
  /** Makes a user with that role, of a name that nobody has had, and logs it in. */
  signUp(role: Role): Promise<SignedUp>;
  /** The token of such a user. */
  as(role: Role): Promise<string>;
  /** May be called more than once. */
  stop(): Promise<void>;
}

export interface SignedUp {
  readonly id: string;
  readonly username: string;
  readonly token: string;
  readonly refreshToken: string;
}

export interface CallOptions {
  token?: string;
  body?: unknown;
  /** Sent as it is, instead of a JSON body. */
  raw?: string | Buffer;
  headers?: Record<string, string>;
}

export interface TestGatewayOptions {
  /** Settings beside those of every test. */
  environment?: Record<string, string>;
  parts?: ModuleMetadata['imports'];
  times?: Partial<GatewayTimes> | undefined;
  busRealm?: string | undefined;
}

/** A gateway of its own: a new SQLite file unless told otherwise, and no bus. */
export async function startTestGateway({
  environment = {},
  parts = [],
  times,
  busRealm,
}: TestGatewayOptions = {}): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'polyvirt-gateway-'));
  const databaseUrl = environment.POLYVIRT_DATABASE_URL ?? `sqlite:${join(folder, 'gateway.db')}`;
  const config = readConfig(gatewayConfig, {
    POLYVIRT_JWT_SECRET: jwtSecret,
    POLYVIRT_ADMIN_PASSWORD: adminPassword,
    POLYVIRT_LOG_LEVEL: 'silent',
    ...environment,
    POLYVIRT_DATABASE_URL: databaseUrl,
  });
  const app = await createGateway(config, { parts, passwordCost, busRealm, times: { ...quick, ...times } });
  await app.init();
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  await server.ready();

  const call: TestGateway['call'] = async <Body>(method: string, url: string, options: CallOptions = {}) => {
    const { token, body, raw, headers } = options;
    const answer = await server.inject({
      method: method as InjectOptions['method'] & string,
      url,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...((body !== undefined || raw !== undefined) && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(raw !== undefined ? { payload: raw } : body !== undefined && { payload: JSON.stringify(body) }),
    });
    const json = /[/+]json/.test(String(answer.headers['content-type']));
    return {
      status: answer.statusCode,
      headers: answer.headers as Record<string, string>,
      text: answer.body,
      body: (json && answer.body !== '' ? JSON.parse(answer.body) : answer.body) as Body,
    };
  };
  const login: TestGateway['login'] = async (username = 'admin', password = adminPassword) => {
    const answer = await call<TokenPair>('POST', '/api/v1/auth/login', { body: { username, password } });
    if (answer.status !== 200) throw new Error(`log-in of ${username}: ${answer.text}`);
    return answer.body;
  };
  let users = 0;
  let stopping: Promise<void> | undefined;
  const signUp: TestGateway['signUp'] = async (role) => {
    const username = `${role}-${(users += 1)}`;
    const { accessToken: admin } = await login();
    const body = { username, password: adminPassword, role };
    const { id } = (await call<User>('POST', '/api/v1/users', { token: admin, body })).body;
    const { accessToken: token, refreshToken } = await login(username);
    return { id, username, token, refreshToken };
  };
  return {
    app,
    databaseUrl,
    call,
    login,
    signUp,
    as: async (role) => (await signUp(role)).token,
    stop: () => (stopping ??= app.close().then(() => rm(folder, { recursive: true }))),
  };
}

export const problemIn = (answer: Answer): Problem => answer.body as Problem;
