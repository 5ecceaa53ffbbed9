import { z } from 'zod';

export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** Name of the environment variable. `<env>_FILE` names a file that holds the value instead. */
  readonly env: `POLYVIRT_${string}`;
  /** Reads the text of the variable; one that takes `undefined` makes the setting optional. */
  readonly schema: Schema;
  /** One sentence for the operator; it becomes a row of `docs/configuration.md`. */
  readonly help: string;
  /** Used as it is, without going through the schema. */
  readonly default?: z.output<Schema>;
  /** Printed as `***` wherever the configuration is printed. */
  readonly secret?: boolean;
}

export type ConfigDefinition = Readonly<Record<string, Setting>>;

export type ConfigOf<Definition extends ConfigDefinition> = {
  readonly [Key in keyof Definition]: Definition[Key] extends { readonly default: unknown }
    ? Exclude<z.output<Definition[Key]['schema']>, undefined>
    : z.output<Definition[Key]['schema']>;
};

/** Declares one setting; the schema gives the default its type. */
export function setting<
  Schema extends z.ZodType,
  const Options extends { readonly schema: Schema } & Omit<Setting<Schema>, 'schema'>,
>(options: Options & { readonly schema: Schema }): Options {
  return options;
}

/** Declares the settings of an app. Two settings that read the same variable are a mistake in the program. */
export function defineConfig<const Definition extends ConfigDefinition>(definition: Definition): Definition {
  const names = Object.values(definition).map(({ env }) => env);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new RangeError(`${twice} is declared twice`);
  return Object.freeze(definition);
}

/** Settings that are no more, and what to do instead. */
export const goneSettings: Readonly<Record<string, string>> = {
  POLYVIRT_NATS_USER: 'Give POLYVIRT_NATS_CREDENTIALS_FILE, the file with the credential of the service, instead.',
  POLYVIRT_NATS_PASSWORD: 'Give POLYVIRT_NATS_CREDENTIALS_FILE, the file with the credential of the service, instead.',
};

/** What every service that talks to the bus takes. */
export const busSettings = {
  natsUrl: setting({
    env: 'POLYVIRT_NATS_URL',
    schema: z.string().regex(/^(?:nats|tls):\/\/[^\s]+$/, 'A bus address is `nats://host:port` or `tls://host:port`.'),
    help: 'Address of nats-server; several of one cluster are separated by commas.',
    default: 'nats://127.0.0.1:4222',
  }),
  natsCredentials: setting({
    env: 'POLYVIRT_NATS_CREDENTIALS',
    schema: z.string().min(1).optional(),
    help: 'Credential of the service on the bus, in the format of a `.creds` file of NATS. All gateways have the same one.',
    secret: true,
  }),
  natsCa: setting({
    env: 'POLYVIRT_NATS_CA',
    schema: z.string().min(1).optional(),
    help: 'File with the certificate authority of nats-server, in PEM; the connection is then made over TLS.',
  }),
  lifeFile: setting({
    env: 'POLYVIRT_LIFE_FILE',
    schema: z.string().startsWith('/').optional(),
    help: 'File that is written every few seconds while the service does its work, so that the health check of a container can look at its age.',
  }),
  logLevel: setting({
    env: 'POLYVIRT_LOG_LEVEL',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    help: 'The least severe log line that is written.',
    default: 'info',
  }),
} as const;
