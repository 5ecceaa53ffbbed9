import { describe, expect, it } from '@jest/globals';
import { readConfig } from '@polyvirt/config';
import { gatewayConfig } from './config.ts';

const [one, two] = ['a'.repeat(32), `[${'b'.repeat(32)}`];

describe('the secrets that were replaced', () => {
  const read = (text: string) =>
    readConfig(gatewayConfig, {
      ...{ POLYVIRT_JWT_SECRET: 'c'.repeat(32), POLYVIRT_NATS_CREDENTIALS: '/nowhere' },
      POLYVIRT_JWT_PREVIOUS_SECRETS: text,
    }).jwtPreviousSecrets;

  it.each([
    ['', []],
    [one, [one]],
    [`${two},${one},`, [two, one]],
    [JSON.stringify([`${one},${two}`, one]), [`${one},${two}`, one]],
  ])('are read from %j', (text, secrets) => {
    expect(read(text)).toEqual(secrets);
  });

  it.each(['short', `${one},short`, '["short"]', '[7]'])('are refused as %j', (text) => {
    expect(() => read(text)).toThrow('POLYVIRT_JWT_PREVIOUS_SECRETS');
  });
});
