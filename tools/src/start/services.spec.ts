import { describe, expect, it } from '@jest/globals';
import { layoutOf } from './layout.ts';
import { environmentOf, SERVICES, type Stack } from './services.ts';

const stack: Stack = {
  layout: layoutOf('/data'),
  port: 8081,
  natsUrl: 'nats://127.0.0.1:4223',
  secretFile: (name) => `/data/secrets/${name}`,
};
const gateway = SERVICES.find(({ name }) => name === 'gateway')!;

describe('environmentOf', () => {
  it('gives a service its settings and its place on the bus, and no secret by value', () => {
    expect(environmentOf(gateway, stack, 'gateway', { PATH: '/bin' })).toEqual({
      PATH: '/bin',
      POLYVIRT_PORT: '8081',
      POLYVIRT_DATABASE_URL: 'sqlite:/data/polyvirt.db',
      POLYVIRT_JWT_SECRET_FILE: '/data/secrets/jwt',
      POLYVIRT_ADMIN_PASSWORD_FILE: '/data/secrets/admin-password',
      POLYVIRT_NATS_URL: 'nats://127.0.0.1:4223',
      POLYVIRT_NATS_USER: 'gateway',
      POLYVIRT_NATS_PASSWORD_FILE: '/data/secrets/nats-gateway',
    });
  });

  it('passes on only what the service knows', () => {
    const environment = environmentOf(gateway, stack, 'gateway', {
      POLYVIRT_DATABASE_URL: 'mysql://u:p@h:1/n',
      POLYVIRT_ACCELERATION: 'kvm',
      NODE_OPTIONS: '--inspect',
    });
    expect(environment['POLYVIRT_DATABASE_URL']).toBe('mysql://u:p@h:1/n');
    expect(Object.keys(environment)).not.toContain('POLYVIRT_ACCELERATION');
    expect(Object.keys(environment)).not.toContain('NODE_OPTIONS');
  });

  it('lets a file of the caller take the place of our value', () => {
    const environment = environmentOf(gateway, stack, 'gateway', { POLYVIRT_DATABASE_URL_FILE: '/run/url' });
    expect(environment['POLYVIRT_DATABASE_URL_FILE']).toBe('/run/url');
    expect(Object.keys(environment)).not.toContain('POLYVIRT_DATABASE_URL');
  });

  it('starts no two services of one name', () => {
    expect(new Set(SERVICES.map(({ name }) => name)).size).toBe(SERVICES.length);
  });
});
