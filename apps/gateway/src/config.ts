import { busSettings, defineConfig, networks, setting, type ConfigOf } from '@polyvirt/config';
import { Password } from '@polyvirt/contracts';
import { z } from 'zod';

/** As JSON, or by commas. A secret that itself begins with `[` and is no JSON is taken as it is. */
function secretsIn(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // Not JSON.
  }
  return text.split(',').filter((part) => part !== '');
}

export const gatewayConfig = defineConfig({
  ...busSettings,
  port: setting({
    env: 'POLYVIRT_PORT',
    schema: z.coerce.number().int().min(0).max(65_535),
    help: 'TCP port of the API; 0 takes a free one.',
    default: 8080,
  }),
  listen: setting({
    env: 'POLYVIRT_LISTEN',
    schema: z.string().min(1),
    help: 'Address the API listens on; `0.0.0.0` opens it to the network.',
    default: '127.0.0.1',
  }),
  tlsCert: setting({
    env: 'POLYVIRT_TLS_CERT',
    schema: z.string().min(1).optional(),
    help: 'File with the certificate of the gateway and those between it and its authority, in PEM; the API then speaks HTTPS. A file that is replaced is read again.',
  }),
  tlsKey: setting({
    env: 'POLYVIRT_TLS_KEY',
    schema: z.string().min(1).optional(),
    help: 'File with the private key of that certificate, in PEM.',
  }),
  caFile: setting({
    env: 'POLYVIRT_TLS_CA',
    schema: z.string().min(1).optional(),
    help: 'File with the authority that has signed that certificate, in PEM, where it is one of your own: hosts that join are given its fingerprint to know the gateway by.',
  }),
  hostNames: setting({
    env: 'POLYVIRT_HOST_NAMES',
    schema: z
      .string()
      .transform((text) =>
        text
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      )
      .pipe(
        z
          .array(z.string().regex(/^[A-Za-z0-9.-]+$/, 'A host name has letters, digits, hyphens and full stops.'))
          .min(1),
      )
      .optional(),
    help: 'Names by which browsers may call the gateway, separated by commas, beside numbers, names without a full stop, that of POLYVIRT_PUBLIC_URL and those of its certificate. Behind a proxy of POLYVIRT_TRUST_PROXY any, unless this is set.',
  }),
  databaseUrl: setting({
    env: 'POLYVIRT_DATABASE_URL',
    schema: z
      .string()
      .regex(
        /^(?:sqlite:.+|mysql:\/\/.+)$/,
        'A database is `sqlite:<path>` or `mysql://user:password@host:port/name`.',
      ),
    help: 'Database of the gateway: `sqlite:<path>`, or `mysql://user:password@host:port/name` for MariaDB 10.6 or MySQL 8 and newer.',
    default: 'sqlite:polyvirt.db',
    secret: true,
  }),
  natsSigningKey: setting({
    env: 'POLYVIRT_NATS_SIGNING_KEY',
    schema: z
      .string()
      .regex(/^SO[A-Z2-7]{56}$/, 'A signing key is the seed of an operator key of NATS: `SO` and 56 characters.')
      .optional(),
    help: 'Signing key of the operator of nats-server, with which accounts are made and cut off; the same for all gateways.',
    secret: true,
  }),
  publicUrl: setting({
    env: 'POLYVIRT_PUBLIC_URL',
    schema: z
      .url({
        protocol: /^https?$/,
        error: 'An address is `https://polyvirt.example` or `https://polyvirt.example:8443`.',
      })
      .transform((url) => url.replace(/\/+$/, ''))
      .optional(),
    help: 'Address at which other machines reach this gateway: `https://polyvirt.example:8443`. The line by which a host joins has it; by default the address at which that line was asked for.',
  }),
  natsPublicUrl: setting({
    env: 'POLYVIRT_NATS_PUBLIC_URL',
    schema: z
      .string()
      .regex(/^(?:nats|tls):\/\/[^\s]+$/, 'A bus address is `nats://host:port` or `tls://host:port`.')
      .optional(),
    help: 'Address of nats-server for hosts that join, where that is another than POLYVIRT_NATS_URL; several of one cluster are separated by commas.',
  }),
  natsReplicas: setting({
    env: 'POLYVIRT_NATS_REPLICAS',
    schema: z.coerce.number().int().min(1).max(5),
    help: 'Copies of everything that is stored on the bus; 3 in a cluster of three nats-servers, so that one of them may be lost. The same for all gateways.',
    default: 1,
  }),
  hostMessagesPerSecond: setting({
    env: 'POLYVIRT_HOST_MESSAGES_PER_SECOND',
    schema: z.coerce.number().int().min(1),
    help: 'Messages per second, averaged over ten seconds, that the agent of a host may send before the host is cut off for a while.',
    default: 5_000,
  }),
  hostMiBPerSecond: setting({
    env: 'POLYVIRT_HOST_MIB_PER_SECOND',
    schema: z.coerce.number().int().min(1),
    help: 'The same for what it sends, in MiB per second.',
    default: 8,
  }),
  hostStoredMiB: setting({
    env: 'POLYVIRT_HOST_STORED_MIB',
    schema: z.coerce.number().int().min(1),
    help: 'MiB that a host may have on the bus, its records and its events of the last 24 hours together, before it is cut off for a while.',
    default: 1_024,
  }),
  jwtSecret: setting({
    env: 'POLYVIRT_JWT_SECRET',
    schema: z.string().min(32, 'The secret has at least 32 characters.'),
    help: 'Signs access tokens and seals what is kept in the database; the same for all gateways of one database.',
    secret: true,
  }),
  jwtPreviousSecrets: setting({
    env: 'POLYVIRT_JWT_PREVIOUS_SECRETS',
    schema: z
      .string()
      .transform(secretsIn)
      .pipe(z.array(z.string().min(32, 'Each secret has at least 32 characters.'))),
    help: 'Secrets that `POLYVIRT_JWT_SECRET` has replaced, the newest first: separated by commas, or as a JSON array of strings, for secrets that hold commas themselves. What they signed or sealed stays good, so that a rotation logs nobody out. Remove one after 30 days.',
    default: [],
    secret: true,
  }),
  adminPassword: setting({
    env: 'POLYVIRT_ADMIN_PASSWORD',
    schema: Password.optional(),
    help: 'Password of the user `admin` that the first start makes; one is generated and printed once when it is absent.',
    secret: true,
  }),
  runToken: setting({
    env: 'POLYVIRT_RUN_TOKEN',
    schema: z
      .string()
      .regex(/^pv_[A-Za-z0-9_-]{43}$/, 'An API token is `pv_` and 43 characters.')
      .optional(),
    help: 'An API token that is good with all scopes of an administrator for as long as the gateway runs; `npm start` makes one at each start.',
    secret: true,
  }),
  metricsAccess: setting({
    env: 'POLYVIRT_METRICS_ACCESS',
    schema: z.enum(['loopback', 'token', 'open']),
    help: 'Who may read `/metrics`: this machine, bearers of a token with `metrics:read`, or anyone.',
    default: 'loopback',
  }),
  rateLimit: setting({
    env: 'POLYVIRT_RATE_LIMIT',
    schema: z.coerce.number().int().min(0),
    help: 'Requests per second that one caller may send, averaged over ten seconds; 0 sets no limit.',
    default: 1_000,
  }),
  connectionsEach: setting({
    env: 'POLYVIRT_CONNECTIONS_PER_ADDRESS',
    schema: z.coerce.number().int().min(0),
    help: 'Connections that one address may have open; 0 sets no limit. Without effect behind a proxy that `POLYVIRT_TRUST_PROXY` names.',
    default: 1_000,
  }),
  archivePath: setting({
    env: 'POLYVIRT_ARCHIVE_PATH',
    schema: z.string().min(1).optional(),
    help: 'Folder of the organizer as the gateway sees it; without it no file of an archive can be read over the API.',
  }),
  uploadPath: setting({
    env: 'POLYVIRT_UPLOAD_PATH',
    schema: z.string().min(1),
    help: 'Folder of what is uploaded until an agent has taken it; several gateways of one database share it.',
    default: 'uploads',
  }),
  uploadMostGiB: setting({
    env: 'POLYVIRT_UPLOAD_MAX_GIB',
    schema: z.coerce.number().int().min(1),
    help: 'GiB that one upload may have.',
    default: 256,
  }),
  spacePaths: setting({
    env: 'POLYVIRT_SPACE_PATHS',
    schema: z
      .string()
      .transform((text) => text.split(',').filter((part) => part !== ''))
      .pipe(z.array(z.string().min(1))),
    help: 'More folders whose free space is watched, separated by commas, beside those of a SQLite database and the archive: that of nats-server, where it is on this machine.',
    default: [],
  }),
  spaceKeptMiB: setting({
    env: 'POLYVIRT_SPACE_KEPT_MIB',
    schema: z.coerce.number().int().min(0),
    help: 'With less than so many MiB free in a watched folder everything but stop, cancel and delete is refused with 507; four times as much is told in the log.',
    default: 256,
  }),
  webRoot: setting({
    env: 'POLYVIRT_WEB_ROOT',
    schema: z.string().min(1).optional(),
    help: 'Folder of a built web console to serve in place of the one that comes with the gateway.',
  }),
  compat: setting({
    env: 'POLYVIRT_COMPAT',
    schema: z.enum(['on', 'off']),
    help: 'Whether the routes and messages of KVM Supervisor and Auto-Creation-VM are answered.',
    default: 'on',
  }),
  compatPort: setting({
    env: 'POLYVIRT_COMPAT_PORT',
    schema: z.coerce.number().int().min(0).max(65_535).optional(),
    help: 'A second port, which answers nothing but these: 5000 is where both programs were. Plain HTTP, on loopback only unless POLYVIRT_COMPAT_NETWORKS is set.',
  }),
  compatNetworks: setting({
    env: 'POLYVIRT_COMPAT_NETWORKS',
    schema: networks.optional(),
    help: 'Networks whose machines may use the port of POLYVIRT_COMPAT_PORT, separated by commas: `192.168.1.0/24`. Tokens cross them unencrypted.',
  }),
  compatReadNetworks: setting({
    env: 'POLYVIRT_COMPAT_READ_NETWORKS',
    schema: networks.optional(),
    help: 'Networks, separated by commas, whose machines may read the routes and messages of KVM Supervisor without a token.',
  }),
  trustProxy: setting({
    env: 'POLYVIRT_TRUST_PROXY',
    schema: z.string().min(1).optional(),
    help: 'Addresses or networks of reverse proxies, separated by commas, whose `X-Forwarded-For` tells the address of a caller.',
  }),
});
export type GatewayConfig = ConfigOf<typeof gatewayConfig>;

/** Injection token of the `GatewayConfig`. */
export const CONFIG = Symbol('CONFIG');
