import type { Client, components } from '@polyvirt/api-client';
import { listAll } from './api.ts';
import { Exit, UsageError, type Given, type Options } from './declaration.ts';
import { exitCodes } from './exit-codes.ts';
import { pairs } from './parse.ts';

export type Vm = components['schemas']['Vm'];

/** A value among several that a query separates by commas. */
const oneOf = (text: string) => text.replaceAll('\\', '\\\\').replaceAll(',', '\\,');
const namesAtOnce = 32;

/**
 * The VMs that are meant, each by its id, `host/name`, or a name that no other has. Throws `Exit` 3 if there is none
 * and 5 with the candidates if there are several.
 */
export async function findVms(client: Client, named: readonly string[]): Promise<{ id: string; name: string }[]> {
  const asked = [...new Set(named)];
  const names = [...new Set(asked.filter((text) => !isId(text)).map((text) => split(text).name))];
  const known: Vm[] = [];
  for (let at = 0; at < names.length; at += namesAtOnce) {
    const name = names
      .slice(at, at + namesAtOnce)
      .map(oneOf)
      .join(',');
    known.push(...(await listAll<Vm>(client, 'GET /api/v1/vms', { query: { name } })));
  }
  return asked.map((text) => (isId(text) ? { id: text, name: text } : pick(text, known)));
}

export async function findVm(client: Client, named: string): Promise<{ id: string; name: string }> {
  return (await findVms(client, [named]))[0]!;
}

const isId = (text: string) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?~[A-Za-z0-9_-]{1,128}$/.test(text);
function split(text: string): { host?: string; name: string } {
  const at = text.indexOf('/');
  return at < 1 ? { name: text } : { host: text.slice(0, at), name: text.slice(at + 1) };
}

function pick(text: string, known: readonly Vm[]): Vm {
  const { host, name } = split(text);
  const fitting = known.filter((vm) => vm.name === name && (host === undefined || vm.host === host));
  const [found, ...others] = fitting;
  if (!found)
    throw new Exit(exitCodes.notFound.code, `There is no VM ${JSON.stringify(text)}. \`polyvirt vm list\` shows them.`);
  if (others.length === 0) return found;
  const candidates = fitting.map(({ id, host: of }) => `  ${of}/${name}  ${id}`);
  throw new Exit(
    exitCodes.conflict.code,
    [`${fitting.length} VMs are called ${JSON.stringify(name)}; say which:`, ...candidates].join('\n'),
  );
}

const filterKeys = ['host', 'hypervisor', 'state', 'name', 'label', 'q'] as const;

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

/** The query of the filters that were given; undefined without any. Throws `UsageError`. */
export function filterOf(given: Given): Record<string, string> | undefined {
  const filter = pairs('filter', given.list('filter'));
  const unknown = Object.keys(filter).find((key) => !(filterKeys as readonly string[]).includes(key));
  if (unknown !== undefined)
    throw new UsageError(`--filter knows ${filterKeys.join(', ')}, not ${JSON.stringify(unknown)}.`);
  const labels = [filter['label'] ?? [], given.list('label').map(oneOf)].flat();
  const all = { ...filter, ...(labels.length > 0 && { label: labels.join(',') }) };
  return Object.keys(all).length === 0 ? undefined : all;
}
