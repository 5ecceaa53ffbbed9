import { isUserDataHeader } from '../vm/user-data-headers.ts';

const usual = 300;
/** Nobody reads on after so much, and what is cut need not be searched for values. */
const looksAt = 20_000;
/** Shorter values say nothing by themselves, and to cut them out would make nonsense of the rest. */
const longerThan = 8;
/** A text that was cut in the middle of a value is known by so much of its beginning. */
const knownBy = 16;

/**
 * A text of others as it may stand in a problem: without control characters and those that turn the direction of writing, at most 300 characters (or `most`), and without
 * the values of the request, which may be passwords: pass user data above all. Each line of a value counts as a value too,
 * as products quote in part, but for headers of user data, which our own sentences name.
 */
export function foreignText(
  text: string,
  { without = [], most = usual }: { readonly without?: readonly unknown[]; readonly most?: number } = {},
): string {
  const values = [...new Set(without.flatMap(valuesIn))].sort((a, b) => b.length - a.length);
  const clean = values.reduce(masked, text.slice(0, looksAt));
  return cutText(clean.replaceAll(/[\p{Cc}\p{Cs}\p{Bidi_Control}\s]+/gu, ' ').trim(), most);
}

/** At most so many characters, with "…" where it was cut. */
export function cutText(text: string, most: number): string {
  const characters = [...text.slice(0, 2 * most + 2)];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

function masked(text: string, value: string): string {
  const beginning = value.slice(0, knownBy);
  let rest = '';
  let from = 0;
  for (let at = text.indexOf(beginning); at >= 0; at = text.indexOf(beginning, from)) {
    let length = beginning.length;
    while (length < value.length && text[at + length] === value[length]) length += 1;
    rest += `${text.slice(from, at)}[…]`;
    from = at + length;
  }
  return rest + text.slice(from);
}

/** Every text in a value, at whatever depth, as products quote it: whole and line by line, as it is, in JSON, in base64. */
function valuesIn(value: unknown): string[] {
  if (typeof value === 'string') {
    const lines = value.split(/[\r\n]+/).map((line) => line.trim());
    const told = lines.findIndex((line) => !isUserDataHeader(line));
    // As a whole it would be known by a header that it begins with.
    const body = told > 0 ? value.slice(value.indexOf(lines[told]!, lines[told - 1]!.length)) : value;
    const texts = [body, ...lines.filter((line) => !isUserDataHeader(line))];
    return [...texts.flatMap(formsOf), base64(value)].filter((form) => form.length > longerThan);
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(valuesIn) : [];
}

const formsOf = (text: string): string[] => [text, JSON.stringify(text).slice(1, -1), base64(text)];

function base64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replace(/=+$/, '');
}
