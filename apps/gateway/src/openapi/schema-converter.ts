import type { SwaggerDocumentOptions } from '@nestjs/swagger';
import { z } from 'zod';

type Converter = NonNullable<SwaggerDocumentOptions['standardSchemaConverter']>;

/** Schemas of queries end so; their properties become parameters one by one. */
const isQuery = (id: unknown): boolean => typeof id === 'string' && id.endsWith('Query');

/**
 * JSON Schema 2020-12, the dialect of OpenAPI 3.1, out of zod. A schema with an id becomes a component of that name.
 *
 * Of what we answer, only strict objects are closed: a client must live with fields that come later.
 */
export const convertSchema: Converter = (schema, { schemaType }) => {
  if (!(schema instanceof z.ZodType)) return undefined;
  const { $defs = {}, ...root } = z.toJSONSchema(schema, {
    io: schemaType,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      if (zodSchema._zod.def.type === 'object' && !isStrict(zodSchema)) delete jsonSchema.additionalProperties;
      dropBoundsOfNumberItself(jsonSchema);
      allowText(jsonSchema);
    },
  });
  // The dialect is that of the whole document.
  delete root.$schema;
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined || !isQuery(id)) return { schema: root, components: $defs };
  const { [id]: own, ...others } = $defs;
  return { schema: own, components: others };
};

/**
 * The same, for one document. Throws when a component would mean one thing in what we take and another in what we
 * answer, as a field with a default does: those are two schemas.
 */
export function createConverter(): Converter {
  const seen = new Map<string, string>();
  return (schema, options) => {
    const converted = convertSchema(schema, options);
    for (const [id, component] of Object.entries(converted?.components ?? {})) {
      const text = JSON.stringify(component);
      if ((seen.get(id) ?? text) !== text) throw new Error(`the schema ${id} differs between input and output`);
      seen.set(id, text);
    }
    return converted;
  };
}

function isStrict(schema: z.core.$ZodType): boolean {
  return (schema as z.ZodObject)._zod.def.catchall?._zod.def.type === 'never';
}

/** Zod writes out the range in which every integer of JavaScript is exact; it is no rule of the API. */
function dropBoundsOfNumberItself(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}

/** Several values of a filter can be written as one text, too. */
function allowText(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.several !== true) return;
  const { several: _, description, type, items, minItems, maxItems } = schema;
  for (const key of Object.keys(schema)) delete schema[key];
  Object.assign(schema, {
    ...(description !== undefined && { description }),
    anyOf: [{ type: 'string' }, { type, items, minItems, maxItems }],
  });
}
