import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Authority, renderAccounts } from '@polyvirt/bus';
import { authorityIn, certificateIn } from './certificates.ts';
import type { DataFolder, Setup } from './data-folder.ts';

/** For the safe: it says which key may sign accounts. */
const identityKey = 'nats-operator-key';
export const signingKey = 'nats-signing-key';
const services = ['gateway', 'organizer'] as const;
export const credentialOf = (service: (typeof services)[number]): string => `nats-${service}.creds`;

/**
 * Makes what a server needs: keys, an authority and certificates, credentials for the bus, the configuration of nats-server. What is
 * there stays; a certificate is made again when it expires soon or lacks a name. Answers what to do next, in lines.
 */
export async function init(folder: DataFolder, setup: Setup): Promise<string[]> {
  await folder.prepare();
  const newSeed = () => Authority.newSeed();
  const signing = await folder.keep(folder.secret(signingKey), newSeed);
  const identity = await folder.keep(folder.secret(identityKey), newSeed);
  for (const name of ['jwt', 'admin-password'])
    await folder.keep(folder.secret(name), () => randomBytes(24).toString('base64url'));
  const bus = new Authority(signing);
  for (const service of services)
    await folder.put(folder.secret(credentialOf(service)), await bus.credentials({ service }));

  const authority = await authorityIn(folder);
  const isNew = { gateway: false, nats: false };
  for (const server of ['gateway', 'nats'] as const)
    isNew[server] = await certificateIn(folder, server, authority, setup.names);
  await folder.put(folder.at('nats-server.conf'), await natsConfiguration(folder, setup, bus, identity));
  const isFirst = folder.knownSetup() === undefined;
  await folder.put(folder.at('server.json'), `${JSON.stringify(setup, undefined, 2)}\n`);
  return [
    ...(isFirst
      ? [
          `Keep a copy of ${folder.at('secrets')} and ${folder.at('tls')} in a safe: without ${signingKey} no host can be added again, and without ca-key.pem no certificate be renewed.`,
          `The first password of admin is in ${folder.secret('admin-password')}.`,
        ]
      : [
          ...(isNew.gateway ? ['The gateway has another certificate, and shows it within seconds.'] : []),
          ...(isNew.nats
            ? ['nats-server has another certificate: have it read its configuration again (SIGHUP).']
            : []),
        ]),
    `The authority has the SHA-256 fingerprint ${fingerprintOf(folder.tls('ca.pem'))}; give ${folder.tls('ca.pem')} to browsers and command lines.`,
    '',
    'Start, each on its own:',
    `  nats-server -c ${folder.at('nats-server.conf')}`,
    ...services.map((service) => `  polyvirt-server ${service} --data-dir ${folder.path}`),
    `The console is then at https://${shownIn(setup.names[0]!)}:${setup.port}`,
  ];
}

/** As it stands in a URL. */
export const shownIn = (name: string): string => (name.includes(':') ? `[${name}]` : name);

const fingerprintOf = (file: string): string =>
  createHash('sha256')
    .update(new X509Certificate(readFileSync(file)).raw)
    .digest('hex');

async function natsConfiguration(
  folder: DataFolder,
  { natsPort }: Setup,
  bus: Authority,
  identity: string,
): Promise<string> {
  const quoted = (path: string) => JSON.stringify(path);
  return [
    '# Written by `polyvirt-server init`, which writes it again.',
    `listen: "0.0.0.0:${natsPort}"`,
    // By default it would be three quarters of what is free at the start; the gateway watches the free space itself.
    `jetstream { store_dir: ${quoted(folder.at('nats'))}, max_file_store: 1TB }`,
    'tls {',
    `  cert_file: ${quoted(folder.tls('nats.pem'))}`,
    `  key_file: ${quoted(folder.tls('nats-key.pem'))}`,
    // On a machine that is busy the two seconds of the default are over before a client has spoken.
    '  timeout: 20',
    '}',
    renderAccounts({
      // Issued once: a nats-server that runs takes no configuration with another one.
      operator: await folder.keep(folder.at('nats', `operator-${bus.systemAccount}.jwt`), () => bus.operator(identity)),
      system: await bus.system(),
      others: [await bus.core()],
      folder: folder.at('nats'),
    }),
  ].join('\n');
}
