import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './places.ts';
import { layoutOf } from './start/layout.ts';

const help = `usage: npm run import-users -- [--data-dir <folder>] mysql://<user>:<password>@<host>/autocreationvm

Makes the users of an Auto-Creation-VM database here, with the passwords that they have. Who is here already stays as he is.
In place of the argument, which other users of this machine see while it runs, POLYVIRT_OLD_DATABASE_URL or
POLYVIRT_OLD_DATABASE_URL_FILE can say where the database is.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'data-dir': { type: 'string', default: '.polyvirt' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const program = join(root, 'apps/gateway/dist/users/import-users.main.js');
const { database, secrets } = layoutOf(resolve(root, values['data-dir']));
const { POLYVIRT_OLD_DATABASE_URL, POLYVIRT_OLD_DATABASE_URL_FILE, POLYVIRT_DATABASE_URL, PATH } = process.env;
const {
  POLYVIRT_JWT_SECRET,
  POLYVIRT_JWT_SECRET_FILE = join(secrets, 'jwt'),
  POLYVIRT_JWT_PREVIOUS_SECRETS,
} = process.env;
if (positionals.length > 1 || !(positionals[0] ?? POLYVIRT_OLD_DATABASE_URL ?? POLYVIRT_OLD_DATABASE_URL_FILE)) {
  console.error(help);
  process.exit(64);
}
if (!existsSync(program) || (POLYVIRT_DATABASE_URL === undefined && !existsSync(database))) {
  console.error('There is nothing to import users into yet: run npm start first.');
  process.exit(1);
}
const { status } = spawnSync(process.execPath, [program], {
  stdio: 'inherit',
  env: {
    PATH,
    POLYVIRT_DATABASE_URL: POLYVIRT_DATABASE_URL ?? `sqlite:${database}`,
    POLYVIRT_OLD_DATABASE_URL: positionals[0] ?? POLYVIRT_OLD_DATABASE_URL,
    POLYVIRT_OLD_DATABASE_URL_FILE,
    // What is imported is in the audit, whose end the secret signs.
    ...(POLYVIRT_JWT_SECRET === undefined ? { POLYVIRT_JWT_SECRET_FILE } : { POLYVIRT_JWT_SECRET }),
    POLYVIRT_JWT_PREVIOUS_SECRETS,
  },
});
process.exit(status ?? 1);
