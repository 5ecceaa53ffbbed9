import type { Client, components } from '@polyvirt/api-client';
import { listAll } from './api.ts';
import { Exit, UsageError, type Given, type Options } from './declaration.ts';
import { exitCodes } from './exit-codes.ts';
import { pairOf } from './parse.ts';

export type Vm = components['schemas']['Vm'];

/** For the query of a request: a comma would part two values, and of a list each stands alone. */
const quoted = (values: readonly string[]): readonly string[] => values.map((value) => value.replaceAll(',', '\\,'));

/** The values of a text as the gateway splits it: `a,b` are two, `a\,b` is one. */
const valuesIn = (text: string) => text.split(/(?<!\\),/).map((value) => value.replaceAll('\\,', ','));

const namesAtOnce = 32;
/** What the address of one request has room for. */
const mostLetters = 6_000;

/**
 * The VMs that are meant, each by its id, `host/name`, or a name that no other has. Throws `Exit` 3 if there is none
 * and 5 with the candidates if there are several.
 */
export async function findVms(client: Client, named: readonly string[]): Promise<{ id: string; name: string }[]> {
  const asked = [...new Set(named)];
  const names = new Set(asked.filter((text) => !isId(text)).flatMap(spellingsOf));
  const known: Vm[] = [];
  for (const name of portionsOf([...names], namesAtOnce))
    known.push(...(await listAll<Vm>(client, 'GET /api/v1/vms', { query: { name: quoted(name) } })));
  const found: { id: string; name: string }[] = [];
  for (const text of asked) found.push(isId(text) ? { id: text, name: text } : await pick(client, text, known));
  return found;
}

export async function findVm(client: Client, named: string): Promise<{ id: string; name: string }> {
  return (await findVms(client, [named]))[0]!;
}

const isId = (text: string) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?~[A-Za-z0-9_-]{1,128}$/.test(text);

/** A slash may part host and name, or be one of the name. */
function readingsOf(text: string): { host?: string; name: string }[] {
  const at = text.indexOf('/');
  return at < 1 ? [{ name: text }] : [{ name: text }, { host: text.slice(0, at), name: text.slice(at + 1) }];
}

/** An accent may be typed as a letter of its own. */
const spellingsOf = (text: string): string[] =>
  readingsOf(text)
    .filter(({ name }) => name !== '')
    .flatMap(({ name }) => [name, name.normalize('NFC'), name.normalize('NFD')]);
const isSame = (one: string, other: string) => one.normalize('NFC') === other.normalize('NFC');

/** The texts in as many portions as it takes requests to ask for them. */
export function portionsOf(texts: readonly string[], atOnce: number): string[][] {
  const portions: string[][] = [];
  let room = 0;
  for (const text of texts) {
    const letters = encodeURIComponent(text).length;
    if (portions.length === 0 || portions.at(-1)!.length >= atOnce || letters > room) {
      portions.push([]);
      room = mostLetters;
    }
    portions.at(-1)!.push(text);
    room -= letters;
  }
  return portions;
}

async function pick(client: Client, text: string, known: readonly Vm[]): Promise<Vm> {
  const fitting = known.filter((vm) =>
    readingsOf(text).some(({ host, name }) => isSame(vm.name, name) && (host === undefined || vm.host === host)),
  );
  const [found, ...others] = fitting;
  if (found && others.length === 0) return found;
  if (!found)
    throw new Exit(
      exitCodes.notFound.code,
      `There is no VM ${JSON.stringify(text)}. ${await alike(client, text)}\`polyvirt vm list\` shows them.`,
    );
  const candidates = fitting.map(({ id, host, name }) => `  ${host}/${name}  ${id}`);
  throw new Exit(
    exitCodes.conflict.code,
    [`${fitting.length} VMs are called ${JSON.stringify(text)}; say which:`, ...candidates].join('\n'),
  );
}

/** VMs whose names have it in them, in any case. */
async function alike(client: Client, text: string): Promise<string> {
  const q = readingsOf(text).at(-1)!.name.slice(0, 255);
  const found = await listAll<Vm>(client, 'GET /api/v1/vms', { query: { q } }, 3).catch(() => []);
  return found.length === 0 ? '' : `Alike: ${found.map(({ name }) => JSON.stringify(name)).join(', ')}. `;
}

const filterKeys = ['host', 'hypervisor', 'state', 'name', 'label', 'template', 'q'] as const;

/** Of these a filter has one value. */
const single: ReadonlySet<string> = new Set(['template', 'q']);

/** Options that choose VMs. */
export const filterOptions: Options = {
  filter: {
    value: 'KEY=VALUE',
    many: true,
    help: `Only those that fit; KEY is ${filterKeys.join(', ')}, VALUE may list several with commas.`,
  },
  label: {
    short: 'l',
    value: 'LABEL',
    many: true,
    help: 'Only those with this label: `env=test`, or `env` with any value.',
  },
};

export type Filter = Readonly<Record<string, string | readonly string[]>>;

/** The filter in a query; in a body it is as it is. */
export const queryOf = (filter: Filter): Filter =>
  Object.fromEntries(
    Object.entries(filter).map(([key, values]) => [key, typeof values === 'string' ? values : quoted(values)]),
  );

/** The filters that were given, each value as it is; undefined without any. Throws `UsageError`. */
export function filterOf(given: Given): Filter | undefined {
  const values = new Map<string, string[]>();
  const add = (key: string, more: readonly string[]) => values.set(key, [...(values.get(key) ?? []), ...more]);
  for (const text of given.list('filter')) {
    const [key, value] = pairOf('filter', text);
    if (!(filterKeys as readonly string[]).includes(key))
      throw new UsageError(`--filter knows ${filterKeys.join(', ')}, not ${JSON.stringify(key)}.`);
    // What a script has in a variable that was never set means none, and not all.
    if (value === '') throw new UsageError(`--filter ${key}= has no value.`);
    add(key, single.has(key) ? [value] : valuesIn(value));
  }
  if (given.list('label').includes('')) throw new UsageError('--label is empty.');
  if (given.has('label')) add('label', given.list('label'));
  for (const key of single)
    if ((values.get(key)?.length ?? 0) > 1) throw new UsageError(`--filter ${key}= is given twice.`);
  if (values.size === 0) return undefined;
  return Object.fromEntries([...values].map(([key, all]) => [key, single.has(key) ? all[0]! : all]));
}
