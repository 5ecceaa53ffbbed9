/** JSON as Prism sends it: only what is read is looked at, and what is not known is kept. */
export type JsonObject = { [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object of that key; an empty one that belongs to nobody when there is none. */
export function objectAt(holder: JsonObject | undefined, key: string): JsonObject {
  const value = holder?.[key];
  return isObject(value) ? value : {};
}

export function objectsAt(holder: JsonObject | undefined, key: string): JsonObject[] {
  const value = holder?.[key];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function textAt(holder: JsonObject | undefined, key: string): string | undefined {
  const value = holder?.[key];
  return typeof value === 'string' ? value : undefined;
}

export function numberAt(holder: JsonObject | undefined, key: string): number | undefined {
  const value = holder?.[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** A copy without members and items that are null: Prism shows so what is not there, and refuses to be sent it. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])),
  );
}
