import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditRecord, Page, TokenPair } from '@polyvirt/contracts';
import { adminPassword, problemIn, startTestGateway, type Answer, type TestGateway } from '../testing/test-gateway.ts';

const login = '/api/v1/auth/login';
const guessWaitMs = 15;

/** Addresses of the documentation networks, which the gateway believes a proxy to have seen. */
describe('somebody who guesses the password of somebody else', () => {
  let gateway: TestGateway;
  let admin: string;
  beforeAll(async () => {
    gateway = await startTestGateway({ environment: { POLYVIRT_TRUST_PROXY: '127.0.0.1' }, times: { guessWaitMs } });
    admin = (await gateway.login()).accessToken;
  });
  afterAll(() => gateway.stop());

  const attempt = (
    username: string,
    password: string,
    from: string,
    { session, cookie }: { session?: 'cookie'; cookie?: string } = {},
  ): Promise<Answer<TokenPair>> =>
    gateway.call<TokenPair>('POST', login, {
      body: { username, password, ...(session && { session }) },
      headers: { 'x-forwarded-for': from, ...(cookie !== undefined && { cookie }) },
    });
  /** From each address as often as it takes to be refused there. */
  async function exhaust(username: string, addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      for (let count = 0; count < 10; count++) await attempt(username, 'wrong', address);
      expect((await attempt(username, 'wrong', address)).status).toBe(429);
    }
  }
  const addressesOf = (network: string, count: number) =>
    Array.from({ length: count }, (_, n) => `${network}.${n + 1}`);

  it('locks out where they guess from, and not the one whose account it is', async () => {
    const { username } = await gateway.signUp('viewer');
    await exhaust(username, ['192.0.2.1']);
    expect((await attempt(username, adminPassword, '192.0.2.1')).status).toBe(429);
    expect((await attempt(username, adminPassword, '198.51.100.7')).status).toBe(200);
  });

  it('is one place with all the addresses of a network, however each is written', async () => {
    const { username } = await gateway.signUp('viewer');
    const addresses = [
      '2001:db8:5:6::1',
      '2001:0db8:0005:0006:ffff::2',
      '2001:DB8:5:6:1:2:3:4',
      '2001:db8:5:6:0:0:0:9',
    ];
    const guess = async (count: number) =>
      (await attempt(username, 'wrong', addresses[count % addresses.length]!)).status;
    const heard = [];
    for (let count = 0; count < 12; count++) heard.push(await guess(count));
    expect(heard).toEqual([...Array<number>(10).fill(401), 429, 429]);
    expect((await attempt(username, 'wrong', '2001:db8:5:7::1')).status).toBe(401);
  });

  it('keeps nobody out who has logged in from there, or in that browser, before', async () => {
    const { username } = await gateway.signUp('viewer');
    const first = await attempt(username, adminPassword, '198.51.100.8', { session: 'cookie' });
    const device = [first.headers['set-cookie']].flat().find((cookie) => cookie?.startsWith('polyvirt_device='))!;
    expect(device).toMatch(/HttpOnly/i);
    await exhaust(username, addressesOf('203.0.113', 6));
    // At an address that has been guessed from as well, which is what a shared way out of an office is.
    const cookie = device.split(';', 1)[0]!;
    expect((await attempt(username, adminPassword, '203.0.113.1', { cookie })).status).toBe(200);
    expect((await attempt(username, adminPassword, '198.51.100.8')).status).toBe(200);
  });

  it('gains nothing by the cookie of another account, or one that was made up', async () => {
    const { username } = await gateway.signUp('viewer');
    const stranger = await gateway.signUp('viewer');
    const own = await attempt(stranger.username, adminPassword, '192.0.2.3', { session: 'cookie' });
    const theirs = [own.headers['set-cookie']].flat().find((cookie) => cookie?.startsWith('polyvirt_device='))!;
    await exhaust(username, ['192.0.2.4']);
    for (const cookie of [theirs.split(';', 1)[0]!, 'polyvirt_device=made-up'])
      expect((await attempt(username, 'wrong', '192.0.2.4', { cookie })).status).toBe(429);
  });

  it('is slowed down and not refused once many places guess, so that the owner comes in from a new one', async () => {
    const { username } = await gateway.signUp('viewer');
    await exhaust(
      username,
      addressesOf('192.0.2', 6).map((address) => address.replace('192.0.2', '203.0.114')),
    );
    const begun = performance.now();
    const addresses = addressesOf('198.51.100', 6);
    const answers = await Promise.all(addresses.map((address) => attempt(username, adminPassword, address)));
    expect(answers.map(({ status }) => status)).toEqual(addresses.map(() => 200));
    // A timer may be early by a millisecond.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(addresses.length * (guessWaitMs - 1));
  });

  // More than there is room for; and no more, as then it would be chance.
  it.each([
    [150, 'one network', (n: number) => `198.19.0.${n}`],
    [90, 'as many networks', (n: number) => `198.18.${n}.1`],
  ])('keeps nobody out by guesses from %i addresses of %s at once', async (crowd, _, addressAt) => {
    const { username } = await gateway.signUp('viewer');
    await exhaust(username, addressesOf('203.0.115', 6));
    const attack = new AbortController();
    const answers: Promise<number>[] = [];
    const guessing = Array.from({ length: crowd }, async (_, n) => {
      for (let count = 0; count < 3 && !attack.signal.aborted; count++) {
        const answer = attempt(username, 'wrong', addressAt(n)).then(({ status }) => status);
        answers.push(answer);
        await answer;
      }
    });
    try {
      // By then somebody of them has had a turn, and all the others wait for theirs.
      await Promise.race(answers);
      expect((await attempt(username, adminPassword, '198.51.100.99')).status).toBe(200);
    } finally {
      attack.abort();
      await Promise.all(guessing);
    }
  });

  it('is let go by an admin', async () => {
    const { id, username, token } = await gateway.signUp('operator');
    await exhaust(username, ['127.0.0.1']);
    const unlock = (bearer: string) => gateway.call('POST', `/api/v1/users/${id}/unlock`, { token: bearer });
    expect(problemIn(await unlock(token)).code).toBe('forbidden');
    expect((await unlock(admin)).status).toBe(204);
    expect((await attempt(username, adminPassword, '127.0.0.1')).status).toBe(200);
  });

  const confirm = (token: string, password: string, from: string) =>
    gateway.call('POST', '/api/v1/auth/confirm', {
      token,
      body: { password },
      headers: { 'x-forwarded-for': from },
    });

  it('keeps nobody from confirming their own password who is logged in, wherever they are', async () => {
    const { username, token } = await gateway.signUp('viewer');
    await exhaust(username, ['192.0.2.40']);
    expect((await confirm(token, adminPassword, '192.0.2.40')).status).toBe(200);
  });

  it('has no more guesses in a session that was taken over, from however many addresses', async () => {
    const { token } = await gateway.signUp('viewer');
    const heard = [];
    for (const address of addressesOf('192.0.3', 12)) heard.push((await confirm(token, 'wrong', address)).status);
    expect(heard).toEqual([...Array<number>(10).fill(400), 429, 429]);
  });

  it('is counted by the account, however its name is written', async () => {
    const { username } = await gateway.signUp('viewer');
    const spellings = [
      username,
      username.toUpperCase(),
      `${username} `,
      ` ${username}`,
      `${username}\u0000`,
      `${username}\u200b`,
    ];
    for (const spelling of spellings.slice(2))
      expect([spelling, (await attempt(spelling, adminPassword, '192.0.2.9')).status]).toEqual([spelling, 401]);
    let heard = 0;
    for (let count = 0; count < 30; count++)
      if ((await attempt(spellings[count % 2]!, 'wrong', '192.0.2.10')).status === 401) heard += 1;
    expect(heard).toBe(10);
  });

  it('leaves a trace of what was refused by the limit, and nothing of what was typed as a name', async () => {
    const { username } = await gateway.signUp('viewer');
    await exhaust(username, ['192.0.2.20']);
    await attempt('my secret password', 'x', '192.0.2.21');
    const { items } = (
      await gateway.call<Page<AuditRecord>>('GET', '/api/v1/audit?action=auth.login&outcome=refused&limit=200', {
        token: admin,
      })
    ).body;
    expect(items).toContainEqual(
      expect.objectContaining({ target: username, code: 'too-many-requests', address: '192.0.2.20' }),
    );
    expect(items).toContainEqual(expect.objectContaining({ code: 'unauthenticated', address: '192.0.2.21' }));
    expect(JSON.stringify(items)).not.toContain('my secret password');
  });
});
