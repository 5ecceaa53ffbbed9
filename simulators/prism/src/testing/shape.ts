import { isObject, type Json } from '../json.ts';

const typeOf = (value: Json | undefined): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : value === undefined ? 'missing' : typeof value;

/**
 * How a value differs from an example in key sets and types; nothing when it does not. Every element of a list is held against the
 * example's first. A member `…` in the example lets any further members be.
 */
export function differences(actual: Json | undefined, example: Json, path = ''): string[] {
  if (example === '…') return [];
  const [is, should] = [typeOf(actual), typeOf(example)];
  if (is !== should) return [`${path || '(root)'}: ${is} instead of ${should}`];
  if (Array.isArray(actual) && Array.isArray(example)) {
    const [first] = example;
    return first === undefined ? [] : actual.flatMap((item, i) => differences(item, first, `${path}[${i}]`));
  }
  if (!isObject(actual) || !isObject(example)) return [];
  const missing = Object.keys(example).filter((key) => key !== '…' && actual[key] === undefined);
  const extra = '…' in example ? [] : Object.keys(actual).filter((key) => example[key] === undefined);
  return [
    ...missing.map((key) => `${path}.${key}: missing`),
    ...extra.map((key) => `${path}.${key}: not in the example`),
    ...Object.entries(example).flatMap(([key, value]) =>
      key === '…' || value === undefined || actual[key] === undefined
        ? []
        : differences(actual[key], value, `${path}.${key}`),
    ),
  ];
}
