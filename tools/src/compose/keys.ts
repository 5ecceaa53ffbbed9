import { chmod, chown, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Authority, renderAccounts } from '@polyvirt/bus';
import { Secrets } from '../start/secrets.ts';
import { isGood, newAuthority, newServer, type Issued } from './certificates.ts';

/** Hosts of the machine itself, whose agents are in docker-compose.yml: each has the service of that name. */
const localHosts = { kvm: 'kvm-local', vmware: 'vmware-local', nutanix: 'nutanix-local' } as const;

/** By these names services call each other, and people the gateway on the machine itself. */
const innerNames = ['localhost', '127.0.0.1', '::1', 'gateway', 'nats'];

export interface KeysOptions {
  /** For root alone: everything that is made once, from which the rest comes. */
  readonly folder: string;
  /** A folder for each service below it, with what that service needs. */
  readonly services: string;
  /** Name or number by which other machines reach this one. */
  readonly address?: string | undefined;
  readonly now?: number;
}

/**
 * Makes what is missing of keys, passwords and certificates, and gives every service its own. The same again when it is repeated,
 * whatever it was interrupted in; a certificate is made anew when the address is another one, or its end is near.
 */
export async function makeKeys({ folder, services, address, now = Date.now() }: KeysOptions): Promise<void> {
  const secrets = await Secrets.open(folder);
  const names = [...innerNames, ...(address ? [address] : [])];
  const authority = await pairOf(secrets, 'authority', () => newAuthority(now));
  const found = await pairOf(secrets, 'server', () => newServer(authority, names, now));
  const server = isGood(found.certificate, authority.certificate, names, now)
    ? found
    : await replaced(secrets, 'server', await newServer(authority, names, now));
  // The authority goes along: hosts that join look for it among the certificates that they are shown.
  const chain = `${server.certificate.trim()}\n${authority.certificate.trim()}\n`;
  const tls = { 'certificate.pem': chain, 'certificate-key.pem': server.key };
  const ca = { 'ca.pem': authority.certificate };

  const signing = await secrets.get('nats-signing-key', () => Authority.newSeed());
  const bus = new Authority(signing);
  const operator = await bus.operator(await secrets.get('nats-operator-key', () => Authority.newSeed()));
  const hosts = Object.values(localHosts);
  const accounts = renderAccounts({
    operator,
    system: await bus.system(),
    others: await Promise.all([bus.core(), ...hosts.map((host) => bus.host(host))]),
    folder: '/var/lib/nats',
  });
  const password = await secrets.get('database-password');

  const give = (service: string, files: Record<string, string>) => put(join(services, service), files);
  await give('nats', { ...tls, 'nats.conf': natsConfig(accounts) });
  await give('database', {
    'users.sql': usersSql(password),
    'client.cnf': `[client]\nsocket=/tmp/mariadb.sock\nuser=polyvirt\npassword=${password}\n`,
  });
  await give('gateway', {
    ...tls,
    ...ca,
    'bus.creds': await bus.credentials({ service: 'gateway' }),
    'nats-signing-key': signing,
    'database-url': `mysql://polyvirt:${password}@database:3306/polyvirt`,
    jwt: await secrets.get('jwt'),
    'jwt-former': JSON.stringify(await secrets.getFormer('jwt')),
    'admin-password': await secrets.get('admin-password'),
  });
  await give('organizer', { ...ca, 'bus.creds': await bus.credentials({ service: 'organizer' }) });
  for (const [service, host] of Object.entries(localHosts))
    await give(service, { ...ca, 'bus.creds': await bus.credentials({ service: 'agent', host }) });
}

/** Has the gateway sign with a new secret from its next start on; what the one before has signed stays good. */
export async function renewSecret(folder: string): Promise<void> {
  await (await Secrets.open(folder)).renew('jwt');
}

export const firstPassword = (folder: string): Promise<string> =>
  readFile(join(folder, 'admin-password'), 'utf8').then((text) => text.trim());

/** Who else makes it at the same time makes the same: whoever was first. As one file, a key never stands beside another's certificate. */
async function pairOf(secrets: Secrets, name: string, make: () => Promise<Issued>): Promise<Issued> {
  const file = secrets.fileOf(`${name}.json`);
  const text = await readFile(file, 'utf8').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const made = JSON.stringify(await make());
    return secrets.get(`${name}.json`, () => made);
  });
  return JSON.parse(text) as Issued;
}

async function replaced(secrets: Secrets, name: string, made: Issued): Promise<Issued> {
  await secrets.put(`${name}.json`, JSON.stringify(made));
  return made;
}

function natsConfig(accounts: string): string {
  return [
    'listen: "0.0.0.0:4222"',
    // For the health check.
    'http: "127.0.0.1:8222"',
    'jetstream { store_dir: "/var/lib/nats", max_file_store: 1TB }',
    'tls { cert_file: "/run/polyvirt/certificate.pem", key_file: "/run/polyvirt/certificate-key.pem" }',
    accounts,
    '',
  ].join('\n');
}

/** MariaDB runs it at every start. */
function usersSql(password: string): string {
  return [
    'CREATE DATABASE IF NOT EXISTS polyvirt CHARACTER SET utf8mb4;',
    ...['%', 'localhost'].flatMap((from) => [
      `CREATE OR REPLACE USER 'polyvirt'@'${from}' IDENTIFIED BY '${password}';`,
      `GRANT ALL ON polyvirt.* TO 'polyvirt'@'${from}';`,
    ]),
    '',
  ].join('\n');
}

/** Root writes, and the group of the services reads: it is the one of this process. */
async function put(folder: string, files: Record<string, string>): Promise<void> {
  const group = process.getegid?.() ?? 0;
  await chown(folder, process.getuid?.() ?? 0, group);
  await chmod(folder, 0o750);
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    const temporary = `${file}.new`;
    await writeFile(temporary, `${text.trimEnd()}\n`, { mode: 0o640 });
    await chmod(temporary, 0o640);
    await rename(temporary, file);
  }
}
