import { z } from 'zod';

/**
 * Declares that what is given here is nobody else's business: a password, a token, data for a guest that may hold either.
 * This is the one place where that is said. Whatever is generic (idempotency, the operation's row, retries, problems) asks
 * `mapSecrets`, and OpenAPI shows it as `writeOnly`.
 */
export const secret = <Schema extends z.ZodType>(schema: Schema): Schema =>
  schema.meta({ ...withoutId(schema.meta()), writeOnly: true });

/** A copy of `value` in which `change` has replaced each secret that `schema` declares; what becomes `undefined` is left out. */
export function mapSecrets(
  schema: z.ZodType,
  value: unknown,
  change: (value: unknown, pointer: string) => unknown,
  pointer = '',
): unknown {
  if (value === undefined) return undefined;
  if (schema.meta()?.writeOnly === true) return change(value, pointer);
  if (schema instanceof z.ZodObject && isObject(value)) {
    const fields = schema.shape as Record<string, z.ZodType>;
    const entries = Object.entries(value).map(([name, field]) => {
      const known = fields[name];
      return [name, known ? mapSecrets(known, field, change, `${pointer}/${name}`) : field] as const;
    });
    return Object.fromEntries(entries.filter(([, field]) => field !== undefined));
  }
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.map((item, at) => mapSecrets(schema.element as z.ZodType, item, change, `${pointer}/${at}`));
  if (schema instanceof z.ZodUnion)
    return (schema.options as z.ZodType[]).reduce<unknown>(
      (now, option) => mapSecrets(option, now, change, pointer),
      value,
    );
  if (schema instanceof z.ZodPipe) return mapSecrets(schema.in as z.ZodType, value, change, pointer);
  const { innerType } = schema.def as unknown as { innerType?: z.ZodType };
  return innerType ? mapSecrets(innerType, value, change, pointer) : value;
}

/** Whether a value of the schema may hold a secret at all. */
export function holdsSecrets(schema: z.ZodType): boolean {
  if (schema.meta()?.writeOnly === true) return true;
  if (schema instanceof z.ZodObject) return Object.values(schema.shape as Record<string, z.ZodType>).some(holdsSecrets);
  if (schema instanceof z.ZodArray) return holdsSecrets(schema.element as z.ZodType);
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).some(holdsSecrets);
  if (schema instanceof z.ZodPipe) return holdsSecrets(schema.in as z.ZodType);
  const { innerType } = schema.def as unknown as { innerType?: z.ZodType };
  return innerType !== undefined && holdsSecrets(innerType);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An id belongs to one schema. */
function withoutId(meta: object | undefined): object {
  const { id: _id, ...rest } = (meta ?? {}) as { id?: string };
  return rest;
}
