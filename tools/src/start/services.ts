import type { Layout } from './layout.ts';

/** What services are told about the stack they are part of. */
export interface Stack {
  readonly layout: Layout;
  readonly port: number;
  readonly natsUrl: string;
  /** The file that holds a secret. */
  secretFile(name: string): string;
}

/** One of our services, as data. */
export interface ServiceDefinition {
  readonly name: string;
  /** npm package to build. */
  readonly project: string;
  /** Its program, below the repository. */
  readonly entry: string;
  /** Who it is on the bus. An agent is known by its host. */
  readonly bus: 'gateway' | 'organizer' | { readonly host: string };
  /** Secrets that are its own, beside its password for the bus. */
  readonly secrets: readonly string[];
  /** Its settings, beyond those of the bus. */
  settings(stack: Stack): Record<string, string>;
  /** Settings that whoever starts the stack may give through the environment. */
  readonly passedOn: readonly string[];
}

const EVERYWHERE = ['POLYVIRT_LOG_LEVEL'];

/** In the order they start; they stop in reverse. */
export const SERVICES: readonly ServiceDefinition[] = [
  {
    name: 'gateway',
    project: '@polyvirt/gateway',
    entry: 'apps/gateway/dist/main.js',
    bus: 'gateway',
    secrets: ['jwt', 'admin-password'],
    settings: ({ layout, port, secretFile }) => ({
      POLYVIRT_PORT: String(port),
      POLYVIRT_DATABASE_URL: `sqlite:${layout.database}`,
      POLYVIRT_JWT_SECRET_FILE: secretFile('jwt'),
      POLYVIRT_ADMIN_PASSWORD_FILE: secretFile('admin-password'),
    }),
    passedOn: [
      ...EVERYWHERE,
      'POLYVIRT_DATABASE_URL',
      'POLYVIRT_DATABASE_URL_FILE',
      'POLYVIRT_LISTEN',
      'POLYVIRT_METRICS_ACCESS',
      'POLYVIRT_RATE_LIMIT',
      'POLYVIRT_TRUST_PROXY',
    ],
  },
  {
    name: 'organizer',
    project: '@polyvirt/organizer',
    entry: 'apps/organizer/dist/main.js',
    bus: 'organizer',
    secrets: [],
    settings: ({ layout }) => ({ POLYVIRT_ARCHIVE_PATH: layout.archives }),
    passedOn: [...EVERYWHERE, 'POLYVIRT_ARCHIVE_PATH'],
  },
  {
    name: 'kvm-agent',
    project: '@polyvirt/kvm-agent',
    entry: 'apps/kvm-agent/dist/main.js',
    bus: { host: 'kvm-local' },
    secrets: [],
    settings: ({ layout }) => ({
      POLYVIRT_HOST_ID: 'kvm-local',
      POLYVIRT_IMAGE_PATH: layout.images,
    }),
    passedOn: [
      ...EVERYWHERE,
      'POLYVIRT_ACCELERATION',
      'POLYVIRT_LIBVIRT_URI',
      'POLYVIRT_LIBVIRT_SOCKET',
      'POLYVIRT_STORAGE_POOL',
      'POLYVIRT_STORAGE_PATH',
      'POLYVIRT_METRICS_SECONDS',
      'POLYVIRT_RECONCILE_SECONDS',
    ],
  },
];

/** Name of the secret with which a service is known on the bus. */
export function busSecretOf({ name }: ServiceDefinition): string {
  return `nats-${name}`;
}

/** The whole environment of a service: of the caller's, only what every program needs and what the service passes on. */
export function environmentOf(
  service: ServiceDefinition,
  stack: Stack,
  busUser: string,
  caller: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const inherited = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SystemRoot', ...service.passedOn];
  const given = Object.fromEntries(inherited.filter((name) => caller[name]).map((name) => [name, caller[name]]));
  const settings = service.settings(stack);
  // A value has precedence over a file, so that ours must not stand beside a file of the caller's.
  for (const name of Object.keys(given)) if (name.endsWith('_FILE')) delete settings[name.slice(0, -'_FILE'.length)];
  return {
    ...settings,
    POLYVIRT_NATS_URL: stack.natsUrl,
    POLYVIRT_NATS_USER: busUser,
    POLYVIRT_NATS_PASSWORD_FILE: stack.secretFile(busSecretOf(service)),
    ...given,
  };
}
