import { describe, expect, it } from '@jest/globals';
import { layoutOf } from './layout.ts';
import { environmentOf, servicesFor, type Stack } from './services.ts';

const stack: Stack = {
  layout: layoutOf('/data'),
  port: 8081,
  natsUrl: 'nats://127.0.0.1:4223',
  prismPort: 9441,
  secretFile: (name) => `/data/secrets/${name}`,
};
const serviceFor = (caller: NodeJS.ProcessEnv, wanted: string) =>
  servicesFor(caller).find(({ name }) => name === wanted)!;
const gateway = serviceFor({}, 'gateway');

describe('environmentOf', () => {
  it('gives a service its settings and its place on the bus, and no secret by value', () => {
    expect(environmentOf(gateway, stack, { PATH: '/bin' })).toEqual({
      PATH: '/bin',
      POLYVIRT_PORT: '8081',
      POLYVIRT_DATABASE_URL: 'sqlite:/data/polyvirt.db',
      POLYVIRT_JWT_SECRET_FILE: '/data/secrets/jwt',
      POLYVIRT_ADMIN_PASSWORD_FILE: '/data/secrets/admin-password',
      POLYVIRT_ARCHIVE_PATH: stack.layout.archives,
      POLYVIRT_NATS_URL: 'nats://127.0.0.1:4223',
      POLYVIRT_NATS_CREDENTIALS_FILE: '/data/secrets/nats-gateway.creds',
      POLYVIRT_NATS_SIGNING_KEY_FILE: '/data/secrets/nats-signing-key',
    });
  });

  it('passes on only what the service knows', () => {
    const environment = environmentOf(gateway, stack, {
      POLYVIRT_DATABASE_URL: 'mysql://u:p@h:1/n',
      POLYVIRT_ACCELERATION: 'kvm',
      NODE_OPTIONS: '--inspect',
    });
    expect(environment['POLYVIRT_DATABASE_URL']).toBe('mysql://u:p@h:1/n');
    expect(Object.keys(environment)).not.toContain('POLYVIRT_ACCELERATION');
    expect(Object.keys(environment)).not.toContain('NODE_OPTIONS');
  });

  it('lets a file of the caller take the place of our value', () => {
    const environment = environmentOf(gateway, stack, { POLYVIRT_DATABASE_URL_FILE: '/run/url' });
    expect(environment['POLYVIRT_DATABASE_URL_FILE']).toBe('/run/url');
    expect(Object.keys(environment)).not.toContain('POLYVIRT_DATABASE_URL');
  });

  it('tells a simulator nothing of the bus', () => {
    const environment = environmentOf(serviceFor({}, 'prism-simulator'), stack, { PATH: '/bin' });
    expect(environment).toEqual({ PATH: '/bin' });
  });
});

describe('servicesFor', () => {
  const names = (caller: NodeJS.ProcessEnv) => servicesFor(caller).map(({ name }) => name);

  it('simulates what cannot be had everywhere', () => {
    expect(names({})).toEqual([
      'gateway',
      'organizer',
      'kvm-agent',
      'vmware-agent',
      'prism-simulator',
      'nutanix-agent',
    ]);
    for (const name of ['vmware-agent', 'nutanix-agent'])
      expect(serviceFor({}, name).settings(stack)['POLYVIRT_SIMULATED']).toBe('true');
  });

  it('takes the product itself where the caller says where it is', () => {
    const caller = { POLYVIRT_VMRUN_PATH: '/usr/bin/vmrun', POLYVIRT_PRISM_ADDRESS: 'prism.example' };
    expect(names(caller)).not.toContain('prism-simulator');
    for (const name of ['vmware-agent', 'nutanix-agent']) {
      const environment = environmentOf(serviceFor(caller, name), stack, caller);
      expect(Object.keys(environment)).not.toContain('POLYVIRT_SIMULATED');
    }
    const vmware = environmentOf(serviceFor(caller, 'vmware-agent'), stack, caller);
    expect(vmware['POLYVIRT_VMRUN_PATH']).toBe('/usr/bin/vmrun');
  });
});
