import type { KeyPair } from '@nats-io/nkeys';
import { createHmac, createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';

/**
 * Keys of NATS by the cryptography of Node: that of the library is JavaScript, and takes a tenth of a second where this
 * takes a tenth of a millisecond.
 * Encoding: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
 */

/** Kinds of keys, by the first byte of their encoding. */
const kinds = { account: 0, operator: 14 << 3, user: 20 << 3 } as const;
type Kind = keyof typeof kinds;

const seedPrefix = 18 << 3;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** What stands in front of the 32 bytes of an Ed25519 key in PKCS #8. */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

class Key implements KeyPair {
  readonly #kind: Kind;
  readonly #raw: Uint8Array;
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor(kind: Kind, raw: Uint8Array) {
    this.#kind = kind;
    this.#raw = raw;
    this.#private = createPrivateKey({ key: Buffer.concat([pkcs8, raw]), format: 'der', type: 'pkcs8' });
    this.#public = createPublicKey(this.#private);
  }

  getPublicKey(): string {
    const raw = Buffer.from(this.#public.export({ format: 'jwk' }).x!, 'base64url');
    return encode(Buffer.concat([Buffer.from([kinds[this.#kind]]), raw]));
  }

  getSeed(): Uint8Array {
    const kind = kinds[this.#kind];
    const prefix = Buffer.from([seedPrefix | (kind >> 5), (kind & 31) << 3]);
    return new TextEncoder().encode(encode(Buffer.concat([prefix, this.#raw])));
  }

  getPrivateKey(): Uint8Array {
    return this.getSeed();
  }

  sign(input: Uint8Array): Uint8Array {
    return sign(null, input, this.#private);
  }

  verify(input: Uint8Array, signature: Uint8Array): boolean {
    return verify(null, input, this.#public, signature);
  }

  seal(): never {
    throw new Error('This key signs and does not encrypt.');
  }

  open(): never {
    throw new Error('This key signs and does not encrypt.');
  }

  clear(): void {
    this.#raw.fill(0);
  }
}

/**
 * The key of that kind and name: always the same one from the same secret. So nothing has to be stored, two gateways agree
 * without a word, and an attempt that was cut off is simply made again.
 */
export const deriveKey = (secret: string, kind: Kind, name: string): KeyPair =>
  new Key(kind, createHmac('sha512', secret).update(`${kind}:${name}`).digest().subarray(0, 32));

/** With which gateways make the ids of messages: that of every host comes from it. */
export const messageKey = (secret: string, realm: string): string =>
  createHmac('sha256', secret).update(`messages:${realm}`).digest('base64url');

/** The same of one host, for its agent. */
export const hostMessageKey = (key: string, host: string): string =>
  createHmac('sha256', key).update(host).digest('base64url');

export const newKey = (kind: Kind): KeyPair => new Key(kind, randomBytes(32));

/** Whether the owner of a public key of that kind has signed something; false for what is no such key. */
export function isSignedBy(publicKey: string, kind: Kind, input: Uint8Array, signature: Uint8Array): boolean {
  const bytes = decode(publicKey);
  if (bytes.length !== 33 || bytes[0] !== kinds[kind]) return false;
  const x = Buffer.from(bytes.subarray(1)).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, input, key, signature);
}

/** Throws a RangeError for what is no seed. */
export function keyOf(seed: string): KeyPair {
  const bytes = decode(seed);
  const kind = (((bytes[0] ?? 0) & 7) << 5) | ((bytes[1] ?? 0) >> 3);
  const found = (Object.keys(kinds) as Kind[]).find((name) => kinds[name] === kind);
  if (bytes.length !== 34 || ((bytes[0] ?? 0) & 0xf8) !== seedPrefix || !found)
    throw new RangeError('This is no seed of a key of NATS.');
  return new Key(found, bytes.subarray(2));
}

/** Base32 without padding, of the bytes and their sum. */
function encode(body: Uint8Array): string {
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc16(body));
  let text = '';
  let [value, bits] = [0, 0];
  for (const byte of Buffer.concat([body, sum])) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

/** Nothing, when the sum is wrong. */
function decode(text: string): Uint8Array {
  const bytes: number[] = [];
  let [value, bits] = [0, 0];
  for (const letter of text) {
    value = (value << 5) | alphabet.indexOf(letter);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >>> bits) & 255);
    value &= (1 << bits) - 1;
  }
  const body = Buffer.from(bytes.slice(0, -2));
  return encode(body) === text ? body : new Uint8Array();
}

/** CRC-16/XMODEM */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
