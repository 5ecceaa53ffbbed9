import { expect, it } from '@jest/globals';
import { credsAuthenticator } from '@nats-io/transport-node';
import type { BusService } from '../authorization.ts';
import { Authority } from './authority.ts';
import { readCredentials } from './jwt.ts';
import { hostMessageKey } from './keys.ts';

const authority = new Authority(Authority.newSeed());
const keyOf = async (service: BusService, by = authority) => readCredentials(await by.credentials(service)).messageKey;

it('logs in with any client of NATS, whatever else is in it', async () => {
  for (const service of [{ service: 'agent', host: 'a' }, { service: 'gateway' }, { service: 'organizer' }] as const) {
    const credentials = await authority.credentials(service);
    const { token } = readCredentials(credentials);
    expect(credsAuthenticator(Buffer.from(credentials))('nonce')).toMatchObject({
      jwt: token,
      sig: expect.stringMatching(/./),
    });
  }
});

it('has the key for ids that gateways have for the host, and each host another', async () => {
  const ofGateway = await keyOf({ service: 'gateway' });
  const ofHosts = await Promise.all(['a', 'b'].map((host) => keyOf({ service: 'agent', host })));
  expect(ofHosts).toEqual(['a', 'b'].map((host) => hostMessageKey(ofGateway!, host)));
  expect(new Set([ofGateway, ...ofHosts]).size).toBe(3);
});

it('has no such key for whoever publishes nothing that others do', async () => {
  expect(await keyOf({ service: 'organizer' })).toBeUndefined();
  expect(await keyOf({ service: 'subscriber', id: 's' })).toBeUndefined();
});

it('has another key in every installation', async () => {
  const others = [new Authority(Authority.newSeed()), new Authority(Authority.newSeed(), 'realm')];
  const keys = await Promise.all([authority, ...others].map((by) => keyOf({ service: 'agent', host: 'a' }, by)));
  expect(new Set(keys).size).toBe(3);
});
