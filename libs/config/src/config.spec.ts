import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';
import {
  busSettings,
  ConfigError,
  configurationRows,
  defineConfig,
  readConfig,
  renderConfiguration,
  setting,
} from './index.ts';

const definition = defineConfig({
  ...busSettings,
  port: setting({
    env: 'POLYVIRT_PORT',
    schema: z.coerce.number().int().min(0).max(65_535),
    help: 'Port of the API.',
    default: 8_080,
  }),
  jwtSecret: setting({ env: 'POLYVIRT_JWT_SECRET', schema: z.string().min(8), help: 'Signs tokens.', secret: true }),
  trustProxy: setting({
    env: 'POLYVIRT_TRUST_PROXY',
    schema: z.stringbool().optional(),
    help: 'Believe X-Forwarded-For | or not.',
  }),
});

const faultsOf = (environment: Record<string, string>) => {
  try {
    readConfig(definition, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe('readConfig', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads text into typed values and fills in the defaults', () => {
    const config = readConfig(definition, {
      POLYVIRT_PORT: '0',
      POLYVIRT_JWT_SECRET: 'long enough',
      POLYVIRT_TRUST_PROXY: 'true',
    });
    const port: number = config.port;
    const level: string = config.logLevel;
    expect([port, level, config.trustProxy, config.natsCredentials]).toEqual([0, 'info', true, undefined]);
  });

  it('tells all faults together', () => {
    expect(
      faultsOf({
        POLYVIRT_PORT: 'eighty',
        POLYVIRT_LOG_LEVEL: 'loud',
        POLYVIRT_NATS_URL: 'localhost',
        POLYVIRT_PROT: '1',
      }),
    ).toEqual([
      'POLYVIRT_PROT is not a setting of this service.',
      expect.stringMatching(/^POLYVIRT_NATS_URL: /),
      expect.stringMatching(/^POLYVIRT_LOG_LEVEL: /),
      expect.stringMatching(/^POLYVIRT_PORT: /),
      'POLYVIRT_JWT_SECRET is missing. Signs tokens.',
    ]);
  });

  it('names what has come in the place of a setting that is no more', () => {
    const POLYVIRT_JWT_SECRET = 'long enough';
    expect(faultsOf({ POLYVIRT_JWT_SECRET, POLYVIRT_NATS_USER: 'x', POLYVIRT_NATS_PASSWORD_FILE: '/y' })).toEqual([
      expect.stringMatching(/^POLYVIRT_NATS_PASSWORD_FILE is no more\. Give POLYVIRT_NATS_CREDENTIALS_FILE/),
      expect.stringMatching(/^POLYVIRT_NATS_USER is no more\. Give POLYVIRT_NATS_CREDENTIALS_FILE/),
    ]);
  });

  it('leaves variables of others alone', () => {
    expect(faultsOf({ POLYVIRT_JWT_SECRET: 'long enough', PATH: '/bin', XPOLYVIRT_A: '1' })).toEqual([]);
  });

  it('takes an empty variable as absent', () => {
    const config = readConfig(definition, { POLYVIRT_PORT: '', POLYVIRT_JWT_SECRET: 'long enough' });
    expect(config.port).toBe(8_080);
  });

  it('reads a value from the file that *_FILE names, without its last newline', () => {
    const path = join(folder, 'secret');
    writeFileSync(path, 'from a file\n');
    expect(readConfig(definition, { POLYVIRT_JWT_SECRET_FILE: path }).jwtSecret).toBe('from a file');
    expect(
      readConfig(definition, { POLYVIRT_JWT_SECRET_FILE: path, POLYVIRT_JWT_SECRET: 'environment' }).jwtSecret,
    ).toBe('environment');
  });

  it('names a file that is missing or empty', () => {
    const path = join(folder, 'empty');
    writeFileSync(path, '\n');
    expect(faultsOf({ POLYVIRT_JWT_SECRET_FILE: path })).toEqual([`POLYVIRT_JWT_SECRET_FILE: ${path} is empty.`]);
    expect(faultsOf({ POLYVIRT_JWT_SECRET_FILE: join(folder, 'none') })).toEqual([
      expect.stringMatching(/^POLYVIRT_JWT_SECRET_FILE: ENOENT/),
    ]);
  });

  it('never repeats the text of a secret in a fault', () => {
    expect(faultsOf({ POLYVIRT_JWT_SECRET: 'hunter2' }).join()).not.toContain('hunter2');
  });

  it('is frozen and prints secrets as ***', () => {
    const config = readConfig(definition, { POLYVIRT_JWT_SECRET: 'long enough' });
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    for (const printed of [JSON.stringify(config), inspect(config), inspect({ nested: config })]) {
      expect(printed).toContain('***');
      expect(printed).not.toContain('long enough');
    }
    expect(config.jwtSecret).toBe('long enough');
  });
});

it('refuses two settings with one variable', () => {
  const port = setting({ env: 'POLYVIRT_PORT', schema: z.string(), help: '' });
  expect(() => defineConfig({ port, also: port })).toThrow('POLYVIRT_PORT is declared twice');
});

it('renders a row for each setting', () => {
  expect(configurationRows(definition).slice(-4)).toEqual([
    '| `POLYVIRT_LOG_LEVEL` | `trace`, `debug`, `info`, `warn`, `error`, `fatal`, `silent` | `info` | The least severe log line that is written. |',
    '| `POLYVIRT_PORT` | number, at least 0, at most 65535 | `8080` | Port of the API. |',
    '| `POLYVIRT_JWT_SECRET` | secret text | required | Signs tokens. |',
    '| `POLYVIRT_TRUST_PROXY` | `true`, `false` | none | Believe X-Forwarded-For \\| or not. |',
  ]);
  expect(renderConfiguration([{ app: 'gateway', definition }])).toMatch(/^## gateway\n\n\| Variable/);
});
