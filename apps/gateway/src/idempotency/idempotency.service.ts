import { Controller, HttpCode, Module, Param, Post, Res } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { ProblemError, type User } from '@polyvirt/contracts';
import type { FastifyReply } from 'fastify';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Database } from '../database/database.ts';
import { adminPassword, problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';
import { IdempotencyEntity } from './idempotency.entity.ts';
import { Idempotency } from './idempotency.ts';
import { OperationReplays } from './operation-replays.ts';

/** What the probe did, and how it is made to behave. */
const probe = { calls: 0, gate: Promise.resolve() as Promise<unknown>, fail: false };

@Controller('probe')
class ProbeController {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  @Post(':id')
  @HttpCode(202)
  @RequirePermission('vm:power')
  @Changes('probe')
  async ask(@Param('id') id: string, @Caller() caller: Caller, @Res({ passthrough: true }) reply: FastifyReply) {
    probe.calls += 1;
    const body = { id, call: probe.calls, status: 'pending' };
    const headers = { location: `/api/v1/probe/${id}` };
    void reply.headers(headers);
    await probe.gate;
    await this.database.transaction(async (manager) => {
      await caller.idempotency?.answer(manager, {
        status: 202,
        body,
        headers,
        ...(id === 'op' && { operationId: id }),
      });
      if (probe.fail) throw new ProblemError('host-offline', 'The host is offline.');
    });
    return body;
  }
}

@Module({ controllers: [ProbeController] })
class ProbeModule {}

describe('Idempotency-Key', () => {
  let gateway: TestGateway;
  let admin: string;
  let operator: string;
  beforeAll(async () => {
    gateway = await startTestGateway({ parts: [ProbeModule] });
    admin = (await gateway.login()).accessToken;
    operator = await gateway.as('operator');
  });
  afterAll(() => gateway.stop());
  beforeEach(() => {
    Object.assign(probe, { calls: 0, gate: Promise.resolve(), fail: false });
  });

  const ask = (key: string, { id = 'a', token = admin, body = {} as unknown } = {}) =>
    gateway.call<{ call: number }>('POST', `/api/v1/probe/${id}`, { token, body, headers: { 'idempotency-key': key } });

  it('gives the first answer again and does nothing more', async () => {
    const first = await ask('repeat');
    const again = await ask('repeat');
    expect(probe.calls).toBe(1);
    expect(again.status).toBe(202);
    expect(again.body).toEqual(first.body);
    expect(again.headers.location).toBe('/api/v1/probe/a');
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(first.headers['idempotency-replayed']).toBeUndefined();
  });

  it('does it again without a key', async () => {
    await gateway.call('POST', '/api/v1/probe/a', { token: admin });
    await gateway.call('POST', '/api/v1/probe/a', { token: admin });
    expect(probe.calls).toBe(2);
  });

  it('refuses the key for another body, another address, and lets another caller have its own', async () => {
    await ask('mine');
    expect(problemIn(await ask('mine', { body: { force: true } })).code).toBe('idempotency-key-reused');
    expect(problemIn(await ask('mine', { id: 'b' })).code).toBe('idempotency-key-reused');
    expect((await ask('mine', { token: operator })).body.call).toBe(2);
    expect(probe.calls).toBe(2);
  });

  it('lets simultaneous repeats wait for the first one', async () => {
    const idempotency = gateway.app.get(Idempotency);
    const opened = jest.spyOn(idempotency, 'open');
    const { promise, resolve } = Promise.withResolvers<void>();
    probe.gate = promise;
    const answers = Promise.all([ask('race'), ask('race'), ask('race'), ask('race')]);
    // All are in, and one of them has come through to the probe.
    await eventually(() => expect([opened.mock.calls.length, probe.calls]).toEqual([4, 1]));
    opened.mockRestore();
    resolve();
    const calls = (await answers).map(({ body }) => body.call);
    expect(calls).toEqual([1, 1, 1, 1]);
    expect(probe.calls).toBe(1);
  });

  it('frees the key of a request that failed', async () => {
    probe.fail = true;
    expect(problemIn(await ask('retry')).code).toBe('host-offline');
    probe.fail = false;
    expect((await ask('retry')).body.call).toBe(2);
    expect((await ask('retry')).body.call).toBe(2);
  });

  it('shows the operation of the first request as it is by now', async () => {
    await ask('operation', { id: 'op' });
    gateway.app.get(OperationReplays).use((id) => Promise.resolve({ status: 200, body: { id, status: 'succeeded' } }));
    const again = await ask('operation', { id: 'op' });
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ id: 'op', status: 'succeeded' });
    expect(again.headers.location).toBe('/api/v1/probe/op');
  });

  it('lets a repeat take over from a request whose gateway was killed', async () => {
    const idempotency = gateway.app.get(Idempotency);
    const request = { caller: 'u', key: 'killed', method: 'POST', url: '/x', body: {} };
    const first = await idempotency.open(request);
    const database = gateway.app.get(Database);
    await database.transaction((manager) =>
      manager.query(`UPDATE idempotency SET "heldUntil" = 1 WHERE status IS NULL`),
    );
    const second = await idempotency.open(request);
    expect([first.kind, second.kind]).toEqual(['first', 'first']);
    if (first.kind !== 'first') throw new Error('unreachable');
    // The one that was presumed dead wakes up: its transaction must fail.
    await expect(
      database.transaction((manager) => first.claim.answer(manager, { status: 202, body: {} })),
    ).rejects.toMatchObject({ code: 'vm-busy' });
    await first.claim.release();
    expect(await database.repository(IdempotencyEntity).countBy({ heldUntil: 1 })).toBe(0);
  });

  it('forgets after its time', async () => {
    await ask('old');
    const database = gateway.app.get(Database);
    await database.transaction((manager) => manager.query('UPDATE idempotency SET "expiresAt" = 1'));
    expect((await ask('old')).body.call).toBe(2);
    await database.transaction((manager) => manager.query('UPDATE idempotency SET "expiresAt" = 1'));
    await gateway.app.get(Idempotency).forgetExpired();
    expect(await database.repository(IdempotencyEntity).count()).toBe(0);
  });

  it('keeps answers sealed, secrets among them', async () => {
    const body = { name: 'sealed', scopes: ['vm:read'], expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    const options = { token: admin, body, headers: { 'idempotency-key': 'sealed' } };
    const first = await gateway.call<{ secret: string }>('POST', '/api/v1/tokens', options);
    const again = await gateway.call<{ secret: string }>('POST', '/api/v1/tokens', options);
    expect(again.body).toEqual(first.body);
    const rows = await gateway.app.get(Database).repository(IdempotencyEntity).find();
    const stored = rows.map(({ answer }) => `${answer} ${Buffer.from(answer ?? '', 'base64').toString()}`).join('\n');
    expect(stored).not.toContain(first.body.secret);
    expect(stored).not.toContain('sealed');
  });

  it('works for a change that makes something, and is nothing to what a password or a token in the body asks for', async () => {
    const user = { username: 'once', role: 'viewer', password: adminPassword };
    const options = { token: admin, body: user, headers: { 'idempotency-key': 'user' } };
    const answers = await Promise.all([1, 2, 3].map(() => gateway.call<User>('POST', '/api/v1/users', options)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const login = {
      body: { username: 'once', password: adminPassword },
      headers: { 'idempotency-key': 'login' },
    };
    const first = await gateway.call('POST', '/api/v1/auth/login', login);
    const again = await gateway.call('POST', '/api/v1/auth/login', login);
    expect(again.headers).not.toHaveProperty('idempotency-replayed');
    expect(again.body).not.toEqual(first.body);
  });

  it.each(['', 'two words', 'ü', 'x'.repeat(256)])('refuses the key %j', async (key) => {
    expect(problemIn(await ask(key))).toMatchObject({
      code: 'invalid-input',
      errors: [{ pointer: 'Idempotency-Key' }],
    });
    expect(probe.calls).toBe(0);
  });
});
