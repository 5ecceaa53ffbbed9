import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { LogInLink } from '@polyvirt/contracts';
import { adminPassword, problemIn, startTestGateway, type TestGateway } from '../testing/test-gateway.ts';

const links = '/api/v1/auth/links';
const chosen = 'a password of my own';

describe('a log-in link', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  const make = async (token: string) =>
    (await gateway.call<LogInLink>('POST', links, { token, body: { password: adminPassword } })).body.link;
  const use = (link: string, password = chosen) =>
    gateway.call<{ username: string }>('POST', `${links}/use`, { body: { link, password } });
  const statusOf = async (token: string) => (await gateway.call('GET', '/api/v1/auth/me', { token })).status;

  it('sets the password once, of several who come with it for one, and ends every session', async () => {
    const { username, token } = await gateway.signUp('operator');
    const link = await make(token);
    const answers = await Promise.all([use(link), use(link, 'a password of another')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    const index = answers.findIndex(({ status }) => status === 200);
    expect(answers[index]!.body).toEqual({ username });
    expect(await statusOf(token)).toBe(401);
    await gateway.login(username, [chosen, 'a password of another'][index]);
    expect(problemIn(await use(link)).detail).toContain('The link was used');
  });

  it('is worth nothing once the password has changed, and nothing in the name of another', async () => {
    const { username, token } = await gateway.signUp('operator');
    const link = await make(token);
    const body = { current: adminPassword, password: chosen };
    expect((await gateway.call('POST', '/api/v1/auth/password', { token, body })).status).toBe(204);
    expect((await use(link)).status).toBe(401);

    const other = await gateway.signUp('viewer');
    const [, until, signature] = (await make(other.token)).split('.');
    const { body: me } = await gateway.call<{ user: { id: string } }>('GET', '/api/v1/auth/me', { token });
    for (const forged of [
      `${me.user.id}.${until}.${signature}`,
      `${other.id}.${Number(until) + 1}.${signature}`,
      `${other.id}.Infinity.${signature}`,
      `${other.id}.${until}.`,
      `${other.id}.${until}`,
      'x',
    ])
      expect([forged, (await use(forged)).status]).toEqual([forged, 401]);
    await gateway.login(username, chosen);
    expect(await statusOf(other.token)).toBe(200);
  });

  it('takes the password to be made, a session, and no weak password to be used', async () => {
    const { token } = await gateway.signUp('viewer');
    const wrong = await gateway.call('POST', links, { token, body: { password: 'wrong' } });
    expect(problemIn(wrong)).toMatchObject({ code: 'invalid-input', errors: [{ pointer: '/password' }] });
    const link = await make(token);
    expect(problemIn(await use(link, 'password1234'))).toMatchObject({ errors: [{ pointer: '/password' }] });
    expect((await use(link)).status).toBe(200);
  });

  it('ends after a day', async () => {
    const { token } = await gateway.signUp('viewer');
    const link = await make(token);
    const later = Date.now() + 24 * 3_600_000 + 60_000;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(later);
    try {
      expect((await use(link)).status).toBe(401);
    } finally {
      clock.mockRestore();
    }
    expect((await use(link)).status).toBe(200);
  });
});
