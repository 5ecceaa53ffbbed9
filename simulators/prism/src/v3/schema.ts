import { isObject, type Json } from '../json.ts';

/** The little of JSON schema that the v3 requests need; complaints are worded as Prism's validator words them. */
export type Schema =
  | { readonly type: 'string'; readonly max?: number; readonly pattern?: RegExp; readonly of?: readonly string[] }
  | { readonly type: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'array'; readonly items: Schema; readonly max?: number }
  | { readonly type: 'map'; readonly values: Schema }
  | {
      readonly type: 'object';
      readonly required: Readonly<Record<string, Schema>>;
      readonly optional: Readonly<Record<string, Schema>>;
      /** Members whose name begins so are let through: v4 objects carry `$objectType` and the like. */
      readonly freePrefix?: string;
    }
  | { readonly type: 'any' };

export const string = (max?: number): Schema => ({ type: 'string', ...(max === undefined ? {} : { max }) });
export const oneOf = (...of: string[]): Schema => ({ type: 'string', of });
export const matching = (pattern: RegExp): Schema => ({ type: 'string', pattern });
export const integer = (min?: number, max?: number): Schema => ({
  type: 'integer',
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
});
export const boolean: Schema = { type: 'boolean' };
export const any: Schema = { type: 'any' };
export const list = (items: Schema, max?: number): Schema => ({
  type: 'array',
  items,
  ...(max === undefined ? {} : { max }),
});
export const mapOf = (values: Schema): Schema => ({ type: 'map', values });
export const object = (
  optional: Readonly<Record<string, Schema>>,
  required: Readonly<Record<string, Schema>> = {},
): Schema => ({ type: 'object', required, optional });

export const uuid = matching(/^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$/);
export const ipv4 = matching(
  /^(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$/,
);
export const mac = matching(/^([0-9A-Fa-f]{2}[:-]){5}([0-9A-Fa-f]{2})$/);
export const dateTime = matching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/);

/** A reference to an entity of one kind. */
export const reference = (kind: string): Schema =>
  object({ name: string(1024), url: string() }, { kind: oneOf(kind), uuid });
/** A reference whose kind is free, by UUID or by URL. */
export const anyReference = object({ kind: string(), uuid, name: string(), url: string(), is_direct_attach: boolean });

/** Complaints by the dotted path of what they are about; the root is the empty path. */
export type Complaints = Record<string, string[]>;

export interface CheckOptions {
  readonly unknownKeys: 'reject' | 'ignore';
}

export function check(schema: Schema, value: Json | undefined, options: CheckOptions): Complaints {
  const complaints: Complaints = {};
  visit(schema, value, '', complaints, options);
  return complaints;
}

function visit(
  schema: Schema,
  value: Json | undefined,
  path: string,
  complaints: Complaints,
  options: CheckOptions,
): void {
  const complain = (message: string): void => {
    (complaints[path] ??= []).push(message);
  };
  const shown = (): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value));
  switch (schema.type) {
    case 'any':
      return;
    case 'string':
      if (typeof value !== 'string') return complain(`${shown()} is not of type 'string'`);
      if (schema.max !== undefined && value.length > schema.max) return complain(`${shown()} is too long`);
      if (schema.of !== undefined && !schema.of.includes(value))
        return complain(`${shown()} is not one of [${schema.of.map((option) => `'${option}'`).join(', ')}]`);
      if (schema.pattern !== undefined && !schema.pattern.test(value))
        return complain(`${shown()} does not match '${schema.pattern.source}'`);
      return;
    case 'integer':
      if (typeof value !== 'number' || !Number.isInteger(value)) return complain(`${shown()} is not of type 'integer'`);
      if (schema.min !== undefined && value < schema.min)
        return complain(`${value} is less than the minimum of ${schema.min}`);
      if (schema.max !== undefined && value > schema.max)
        return complain(`${value} is greater than the maximum of ${schema.max}`);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') complain(`${shown()} is not of type 'boolean'`);
      return;
    case 'array':
      if (!Array.isArray(value)) return complain(`${shown()} is not of type 'array'`);
      if (schema.max !== undefined && value.length > schema.max) return complain(`${shown()} is too long`);
      value.forEach((item, index) => visit(schema.items, item, join(path, String(index)), complaints, options));
      return;
    case 'map':
      if (!isObject(value)) return complain(`${shown()} is not of type 'object'`);
      for (const [key, item] of Object.entries(value)) visit(schema.values, item, join(path, key), complaints, options);
      return;
    case 'object':
      if (!isObject(value)) return complain(`${shown()} is not of type 'object'`);
      for (const key of Object.keys(schema.required))
        if (value[key] === undefined) complain(`'${key}' is a required property`);
      for (const [key, item] of Object.entries(value)) {
        const member = schema.required[key] ?? schema.optional[key];
        if (member !== undefined) visit(member, item, join(path, key), complaints, options);
        else if (schema.freePrefix !== undefined && key.startsWith(schema.freePrefix)) continue;
        else if (options.unknownKeys === 'reject')
          complain(`Additional properties are not allowed ('${key}' was unexpected)`);
      }
  }
}

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
