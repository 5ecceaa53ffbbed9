import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { DataFolder } from './data-folder.ts';
import { credentialOf, shownIn, signingKey } from './init.ts';

export type Service = 'gateway' | 'organizer';

/** Settings that stand or fall together: who gives the first has no use for the others of ours. */
const together: Readonly<Record<string, readonly string[]>> = {
  POLYVIRT_TLS_CERT: ['POLYVIRT_TLS_KEY', 'POLYVIRT_TLS_CA'],
  POLYVIRT_NATS_URL: ['POLYVIRT_NATS_CA', 'POLYVIRT_NATS_PUBLIC_URL'],
};

/** As it is packed, beside the programs. */
const webRoot = fileURLToPath(new URL('../web', import.meta.url));

/**
 * The environment of a service: what `init` has made, under the lines of `gateway.env` or `organizer.env` in the data folder, under
 * the environment of whoever starts it.
 */
export function environmentOf(service: Service, folder: DataFolder, caller: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const file = folder.at(`${service}.env`);
  const given = { ...(existsSync(file) && parseEnv(readFileSync(file, 'utf8'))), ...caller };
  const ours = settings[service](folder);
  for (const name of Object.keys(given)) {
    const plain = name.replace(/_FILE$/, '');
    for (const replaced of [plain, ...(together[plain] ?? [])]) {
      delete ours[replaced];
      delete ours[`${replaced}_FILE`];
    }
  }
  return { ...ours, ...given };
}

const busOf = (service: Service, folder: DataFolder): Record<string, string> => ({
  POLYVIRT_NATS_URL: `tls://127.0.0.1:${folder.setup().natsPort}`,
  POLYVIRT_NATS_CA: folder.tls('ca.pem'),
  POLYVIRT_NATS_CREDENTIALS_FILE: folder.secret(credentialOf(service)),
});

const settings: Readonly<Record<Service, (folder: DataFolder) => Record<string, string>>> = {
  gateway: (folder) => {
    const { names, port, natsPort } = folder.setup();
    const name = shownIn(names[0]!);
    return {
      ...busOf('gateway', folder),
      POLYVIRT_NATS_PUBLIC_URL: `tls://${name}:${natsPort}`,
      POLYVIRT_NATS_SIGNING_KEY_FILE: folder.secret(signingKey),
      POLYVIRT_LISTEN: '0.0.0.0',
      POLYVIRT_PORT: String(port),
      POLYVIRT_PUBLIC_URL: `https://${name}:${port}`,
      POLYVIRT_TLS_CERT: folder.tls('gateway.pem'),
      POLYVIRT_TLS_KEY: folder.tls('gateway-key.pem'),
      POLYVIRT_TLS_CA: folder.tls('ca.pem'),
      POLYVIRT_JWT_SECRET_FILE: folder.secret('jwt'),
      POLYVIRT_ADMIN_PASSWORD_FILE: folder.secret('admin-password'),
      POLYVIRT_DATABASE_URL: `sqlite:${folder.at('polyvirt.db')}`,
      POLYVIRT_ARCHIVE_PATH: folder.at('permanent_vms'),
      POLYVIRT_UPLOAD_PATH: folder.at('uploads'),
      POLYVIRT_SPACE_PATHS: folder.at('nats'),
      ...(existsSync(webRoot) && { POLYVIRT_WEB_ROOT: webRoot }),
    };
  },
  organizer: (folder) => ({ ...busOf('organizer', folder), POLYVIRT_ARCHIVE_PATH: folder.at('permanent_vms') }),
};

/** What of the gateway's a program needs that works on its database. */
export function databaseSettings(folder: DataFolder, caller: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const whole = environmentOf('gateway', folder, caller);
  const needed =
    /^(?!POLYVIRT_)|^POLYVIRT_(?:DATABASE_URL|JWT_SECRET|JWT_PREVIOUS_SECRETS|RESET_USER|RESET_PASSWORD)(?:_FILE)?$/;
  return Object.fromEntries(Object.entries(whole).filter(([name]) => needed.test(name)));
}
