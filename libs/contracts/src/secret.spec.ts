import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ChangePasswordInput, ConfirmInput, CreateUserInput, EditUserInput, LoginInput } from './identity/identity.ts';
import { commands } from './registry.ts';
import { holdsSecrets, mapSecrets, secret } from './secret.ts';

const Input = z.strictObject({
  name: z.string(),
  password: secret(z.string().min(1)).optional().describe('With a word on it.'),
  keys: z.array(z.object({ of: z.string(), key: secret(z.string()) })).default([]),
  either: z.union([z.string(), z.strictObject({ token: secret(z.string()) })]).nullable(),
});

describe('a secret', () => {
  const value = {
    name: 'a',
    password: 'p',
    keys: [
      { of: 'x', key: 'k1' },
      { of: 'y', key: 'k2' },
    ],
    either: { token: 't' },
  };

  it('is found wherever a schema declares it', () => {
    const found: Record<string, unknown> = {};
    const rest = mapSecrets(Input, value, (given, pointer) => {
      found[pointer] = given;
      return undefined;
    });
    expect(found).toEqual({ '/password': 'p', '/keys/0/key': 'k1', '/keys/1/key': 'k2', '/either/token': 't' });
    expect(rest).toEqual({ name: 'a', keys: [{ of: 'x' }, { of: 'y' }], either: {} });
  });

  it('leaves everything else as it is', () => {
    expect(mapSecrets(Input, { name: 'a', keys: [], either: 'text' }, () => 'hidden')).toEqual({
      name: 'a',
      keys: [],
      either: 'text',
    });
  });

  it('is declared by every body with a password or data for a guest, and by no other command', () => {
    for (const schema of [LoginInput, ConfirmInput, ChangePasswordInput, CreateUserInput, EditUserInput, Input])
      expect(holdsSecrets(schema)).toBe(true);
    expect(commands.filter(({ input }) => holdsSecrets(input)).map(({ verb }) => verb)).toEqual([
      'vm.create',
      'vm.clone',
    ]);
  });

  it('is given to no batch, whose plan is kept as it is', () => {
    const inBatches = commands.filter(({ batchAction }) => batchAction !== undefined);
    expect(inBatches.filter(({ params }) => holdsSecrets(params)).map(({ verb }) => verb)).toEqual([]);
    const givenAlone = inBatches.filter(({ input }) => holdsSecrets(input));
    expect(givenAlone.map(({ verb }) => verb)).toEqual(['vm.clone']);
    const { error } = givenAlone[0]!.params.safeParse({ name: 'a', cloudInit: { password: 'p' } });
    expect(error!.issues).toMatchObject([{ path: ['cloudInit'], message: expect.stringContaining('no batch') }]);
    expect(givenAlone[0]!.params.safeParse({ name: 'a', cpus: 2 }).success).toBe(true);
  });
});
