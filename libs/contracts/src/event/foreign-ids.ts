import type { z } from 'zod';
import { HostId, OperationId, VmId } from '../ids.ts';
import { events } from '../registry.ts';
import type { CloudEvent } from './cloud-event.ts';

type Path = readonly string[];

/** Stands for any element of a list, or any key of a record. */
const each = '*';

/**
 * What an event says of another host than the one whose subject it came on, in words; undefined when it does not. The bus
 * vouches for the subject only: an agent can write what it likes into the rest.
 */
export function foreignIdIn(event: CloudEvent, host: HostId | '_'): string | undefined {
  // Events about several hosts are the gateway's.
  if (host === '_') return event.source === '/gateway' ? undefined : `its source is ${event.source}`;
  if (!event.source.startsWith(`/hosts/${host}/`)) return `its source is ${event.source}`;
  if (!isOf(host, event.subject) && !OperationId.safeParse(event.subject).success)
    return `its subject is ${event.subject}`;
  const definition = events.find(({ name }) => name === event.type);
  return definition && foreignIdOf(definition.body, event.data, host);
}

/**
 * The same of anything else that a host says, by its schema: an answer, a reading, a heartbeat. Whoever decodes what came from a
 * host asks this once.
 */
export function foreignIdOf(schema: z.core.$ZodType, value: unknown, host: HostId): string | undefined {
  for (const path of pathsOf(schema))
    for (const id of valuesAt(value, path)) if (!isOf(host, id)) return `${path.join('.')} is ${String(id)}`;
  return undefined;
}

const isOf = (host: HostId, id: unknown): boolean =>
  id === undefined || id === host || (typeof id === 'string' && id.startsWith(`${host}~`));

const known = new WeakMap<z.core.$ZodType, Path[]>();

/** Where the ids of hosts and VMs stand in what has this schema. */
function pathsOf(schema: z.core.$ZodType): Path[] {
  const found = known.get(schema) ?? idPaths(schema, []);
  known.set(schema, found);
  return found;
}

/** By the schema, so that an event which is declared one day is checked as well. */
function idPaths(schema: z.core.$ZodType, path: Path): Path[] {
  if (isId(schema)) return [path];
  const { def } = schema._zod as z.core.$ZodTypeInternals & { def: z.core.$ZodTypeDef };
  const inner = def as unknown as {
    readonly shape?: Record<string, z.core.$ZodType>;
    readonly innerType?: z.core.$ZodType;
    readonly element?: z.core.$ZodType;
    readonly valueType?: z.core.$ZodType;
    readonly options?: readonly z.core.$ZodType[];
    readonly in?: z.core.$ZodType;
  };
  return [
    ...Object.entries(inner.shape ?? {}).flatMap(([key, part]) => idPaths(part, [...path, key])),
    ...(inner.innerType ? idPaths(inner.innerType, path) : []),
    ...(inner.in ? idPaths(inner.in, path) : []),
    ...(inner.element ? idPaths(inner.element, [...path, each]) : []),
    ...(inner.valueType ? idPaths(inner.valueType, [...path, each]) : []),
    ...(inner.options ?? []).flatMap((option) => idPaths(option, path)),
  ];
}

/** Also with a description of its own. */
const isId = (schema: z.core.$ZodType): boolean =>
  schema === HostId || schema === VmId || (schema._zod.parent !== undefined && isId(schema._zod.parent));

function valuesAt(value: unknown, [key, ...rest]: Path): unknown[] {
  if (key === undefined) return [value];
  if (typeof value !== 'object' || value === null) return [];
  if (key === each) return Object.values(value).flatMap((one) => valuesAt(one, rest));
  return Object.hasOwn(value, key) ? valuesAt((value as Record<string, unknown>)[key], rest) : [];
}
