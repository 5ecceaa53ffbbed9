import { randomBytes } from 'node:crypto';
import { compare, hash } from 'bcrypt';

/** Some 250 ms on a current CPU. */
const cost = 12;
/** bcrypt reads no more. */
const mostBytes = 72;

const nobody = hash(randomBytes(24).toString('base64'), cost);

export const hashPassword = (password: string): Promise<string> => hash(password, cost);

/** Takes as long for a user that does not exist (`undefined`) as for a wrong password. */
export async function isPassword(password: string, passwordHash: string | undefined): Promise<boolean> {
  const matches = await compare(password, passwordHash ?? (await nobody));
  return matches && passwordHash !== undefined && Buffer.byteLength(password) <= mostBytes;
}

/** 32 of them: a byte falls on each with the same likelihood. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 24 characters that do not look alike: 120 bits. */
export const generatePassword = (): string =>
  [...randomBytes(24)].map((byte) => alphabet[byte % alphabet.length]).join('');
