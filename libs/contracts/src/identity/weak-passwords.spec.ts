import { describe, expect, it } from '@jest/globals';
import { CreateUserInput, Password } from './identity.ts';
import { weaknessOf } from './weak-passwords.ts';

describe('a password', () => {
  it.each([
    ' '.repeat(12),
    'aaaaaaaaaaaa',
    'abababababab',
    '123456789012',
    'password1234',
    'Passw0rd!2026',
    'P@ssw0rd1234',
    'qwertyuiop123',
    '1qaz2wsx3edc',
    'passwordpassword',
    'letmein letmein',
    'Welcome_2026!!',
    'correct horse battery staple',
    'zyxwvutsrqpo',
    '  admin admin  12',
  ])('is not %j', (password) => {
    expect(weaknessOf(password)).toMatch(/\.$/);
    expect(Password.safeParse(password).success).toBe(false);
  });

  it.each([
    'correct horse battery',
    'another good password',
    'passwords are a nuisance',
    'tränen-öl-zürich',
    '🐎🔋📎✂🐍🦊 and so on',
  ])('may be %j', (password) => {
    expect(weaknessOf(password, 'ada')).toBeUndefined();
    expect(Password.safeParse(password).success).toBe(true);
  });

  it.each(['ada.lovelace', 'Ada.Lovelace1815', '1815ada.lovelace', 'ecalevol.ada', 'ada.lovelaceada.lovelace'])(
    'is not the name of its user: %j',
    (password) => {
      const input = { username: 'Ada.Lovelace', password, role: 'viewer' };
      expect(CreateUserInput.safeParse(input).error?.issues).toMatchObject([{ path: ['password'] }]);
    },
  );
});
