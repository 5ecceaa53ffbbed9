// The service `init` of docker-compose.yml.
import { fingerprintOf } from './certificates.ts';
import { firstPassword, makeKeys, renewSecret } from './keys.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const folder = '/keys';
const services = '/for';
const help = `usage: docker-compose run --rm init [command]

  (none)          makes what is missing of keys, passwords and certificates
  admin-password  shows the first password of admin
  authority       shows the certificate of the authority, for browsers and for curl --cacert
  new-secret      signs sessions with a new secret; then: docker-compose up -d --force-recreate gateway
`;

const [command = 'make', ...rest] = process.argv.slice(2);
switch (rest.length > 0 ? 'help' : command) {
  case 'new-secret':
    await renewSecret(folder);
    await make();
    break;
  case 'make': {
    await make();
    console.log(`The keys are there. SHA-256 of the authority: ${fingerprintOf(await authority())}`);
    break;
  }
  case 'admin-password':
    console.log(await firstPassword(folder));
    break;
  case 'authority':
    console.log((await authority()).trim());
    break;
  default:
    console.error(help);
    process.exitCode = 64;
}

async function make(): Promise<void> {
  await makeKeys({ folder, services, address: process.env['POLYVIRT_ADDRESS'] || undefined });
}

function authority(): Promise<string> {
  return readFile(join(services, 'gateway', 'ca.pem'), 'utf8');
}
