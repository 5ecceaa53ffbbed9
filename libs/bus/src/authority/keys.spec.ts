import { expect, it } from '@jest/globals';
import { createAccount, createOperator, createUser, fromPublic, fromSeed } from '@nats-io/nkeys';
import { deriveKey, keyOf } from './keys.ts';

const text = new TextDecoder();
const message = new TextEncoder().encode('message');

it('is a key as the library of NATS has it, read from a seed and written as one', () => {
  for (const theirs of [createAccount(), createOperator(), createUser()]) {
    const ours = keyOf(text.decode(theirs.getSeed()));
    expect(ours.getPublicKey()).toBe(theirs.getPublicKey());
    expect(ours.getSeed()).toEqual(theirs.getSeed());
    expect(theirs.verify(message, ours.sign(message))).toBe(true);
    expect(ours.verify(message, theirs.sign(message))).toBe(true);
  }
});

it('comes from a secret and a name, and from no other', () => {
  const key = deriveKey('secret', 'account', 'a');
  expect(deriveKey('secret', 'account', 'a').getPublicKey()).toBe(key.getPublicKey());
  const others = [
    deriveKey('secret', 'account', 'b'),
    deriveKey('other', 'account', 'a'),
    deriveKey('secret', 'user', 'a'),
  ];
  for (const other of others) expect(other.getPublicKey().slice(1)).not.toBe(key.getPublicKey().slice(1));
  expect(fromSeed(key.getSeed()).getPublicKey()).toBe(key.getPublicKey());
  expect(fromPublic(key.getPublicKey()).verify(message, key.sign(message))).toBe(true);
});

it('is not read from what is none', () => {
  const seed = text.decode(createUser().getSeed());
  for (const wrong of [
    '',
    'x',
    seed.slice(1),
    `${seed.slice(0, -1)}${seed.endsWith('A') ? 'B' : 'A'}`,
    text.decode(message),
  ])
    expect(() => keyOf(wrong)).toThrow(RangeError);
});
