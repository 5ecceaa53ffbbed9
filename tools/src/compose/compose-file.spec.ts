import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from '../places.ts';

interface Service {
  readonly build: { readonly context: string; readonly target: string; readonly args: object };
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[];
  readonly profiles?: readonly string[];
  readonly healthcheck?: object;
  readonly [key: string]: unknown;
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const file = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly [key: string]: unknown;
};
const services = Object.entries(file.services);

/** What docker-compose 1.29 and v2 both know, of what may be used here: one of them refuses `name`, the other warns of `version`. */
const topKeys = /^(?:services|networks|volumes|secrets|x-[a-z]+)$/;
const serviceKeys = [
  ...[
    'build',
    'cap_add',
    'cap_drop',
    'command',
    'depends_on',
    'environment',
    'healthcheck',
    'image',
    'init',
    'logging',
  ],
  ...['network_mode', 'networks', 'ports', 'profiles', 'read_only', 'restart', 'secrets', 'security_opt'],
  ...['stop_grace_period', 'tmpfs', 'user', 'volumes'],
];

/** The section of docs/configuration.md that has the settings of a service. */
const settingsOf: Readonly<Record<string, string>> = {
  gateway: 'gateway',
  organizer: 'organizer',
  'kvm-agent': 'kvm-agent',
  'nutanix-agent': 'nutanix-agent',
  'vmware-simulator': 'vmware-agent',
};
/** Those of `init` and of the line that a machine joins by are read by what starts in these containers. */
const ownVariables = ['POLYVIRT_ADDRESS', 'POLYVIRT_JOIN'];

describe('docker-compose.yml', () => {
  it('has no key that docker-compose 1.29 or v2 does not know', () => {
    for (const key of Object.keys(file)) expect(key).toMatch(topKeys);
    for (const [, service] of services) expect(serviceKeys).toEqual(expect.arrayContaining(Object.keys(service)));
  });

  it('starts what everybody needs by itself, and agents by profiles', () => {
    const usual = services.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name);
    expect(usual).toEqual(['init', 'nats', 'database', 'gateway', 'organizer']);
    const profiles = services.flatMap(([, service]) => service.profiles ?? []);
    expect(profiles).toEqual(['kvm', 'nutanix', 'vmware-simulator']);
  });

  it.each(services)('gives %s nothing that it does not need', (name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      init: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      logging: { options: { 'max-size': expect.any(String) } },
      stop_grace_period: expect.any(String),
    });
    if (name === 'init') expect(service.network_mode).toBe('none');
    else expect(service).toMatchObject({ restart: 'unless-stopped', healthcheck: { test: expect.any(Array) } });
    expect(
      Object.keys(service.environment ?? {}).filter((key) =>
        /(?:SECRET|PASSWORD|SIGNING_KEY|CREDENTIALS|DATABASE_URL)$/.test(key),
      ),
    ).toEqual([]);
  });

  it('has a target of the Dockerfile for every service, and no other', () => {
    const stages = [...read('deploy/Dockerfile').matchAll(/^FROM (\S+) AS (\S+)$/gm)];
    const based = new Set(stages.map(([, from]) => from));
    const ends = stages.map(([, , name]) => name!).filter((name) => !based.has(name) || name === 'agent');
    expect(new Set(services.map(([, { build }]) => build.target))).toEqual(new Set(ends));
    for (const [, { build }] of services)
      expect(build).toMatchObject({ context: './deploy', args: { BASE: expect.any(String) } });
  });

  it('declares the volumes and networks that are used, and no others', () => {
    const used = services.flatMap(([, service]) => (service.volumes ?? []).map((volume) => volume.split(':')[0]!));
    const named = used.filter((source) => !/^[/$]/.test(source));
    expect(new Set(named)).toEqual(new Set(Object.keys(file['volumes'] as object)));
    const networks = services.flatMap(([, service]) => service.networks ?? []);
    expect(new Set(networks)).toEqual(new Set(Object.keys(file['networks'] as object)));
  });

  it('shows each service its own keys and nobody else those', () => {
    for (const [name, { volumes = [] }] of services) {
      const keys = volumes.filter((volume) => /^[a-z]+-keys:|^keys:/.test(volume));
      if (name === 'init') continue;
      expect(keys).toEqual([expect.stringMatching(/^[a-z]+-keys:\/run\/polyvirt:ro$/)]);
      expect(`${name}-keys`).toContain(/^[a-z]+/.exec(keys[0]!)![0]);
    }
  });

  it.each(Object.entries(settingsOf))('gives %s settings that it has', (name, section) => {
    const page = read('docs/configuration.md');
    const begin = page.indexOf(`\n## ${section}\n`);
    expect(begin).toBeGreaterThan(0);
    const end = page.indexOf('\n## ', begin + 1);
    const known = [...page.slice(begin, end < 0 ? undefined : end).matchAll(/^\| `(POLYVIRT_\w+)`/gm)].map(
      ([, id]) => id!,
    );
    const given = Object.keys(file.services[name]!.environment ?? {})
      .filter((key) => key.startsWith('POLYVIRT_') && !ownVariables.includes(key))
      .map((key) => (known.includes(key) ? key : key.replace(/_FILE$/, '')));
    expect(known).toEqual(expect.arrayContaining(given));
  });
});
