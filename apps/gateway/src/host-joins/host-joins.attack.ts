import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newUserKey, proofOf } from '@polyvirt/bus';
import type { AuditRecord, JoinHostInput, JoinInvitation, Page } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { HostJoinEntity } from '../hosts/host-join.entity.ts';
import { problemIn } from '../testing/test-gateway.ts';
import { TestHouse } from '../testing/test-house.ts';

/** What somebody tries who wants to be a host, and is not invited. */
describe('somebody with a token that is not theirs', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = await TestHouse.start();
  });
  afterAll(() => house.stop());

  const invite = async (id: string) =>
    (await house.call<JoinInvitation>('POST', '/hosts', { id, hypervisor: 'kvm' })).body;
  const attempt = (fields: Partial<JoinHostInput> & { token: string }) => {
    const { publicKey, seed } = newUserKey();
    const body = { publicKey, proof: proofOf(seed, fields.token), agentVersion: '1', ...fields };
    return house.gateway.call('POST', '/api/v1/hosts/join', { body });
  };
  const joins = () => house.gateway.app.get(Database).repository(HostJoinEntity);

  it('gets nothing for a token that was used, has expired, was replaced, or was never made', async () => {
    const used = await invite('kvm-used');
    expect((await attempt({ token: used.token })).status).toBe(200);
    expect(problemIn(await attempt({ token: used.token })).code).toBe('join-token-used');

    const late = await invite('kvm-late');
    await house.gateway.app
      .get(Database)
      .transaction((manager) => manager.update(HostJoinEntity, { host: 'kvm-late' }, { expiresAt: Date.now() - 1 }));
    const expired = problemIn(await attempt({ token: late.token }));
    expect(expired).toMatchObject({
      code: 'join-token-expired',
      detail: expect.stringContaining('polyvirt host rotate'),
    });

    const replaced = await invite('kvm-replaced');
    await house.call('POST', '/hosts/kvm-replaced/rotate');
    expect(problemIn(await attempt({ token: replaced.token })).code).toBe('unauthenticated');

    const removed = await invite('kvm-removed');
    await house.call('DELETE', '/hosts/kvm-removed');
    expect(problemIn(await attempt({ token: removed.token })).code).toBe('unauthenticated');

    const { token } = await invite('kvm-guessed');
    const swapped = token.at(-1) === 'A' ? 'B' : 'A';
    for (const guess of [token.slice(0, -1) + swapped, `pvj_${'0'.repeat(32)}${token.slice(token.indexOf('.'))}`])
      expect(problemIn(await attempt({ token: guess })).code).toBe('unauthenticated');
  });

  it('says the same of a token whose id is known as of one that nobody made', async () => {
    const { token } = await invite('kvm-known');
    const [known, unknown] = await Promise.all([
      attempt({ token: `${token.slice(0, token.indexOf('.') + 1)}${'A'.repeat(43)}` }),
      attempt({ token: `pvj_${'0'.repeat(32)}.${'A'.repeat(43)}` }),
    ]);
    const said = (answer: Parameters<typeof problemIn>[0]) => ({ ...problemIn(answer), requestId: '' });
    expect(said(known)).toEqual(said(unknown));
  });

  it('cannot repeat what a host has asked without its private key', async () => {
    const { token } = await invite('kvm-repeat');
    const key = newUserKey();
    const proof = proofOf(key.seed, token);
    expect((await attempt({ token, publicKey: key.publicKey, proof })).status).toBe(200);
    const thief = newUserKey();
    const stolen = await attempt({ token, publicKey: key.publicKey, proof: proofOf(thief.seed, token) });
    expect(problemIn(stolen)).toMatchObject({ code: 'invalid-input', errors: [{ pointer: '/proof' }] });
    for (const other of [proofOf(thief.seed, 'something else'), proofOf(key.seed, 'something else')])
      expect(problemIn(await attempt({ token, publicKey: key.publicKey, proof: other })).code).toBe('invalid-input');
  });

  it('finds no token in the database, and is in the audit with the address', async () => {
    const { token } = await invite('kvm-kept');
    const secret = token.slice(token.indexOf('.') + 1);
    expect(JSON.stringify(await joins().find())).not.toContain(secret);
    await attempt({ token: `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}` });
    const { body } = await house.call<Page<AuditRecord>>('GET', '/audit?action=host.join&outcome=refused');
    expect(body.items[0]).toMatchObject({ actor: '-', address: '127.0.0.1', code: 'unauthenticated' });
  });
});
