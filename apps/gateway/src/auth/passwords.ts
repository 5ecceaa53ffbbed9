import { randomBytes } from 'node:crypto';
import { compare, hash } from 'bcrypt';

/** Some 250 ms on a current CPU. */
const productionCost = 12;
/** bcrypt reads no more. */
const mostBytes = 72;

/** Hashes passwords, and compares with hashes. */
export class Passwords {
  private readonly nobody: Promise<string>;

  /** Only tests give a lower cost; no setting does. */
  constructor(private readonly cost = productionCost) {
    this.nobody = hash(randomBytes(24).toString('base64'), cost);
  }

  hash(password: string): Promise<string> {
    return hash(password, this.cost);
  }

  /** Takes as long for a user that does not exist (`undefined`) as for a wrong password. */
  async matches(password: string, passwordHash: string | undefined): Promise<boolean> {
    const matches = await compare(password, passwordHash ?? (await this.nobody));
    return matches && passwordHash !== undefined && Buffer.byteLength(password) <= mostBytes;
  }
}

/** 32 of them: a byte falls on each with the same likelihood. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 24 characters that do not look alike: 120 bits. */
export const generatePassword = (): string =>
  [...randomBytes(24)].map((byte) => alphabet[byte % alphabet.length]).join('');
