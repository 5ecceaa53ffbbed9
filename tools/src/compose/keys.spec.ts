import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstPassword, makeKeys, renewSecret } from './keys.ts';

const own = ['nats', 'database', 'gateway', 'organizer', 'kvm', 'nutanix', 'vmware'];
const dayMs = 24 * 3_600_000;

describe('the keys of docker-compose.yml', () => {
  let folder: string;
  let services: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-keys-'));
    services = join(folder, 'for');
    for (const name of own) await mkdir(join(services, name), { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  const make = (options: { address?: string; now?: number } = {}) =>
    makeKeys({ folder: join(folder, 'keys'), services, ...options });
  const read = (service: string, name: string) => readFile(join(services, service, name), 'utf8');
  const everything = async () => {
    const found = new Map<string, string>();
    for (const service of own)
      for (const name of await readdir(join(services, service)))
        found.set(`${service}/${name}`, await read(service, name));
    return found;
  };
  const certificate = async () => new X509Certificate(await read('nats', 'certificate.pem'));

  it('are made once, and stay when they are made again', async () => {
    await make();
    const before = await everything();
    await make();
    const after = await everything();
    // What is signed carries the time at which it was.
    const lasting = [...before.keys()].filter((name) => !/\.(?:creds|conf)$/.test(name));
    expect(lasting.length).toBeGreaterThan(10);
    for (const name of lasting) expect([name, after.get(name)]).toEqual([name, before.get(name)]);
    expect(after.size).toBe(before.size);
  });

  it('are read by the services and by nobody else, and each has its own', async () => {
    await make();
    const holders = async (text: string) =>
      [...(await everything())].filter(([, held]) => held.includes(text)).map(([name]) => name);
    for (const service of own) {
      expect((await stat(join(services, service))).mode & 0o777).toBe(0o750);
      for (const name of await readdir(join(services, service)))
        expect((await stat(join(services, service, name))).mode & 0o777).toBe(0o640);
    }
    const secret = async (name: string) => (await readFile(join(folder, 'keys', name), 'utf8')).trim();
    expect(await holders(await secret('nats-signing-key'))).toEqual(['gateway/nats-signing-key']);
    expect(await holders(await secret('nats-operator-key'))).toEqual([]);
    expect(await holders(await secret('jwt'))).toEqual(['gateway/jwt']);
    expect(await holders(await firstPassword(join(folder, 'keys')))).toEqual(['gateway/admin-password']);
    const ofDatabase = ['database/client.cnf', 'database/users.sql', 'gateway/database-url'];
    expect((await holders(await secret('database-password'))).sort()).toEqual(ofDatabase);
    const { key } = JSON.parse(await secret('authority.json')) as { key: string };
    expect(await holders(key.split('\n')[1]!)).toEqual([]);
  });

  it('have certificates for the address, of the same authority when that changes', async () => {
    await make({ address: 'polyvirt.example' });
    const authority = await read('gateway', 'ca.pem');
    const first = await certificate();
    expect(first.checkHost('polyvirt.example')).toBe('polyvirt.example');
    for (const name of ['localhost', 'gateway', 'nats']) expect(first.checkHost(name)).toBe(name);
    expect(first.checkIssued(new X509Certificate(authority))).toBe(true);
    await make({ address: '192.0.2.10' });
    const second = await certificate();
    expect(second.checkIP('192.0.2.10')).toBe('192.0.2.10');
    expect(second.checkHost('polyvirt.example')).toBeUndefined();
    expect(await read('gateway', 'ca.pem')).toBe(authority);
    expect(await read('gateway', 'certificate.pem')).toContain(authority.trim());
  });

  it('have another certificate two months before one expires', async () => {
    await make();
    const first = await certificate();
    const until = (days: number) => Date.parse(first.validTo) - days * dayMs;
    await make({ now: until(61) });
    expect((await certificate()).fingerprint256).toBe(first.fingerprint256);
    await make({ now: until(59) });
    expect((await certificate()).fingerprint256).not.toBe(first.fingerprint256);
  });

  it('sign with a new secret when that is asked for, and know the one before', async () => {
    await make();
    const before = (await read('gateway', 'jwt')).trim();
    await renewSecret(join(folder, 'keys'));
    await make();
    expect((await read('gateway', 'jwt')).trim()).not.toBe(before);
    expect(JSON.parse(await read('gateway', 'jwt-former'))).toEqual([before]);
  });
});
