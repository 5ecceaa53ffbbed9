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
const simulated = { hosts: ['kvm', 'vmware', 'nutanix'], products: {} } as const;
const real = { ...simulated, products: { vmrun: '/usr/bin/vmrun', prism: 'prism.example' } } as const;
const serviceFor = (parts: Parameters<typeof servicesFor>[0], wanted: string) =>
  servicesFor(parts).find(({ name }) => name === wanted)!;
const gateway = serviceFor(simulated, 'gateway');

describe('environmentOf', () => {
  it('gives a service its settings and its place on the bus, and no secret by value', () => {
    expect(environmentOf(gateway, stack, { PATH: '/bin' })).toEqual({
      PATH: '/bin',
      POLYVIRT_PORT: '8081',
      POLYVIRT_DATABASE_URL: 'sqlite:/data/polyvirt.db',
      POLYVIRT_JWT_SECRET_FILE: '/data/secrets/jwt',
      POLYVIRT_JWT_PREVIOUS_SECRETS_FILE: '/data/secrets/jwt-former',
      POLYVIRT_ADMIN_PASSWORD_FILE: '/data/secrets/admin-password',
      POLYVIRT_ARCHIVE_PATH: stack.layout.archives,
      POLYVIRT_SPACE_PATHS: stack.layout.nats,
      POLYVIRT_UPLOAD_PATH: stack.layout.uploads,
      POLYVIRT_NATS_URL: 'nats://127.0.0.1:4223',
      POLYVIRT_NATS_CREDENTIALS_FILE: '/data/secrets/nats-gateway.creds',
      POLYVIRT_NATS_SIGNING_KEY_FILE: '/data/secrets/nats-signing-key',
      POLYVIRT_RUN_TOKEN_FILE: '/data/secrets/run-token',
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
    const environment = environmentOf(serviceFor(simulated, 'prism-simulator'), stack, { PATH: '/bin' });
    expect(environment).toEqual({ PATH: '/bin' });
  });
});

describe('servicesFor', () => {
  const names = (parts: Parameters<typeof servicesFor>[0]) => servicesFor(parts).map(({ name }) => name);

  it('simulates what cannot be had everywhere', () => {
    expect(names(simulated)).toEqual([
      'gateway',
      'organizer',
      'kvm-agent',
      'vmware-agent',
      'prism-simulator',
      'nutanix-agent',
    ]);
    for (const name of ['vmware-agent', 'nutanix-agent'])
      expect(serviceFor(simulated, name).settings(stack)['POLYVIRT_SIMULATED']).toBe('true');
  });

  it('takes the product itself where the caller says where it is', () => {
    const caller = { POLYVIRT_VMRUN_PATH: '/usr/bin/vmrun', POLYVIRT_PRISM_ADDRESS: 'prism.example' };
    expect(names(real)).not.toContain('prism-simulator');
    for (const name of ['vmware-agent', 'nutanix-agent']) {
      const environment = environmentOf(serviceFor(real, name), stack, caller);
      expect(Object.keys(environment)).not.toContain('POLYVIRT_SIMULATED');
    }
    const vmware = environmentOf(serviceFor(real, 'vmware-agent'), stack, caller);
    expect(vmware['POLYVIRT_VMRUN_PATH']).toBe('/usr/bin/vmrun');
  });

  it('runs what every stack has, and the agents of the hosts that were chosen', () => {
    expect(names({ ...simulated, hosts: ['nutanix'] })).toEqual([
      'gateway',
      'organizer',
      'prism-simulator',
      'nutanix-agent',
    ]);
  });
});
