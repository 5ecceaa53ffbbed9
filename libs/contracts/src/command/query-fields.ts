import { z } from 'zod';

/** The same fields as parameters of an address, which are text. */
export const asQuery = (fields: Record<string, z.ZodType>): Record<string, z.ZodType> =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, textual(field)]));

function textual(field: z.ZodType): z.ZodType {
  const inner = field instanceof z.ZodDefault || field instanceof z.ZodOptional ? field.unwrap() : field;
  if (!(inner instanceof z.ZodBoolean)) return field;
  const flag = z.stringbool();
  const given =
    field instanceof z.ZodDefault
      ? flag.default(field.def.defaultValue as boolean)
      : field instanceof z.ZodOptional
        ? flag.optional()
        : flag;
  const { description } = field.meta() ?? {};
  return description === undefined ? given : given.describe(description);
}
