import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import type { Me, TokenPair, User } from '@polyvirt/contracts';
import { onEveryDatabase } from '../testing/on-every-database.ts';
import { adminPassword, problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';

onEveryDatabase('two gateways', (fresh) => {
  let gateways: [TestGateway, TestGateway];
  let admin: string;
  beforeAll(async () => {
    const environment = { POLYVIRT_DATABASE_URL: await fresh() };
    gateways = await Promise.all([startTestGateway({ environment }), startTestGateway({ environment })]);
    admin = (await gateways[0].login()).accessToken;
  });
  afterAll(() => Promise.all(gateways.map((gateway) => gateway.stop())));

  const users = (gateway: TestGateway) => gateway.call<{ items: User[] }>('GET', '/api/v1/users', { token: admin });

  it('make one first admin, and know each other’s log-ins', async () => {
    for (const gateway of gateways) {
      expect((await users(gateway)).body.items.map(({ username }) => username)).toEqual(['admin']);
    }
  });

  it('take a user name once', async () => {
    const body = { username: 'ada', role: 'operator', password: adminPassword };
    const answers = await Promise.all(
      gateways.map((gateway) => gateway.call('POST', '/api/v1/users', { token: admin, body })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(problemIn(answers.find(({ status }) => status === 409)!).code).toBe('name-taken');
  });

  it('do once what is asked of both under one Idempotency-Key', async () => {
    const options = {
      token: admin,
      body: { username: 'grace', role: 'viewer', password: adminPassword },
      headers: { 'idempotency-key': 'grace' },
    };
    const answers = await Promise.all(
      [...gateways, ...gateways].map((gateway) => gateway.call<User>('POST', '/api/v1/users', options)),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(3);
  });

  it('let a refresh token be traded once', async () => {
    const { refreshToken } = await gateways[0].login('ada');
    const answers = await Promise.all(
      gateways.map((gateway) => gateway.call<TokenPair>('POST', '/api/v1/auth/refresh', { body: { refreshToken } })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  });

  it('forget a session that the other one ended, within seconds', async () => {
    const pair = await gateways[0].login('ada');
    const me = () => gateways[1].call<Me>('GET', '/api/v1/auth/me', { token: pair.accessToken });
    expect((await me()).status).toBe(200);
    await gateways[0].call('POST', '/api/v1/auth/logout', { body: { refreshToken: pair.refreshToken } });
    await eventually(async () => expect((await me()).status).toBe(401));
  });
});
