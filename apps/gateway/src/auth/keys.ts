import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type GatewayConfig } from '../config.ts';

const ivBytes = 12;
const tagBytes = 16;
const kidCharacters = 12;

export interface Key {
  /** Name of the key, which tells nothing of it. */
  readonly kid: string;
  readonly secret: string;
}

/** What something is sealed for, so that what is sealed for one thing opens as no other. */
export interface Sealed {
  readonly purpose: string;
  /** More that has to be known to open it. */
  readonly salt?: string;
  /** Whose it is: the id of the row, for example. */
  readonly context: string;
}

/**
 * The secret of this installation and those that it has replaced. New things are signed and sealed by the first; what an older
 * one has signed or sealed stays good until that one is removed from the settings, so that a rotation ends nothing.
 */
@Injectable()
export class Keys {
  readonly all: readonly [Key, ...Key[]];

  constructor(
    @Inject(CONFIG) { jwtSecret, jwtPreviousSecrets }: Pick<GatewayConfig, 'jwtSecret' | 'jwtPreviousSecrets'>,
  ) {
    this.all = [keyOf(jwtSecret), ...jwtPreviousSecrets.map(keyOf)];
  }

  get current(): Key {
    return this.all[0];
  }

  /** Without a name it is a token of a release that gave none. */
  find(kid: string | undefined): Key | undefined {
    return kid === undefined ? this.all.at(-1) : this.all.find((key) => key.kid === kid);
  }

  /** A key of 32 bytes from each secret, the current one first. */
  derive(purpose: string, salt = ''): [Buffer, ...Buffer[]] {
    return this.all.map(({ secret }) => derived(secret, purpose, salt)) as [Buffer, ...Buffer[]];
  }

  /** Seals with AES-256-GCM. The text begins with the name of the key. */
  seal(text: string, { purpose, salt = '', context }: Sealed): string {
    const iv = randomBytes(ivBytes);
    const { kid, secret } = this.current;
    const cipher = createCipheriv('aes-256-gcm', derived(secret, purpose, salt), iv).setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(text), cipher.final()]);
    return `${kid}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64')}`;
  }

  /** Throws for what `seal` has not made for the same thing, or with a secret that is no longer known. */
  unseal(sealed: string, { purpose, salt = '', context }: Sealed): string {
    const [body, kid] = sealed.split('.').reverse() as [string, string?];
    const key = this.find(kid);
    if (!key) throw new Error(`what is sealed with the key ${kid} cannot be opened: its secret is not in the settings`);
    const bytes = Buffer.from(body, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', derived(key.secret, purpose, salt), bytes.subarray(0, ivBytes))
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString();
  }
}

const derived = (secret: string, purpose: string, salt: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, `polyvirt ${purpose}`, 32));

const keyOf = (secret: string): Key => ({
  kid: createHash('sha256')
    .update(derived(secret, 'kid', ''))
    .digest('hex')
    .slice(0, kidCharacters),
  secret,
});
