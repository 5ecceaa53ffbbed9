import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataFolder } from './data-folder.ts';
import { databaseSettings, environmentOf } from './settings.ts';

describe('the settings of a service of the server', () => {
  let folder: DataFolder;
  beforeEach(async () => {
    folder = new DataFolder(await mkdtemp(join(tmpdir(), 'polyvirt-server-')));
    await folder.put(folder.at('server.json'), JSON.stringify({ names: ['2001:db8::7'], port: 8443, natsPort: 4222 }));
  });
  afterEach(() => rm(folder.path, { recursive: true, force: true }));

  it('are those that init has made, under those of its file, under those of whoever starts it', async () => {
    const text = 'POLYVIRT_PORT=443\nPOLYVIRT_LOG_LEVEL=debug\n';
    await writeFile(folder.at('gateway.env'), text);
    expect(environmentOf('gateway', folder, { PATH: '/bin', POLYVIRT_LOG_LEVEL: 'warn' })).toMatchObject({
      PATH: '/bin',
      POLYVIRT_PORT: '443',
      POLYVIRT_LOG_LEVEL: 'warn',
      POLYVIRT_NATS_URL: 'tls://127.0.0.1:4222',
      POLYVIRT_NATS_PUBLIC_URL: 'tls://[2001:db8::7]:4222',
      POLYVIRT_PUBLIC_URL: 'https://[2001:db8::7]:8443',
      POLYVIRT_JWT_SECRET_FILE: folder.secret('jwt'),
    });
    expect(environmentOf('organizer', folder, {})).not.toHaveProperty('POLYVIRT_PORT');
  });

  it('leave out what goes with one that was replaced, by value or by file', () => {
    const own = environmentOf('gateway', folder, { POLYVIRT_TLS_CERT: '/etc/own.pem', POLYVIRT_JWT_SECRET: 's' });
    for (const name of ['POLYVIRT_TLS_KEY', 'POLYVIRT_TLS_CA', 'POLYVIRT_JWT_SECRET_FILE'])
      expect(own).not.toHaveProperty(name);
    const mariadb = environmentOf('gateway', folder, { POLYVIRT_DATABASE_URL_FILE: '/run/secrets/database' });
    expect(mariadb).not.toHaveProperty('POLYVIRT_DATABASE_URL');
    const cluster = environmentOf('gateway', folder, { POLYVIRT_NATS_URL: 'tls://nats.example:4222' });
    expect(cluster).not.toHaveProperty('POLYVIRT_NATS_CA');
  });

  it('of what works on the database alone are no more than it takes', () => {
    const settings = databaseSettings(folder, { PATH: '/bin', POLYVIRT_RESET_USER: 'ann', POLYVIRT_LOG_LEVEL: 'warn' });
    expect(Object.keys(settings).sort()).toEqual([
      ...['PATH', 'POLYVIRT_DATABASE_URL', 'POLYVIRT_JWT_SECRET_FILE', 'POLYVIRT_RESET_USER'],
    ]);
  });

  it('are none before there was an init, which is said', () => {
    const empty = new DataFolder(join(folder.path, 'empty'));
    expect(() => environmentOf('gateway', empty, {})).toThrow('`polyvirt-server init` makes one');
  });
});
