import { ProblemError } from '@polyvirt/contracts';
import { offsetOfSyntaxFault } from './json-syntax.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Keys that reach a prototype when an object is copied carelessly. */
const reservedKeys = new Set(['__proto__', 'constructor', 'prototype']);
const mayHoldReservedKey = /"(?:__proto__|constructor|prototype)"|\\u00/i;
/** Deeper than anything that a route takes, and far from what recursion over it could not bear. */
const mostLevels = 32;
const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = [...'"\\[]{}'].map((character) =>
  character.charCodeAt(0),
) as [number, number, number, number, number, number];
const mayHoldLoneSurrogate = /\\ud[89a-f]/i;

/**
 * The value of a JSON body, undefined when there is none. Whatever is wrong with it is `invalid-input` with the place:
 * bytes that are not UTF-8, syntax, half of a surrogate pair, keys that reach a prototype.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = decode(bytes);
  if (isDeeperThan(text, mostLevels)) throw bodyFault('', `It nests deeper than ${mostLevels} levels.`);
  const value = parse(text);
  if (mayHoldReservedKey.test(text)) forbidReservedKeys(value, '');
  if (mayHoldLoneSurrogate.test(text)) forbidLoneSurrogates(value, '');
  return value;
}

/** The error array holds a JSON pointer into the body. */
export const bodyFault = (pointer: string, detail: string): ProblemError =>
  new ProblemError('invalid-input', `The body is not valid: ${detail}`, { errors: [{ pointer, detail }] });

export const pointerTo = (path: readonly PropertyKey[]): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** Looked at before the text is parsed, which makes an object of each level. */
function isDeeperThan(text: string, most: number): boolean {
  let [depth, quoted] = [0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (quoted) {
      if (character === backslash) at += 1;
      else if (character === quote) quoted = false;
    } else if (character === quote) quoted = true;
    else if (character === openBracket || character === openBrace) {
      depth += 1;
      if (depth > most) return true;
    } else if (character === closeBracket || character === closeBrace) depth -= 1;
  }
  return false;
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw bodyFault('', 'It is not UTF-8 text.');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw bodyFault('', describeFault(text, offsetOfSyntaxFault(text)));
  }
}

/** Line and column, because the engine names a position in some of its messages only. */
function describeFault(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const place = `line ${line}, column ${offset - before.lastIndexOf('\n')}`;
  return offset === text.length
    ? `The JSON ends too early, at ${place}.`
    : `It is not JSON: unexpected text at ${place}.`;
}

function forbidReservedKeys(value: unknown, pointer: string): void {
  walk(value, pointer, (key, at) => {
    if (reservedKeys.has(key)) throw bodyFault(at, 'This key is not allowed.');
  });
}

function forbidLoneSurrogates(value: unknown, pointer: string): void {
  const check = (text: string, at: string) => {
    if (!text.isWellFormed()) throw bodyFault(at.toWellFormed(), 'The text holds half of a surrogate pair.');
  };
  if (typeof value === 'string') check(value, pointer);
  walk(value, pointer, (key, at, child) => {
    check(key, at);
    if (typeof child === 'string') check(child, at);
  });
}

/** Visits every key below `value`. Iterative, because a body of 1 MiB can nest deeper than the stack. */
function walk(value: unknown, pointer: string, visit: (key: string, pointer: string, child: unknown) => void): void {
  const open: { value: unknown; path: string }[] = [{ value, path: pointer }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const [key, child] of Object.entries(next.value)) {
      const path = next.path + pointerTo([key]);
      visit(key, path, child);
      open.push({ value: child, path });
    }
  }
}
