import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { goneSettings, type ConfigDefinition, type ConfigOf, type Setting } from './define.ts';

/** EX_CONFIG of sysexits.h: supervisors take it to mean that a restart does not help. */
export const invalidConfigExitCode = 78;

const prefix = 'POLYVIRT_';
const fileSuffix = '_FILE';
const mask = '***';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with the configuration, one sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration is not valid:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/**
 * What a service writes is its own: databases, archives and scripts hold what others have no business with. Set where every service
 * begins, so that none can forget it.
 */
const ownFiles = 0o077;

/** The configuration of the process, whose files nobody else can read from now on. When it is not valid, all faults are printed and the process exits with 78. */
export function loadConfig<Definition extends ConfigDefinition>(
  definition: Definition,
  environment: Environment = process.env,
): ConfigOf<Definition> {
  process.umask(ownFiles);
  try {
    return readConfig(definition, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(invalidConfigExitCode);
  }
}

/** Throws a `ConfigError` with all faults together. What is returned is frozen and prints its secrets as `***`. */
export function readConfig<Definition extends ConfigDefinition>(
  definition: Definition,
  environment: Environment,
): ConfigOf<Definition> {
  const faults = unknownNames(definition, environment);
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(definition)) {
    const { text, fault } = textOf(setting, environment);
    if (fault !== undefined) {
      faults.push(fault);
    } else if (text === undefined && setting.default !== undefined) {
      values[key] = setting.default;
    } else {
      const parsed = setting.schema.safeParse(text);
      if (parsed.success) values[key] = parsed.data;
      else if (text === undefined) faults.push(`${setting.env} is missing. ${setting.help}`);
      else faults.push(...parsed.error.issues.map(({ message }) => `${setting.env}: ${message}`));
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return masked(definition, values) as ConfigOf<Definition>;
}

/** A typing error in a name would otherwise leave a default in force, in silence. */
function unknownNames(definition: ConfigDefinition, environment: Environment): string[] {
  const known = new Set(Object.values(definition).flatMap(({ env }) => [env, env + fileSuffix]));
  return Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !known.has(name))
    .sort()
    .map((name) => {
      const instead = goneSettings[name.endsWith(fileSuffix) ? name.slice(0, -fileSuffix.length) : name];
      return instead === undefined ? `${name} is not a setting of this service.` : `${name} is no more. ${instead}`;
    });
}

/** Compose files pass an empty variable for one that is not set, so empty means absent. */
function textOf({ env }: Setting, environment: Environment): { text?: string; fault?: string } {
  if (environment[env]) return { text: environment[env] };
  const path = environment[env + fileSuffix];
  if (!path) return {};
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    return text === '' ? { fault: `${env + fileSuffix}: ${path} is empty.` } : { text };
  } catch (error) {
    return { fault: `${env + fileSuffix}: ${(error as Error).message}.` };
  }
}

function masked(definition: ConfigDefinition, values: Record<string, unknown>): object {
  const printable = () =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        key,
        definition[key]?.secret && value !== undefined ? mask : value,
      ]),
    );
  const config = { ...values };
  Object.defineProperties(config, {
    toJSON: { value: printable },
    [inspect.custom]: { value: printable },
  });
  return Object.freeze(config);
}
