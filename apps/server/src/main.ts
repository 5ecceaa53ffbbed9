import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { env } from 'node:process';
import { parseArgs } from 'node:util';
import { DataFolder, usualFolder, type Setup } from './data-folder.ts';
import { Fault } from './fault.ts';
import { init } from './init.ts';
import { databaseSettings, environmentOf } from './settings.ts';

const help = `usage: polyvirt-server <command> [options]

  init [--name NAME]… [--port PORT] [--nats-port PORT]
           make keys, an authority, certificates and the configuration of nats-server; again, it renews certificates that
           expire within 60 days. NAME is what others call this machine: a name or an address, several by repeating it
  gateway  run the gateway, with the web console
  organizer
           run the organizer, which keeps the archives
  reset-password [USER] [--password-file FILE]
           give a user (admin unless said) another password, also while the gateway runs
  version

  --data-dir FOLDER   where everything is kept (now ${usualFolder()})

Settings are environment variables, or lines of gateway.env and organizer.env in that folder: docs/configuration.md has them.
Exit codes: 0 done, 1 failed, 2 wrong command line, 78 starting it again does not help.
`;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function read() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        name: { type: 'string', multiple: true },
        port: { type: 'string' },
        'nats-port': { type: 'string' },
        'password-file': { type: 'string' },
        'data-dir': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new Fault(`${(error as Error).message}\n\n${help}`, 2);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = read();
  const [command, operand, ...rest] = positionals;
  if (values.help || command === undefined || command === 'help') {
    console.log(help);
    return;
  }
  const more = command === 'reset-password' ? rest : [operand, ...rest].filter((one) => one !== undefined);
  if (more.length > 0) throw new Fault(`What is ${more.join(' ')}?\n\n${help}`, 2);
  const folder = new DataFolder(resolve(values['data-dir'] ?? usualFolder()));
  switch (command) {
    case 'init': {
      const setup = setupOf(values, folder.knownSetup());
      for (const line of await init(folder, setup)) console.log(line);
      return;
    }
    case 'gateway':
    case 'organizer':
      return become(command, environmentOf(command, folder, env));
    case 'reset-password': {
      const { 'password-file': file } = values;
      const given = {
        ...(operand !== undefined && { POLYVIRT_RESET_USER: operand }),
        ...(file !== undefined && { POLYVIRT_RESET_PASSWORD_FILE: resolve(file) }),
      };
      return become(command, databaseSettings(folder, { ...env, ...given }));
    }
    case 'version':
      console.log(version);
      return;
    default:
      throw new Fault(`There is no command ${command}.\n\n${help}`, 2);
  }
}

const hostName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9](?:[a-z0-9-]{0,62}))*$|^[0-9a-f:.]+$/i;

function setupOf(
  { name, port, 'nats-port': natsPort }: { name?: string[]; port?: string; 'nats-port'?: string },
  known: Setup | undefined,
): Setup {
  const names = name ?? known?.names ?? [hostname()];
  const wrong = names.find((one) => !hostName.test(one));
  if (wrong !== undefined) throw new Fault(`${JSON.stringify(wrong)} is neither a host name nor an address.`, 2);
  const ports = { port: portOf(port) ?? known?.port ?? 8443, natsPort: portOf(natsPort) ?? known?.natsPort ?? 4222 };
  return { names, ...ports };
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new Fault(`${text} is no port: 1 to 65535.`, 2);
  return port;
}

/** Goes on as one of the programs beside this one, with that environment and no other. */
async function become(program: string, environment: NodeJS.ProcessEnv): Promise<void> {
  for (const name of Object.keys(env)) if (!(name in environment)) delete env[name];
  Object.assign(env, environment);
  await import(new URL(`./${program}.mjs`, import.meta.url).href);
}

try {
  await main();
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const denied = code === 'EACCES' || code === 'EPERM';
  console.error(
    error instanceof Fault ? message : denied ? `${message}. Run it as the owner of the data folder.` : error,
  );
  process.exit(error instanceof Fault ? error.exitCode : 1);
}
