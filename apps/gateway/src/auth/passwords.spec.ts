import { describe, expect, it } from '@jest/globals';
import { getRounds } from 'bcrypt';
import { gatewayConfig } from '../config.ts';
import { Passwords } from './passwords.ts';

describe('Passwords', () => {
  it('are hashed at a cost that no setting lowers', async () => {
    expect(getRounds(await new Passwords().hash('correct horse battery'))).toBe(12);
    const settings = Object.values(gatewayConfig).map(({ env }) => env);
    expect(settings.filter((env) => /cost|bcrypt|rounds/i.test(env))).toEqual([]);
  });

  it('match their own hash, and neither that of another nor nobody', async () => {
    const passwords = new Passwords(4);
    const hash = await passwords.hash('correct horse battery');
    expect(await passwords.matches('correct horse battery', hash)).toBe(true);
    expect(await passwords.matches('Correct horse battery', hash)).toBe(false);
    expect(await passwords.matches('correct horse battery', undefined)).toBe(false);
  });

  it('match no hash beyond what bcrypt reads', async () => {
    const passwords = new Passwords(4);
    const long = 'é'.repeat(36);
    const hash = await passwords.hash(long);
    expect(await passwords.matches(long, hash)).toBe(true);
    expect(await passwords.matches(`${long}!`, hash)).toBe(false);
  });
});
