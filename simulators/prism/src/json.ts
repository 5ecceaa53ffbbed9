export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json | undefined;
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The member when it is an object, else an empty one, so that optional branches read without guards. */
export const objectAt = (value: Json | undefined, key: string): JsonObject => {
  const member = isObject(value) ? value[key] : undefined;
  return isObject(member) ? member : {};
};

export const objectsAt = (value: Json | undefined, key: string): JsonObject[] => {
  const member = isObject(value) ? value[key] : undefined;
  return Array.isArray(member) ? member.filter(isObject) : [];
};

export const stringAt = (value: Json | undefined, key: string): string | undefined => {
  const member = isObject(value) ? value[key] : undefined;
  return typeof member === 'string' ? member : undefined;
};

export const numberAt = (value: Json | undefined, key: string): number | undefined => {
  const member = isObject(value) ? value[key] : undefined;
  return typeof member === 'number' ? member : undefined;
};

export const booleanAt = (value: Json | undefined, key: string): boolean | undefined => {
  const member = isObject(value) ? value[key] : undefined;
  return typeof member === 'boolean' ? member : undefined;
};

/** A copy without the members that are undefined: the API leaves unknown members out, it never sends null for them. */
export function compact(value: JsonObject): JsonObject {
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (member !== undefined) kept[key] = member;
  }
  return kept;
}
