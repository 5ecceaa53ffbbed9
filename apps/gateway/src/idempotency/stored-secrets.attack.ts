import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CreatedToken, LogInLink } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { entities } from '../database/entities.ts';
import { adminPassword, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { IdempotencyEntity } from './idempotency.entity.ts';

const password = 'twelve green bottles';

describe('somebody who reads the database', () => {
  let gateway: TestGateway;
  let token: string;
  beforeAll(async () => {
    gateway = await startTestGateway();
    token = (await gateway.login()).accessToken;
  });
  afterAll(() => gateway.stop());

  const rows = () => gateway.app.get(Database).repository(IdempotencyEntity).find();

  it('finds no digest of a body that they could try passwords on', async () => {
    const body = { username: 'hidden', role: 'viewer', password };
    const headers = { 'idempotency-key': 'key' };
    expect((await gateway.call('POST', '/api/v1/users', { token, body, headers })).status).toBe(201);
    const { fingerprint } = (await rows())[0]!;
    for (const text of [body, { username: 'hidden', password, role: 'viewer' }].map((shape) => JSON.stringify(shape)))
      for (const tried of [text, `POST\0/api/v1/users\0${text}`])
        expect(fingerprint).not.toBe(createHash('sha256').update(tried).digest('hex'));
    expect((await gateway.call('POST', '/api/v1/users', { token, body, headers })).status).toBe(201);
  });

  it('finds nothing kept of a request with a credential in its body, whatever key it carries', async () => {
    const before = (await rows()).length;
    const { body } = await gateway.call<{
      paths: Record<string, Record<string, { parameters?: { $ref?: string }[] }>>;
    }>('GET', '/api/v1/openapi.json');
    const routes = Object.entries(body.paths).filter(([path, { post }]) => path.startsWith('/api/v1/auth/') && post);
    expect(routes.length).toBeGreaterThanOrEqual(5);
    for (const [path, { post }] of routes) {
      expect([path, JSON.stringify(post!.parameters ?? [])]).toEqual([
        path,
        expect.not.stringContaining('Idempotency-Key'),
      ]);
      for (const sent of [
        { username: 'admin', password: adminPassword },
        { refreshToken: 'x' },
        { password: adminPassword },
      ])
        await gateway.call('POST', path, { token, body: sent, headers: { 'idempotency-key': 'guess' } });
    }
    expect(await rows()).toHaveLength(before);
  });

  it('cannot have an answer again that somebody else was given, by guessing the password it was given for', async () => {
    const guess = (tried: string) =>
      gateway.call('POST', '/api/v1/auth/login', {
        body: { username: 'hidden', password: tried },
        headers: { 'idempotency-key': 'known' },
      });
    const first = await guess(password);
    const answers = [];
    for (let count = 0; count < 12; count++) answers.push(await guess(`guess ${count}`));
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(10).fill(401), 429, 429]);
    expect(answers.map(({ text }) => text).join()).not.toContain((first.body as { refreshToken: string }).refreshToken);
  });

  it('finds no password, token or key in any table, nor what an answer that is kept for a repeat gave out', async () => {
    const database = gateway.app.get(Database);
    const { refreshToken } = await gateway.login();
    const repeated = { 'idempotency-key': 'the-same-again' };
    const body = { name: 'ci', scopes: ['vm:read'], expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    const made = await gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token, body, headers: repeated });
    const again = await gateway.call<CreatedToken>('POST', '/api/v1/tokens', { token, body, headers: repeated });
    // It is kept, and by whoever has neither the key nor the secret of the gateway it is not read.
    expect([made.status, again.body.secret]).toEqual([201, made.body.secret]);
    const { body: link } = await gateway.call<LogInLink>('POST', '/api/v1/auth/links', {
      token,
      body: { password: adminPassword },
    });
    const all = await Promise.all(entities.map((entity) => database.repository(entity as never).find()));
    for (const secret of [password, refreshToken, adminPassword, token, made.body.secret, link.link])
      expect(JSON.stringify(all)).not.toContain(secret);
  });
});

describe('another user of the machine', () => {
  it('reads no database, nor one that an earlier release left open', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-open-'));
    const file = join(folder, 'gateway.db');
    const umask = process.umask(0);
    try {
      await writeFile(file, '', { mode: 0o644 });
      const gateway = await startTestGateway({ environment: { POLYVIRT_DATABASE_URL: `sqlite:${file}` } });
      const modes = await Promise.all(
        (await readdir(folder)).map(async (name) => [name, (await stat(join(folder, name))).mode & 0o777] as const),
      );
      await gateway.stop();
      expect(modes.length).toBeGreaterThan(0);
      expect(modes.filter(([, mode]) => (mode & 0o077) !== 0)).toEqual([]);
    } finally {
      process.umask(umask);
      await rm(folder, { recursive: true });
    }
  });
});
