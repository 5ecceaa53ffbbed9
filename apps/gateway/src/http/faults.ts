import { cutText, ProblemError } from '@polyvirt/contracts';
import { z } from 'zod';
import { pointerTo } from './json-body.ts';

/** What a value was given as, and what that part of a request is called. */
const parts = { body: 'body', message: 'message', query: 'query', param: 'path', custom: 'request' } as const;
export type Part = keyof typeof parts;

export interface Fault {
  /** JSON pointer into the body, or the name of the parameter. */
  pointer: string;
  /** One or more sentences. */
  detail: string;
}

/** A body can hold thousands of faults; a reader has use for the first ones. */
const mostFaults = 100;
/** Of a pointer, which repeats what was sent, and of a sentence, which may. */
const longestPointer = 200;
const longestDetail = 500;
/** A reader wants to know what can be had, but not by the hundred. */
const mostChoices = 24;

/**
 * The value as the schema has it. Throws `invalid-input` with every fault at once, each with its place and a sentence;
 * `above` is where in the part the value stands.
 */
export function parseInput<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
  part: Part,
  above: readonly PropertyKey[] = [],
): Output {
  const parsed = schema.safeParse(value, { error: sentenceOf });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue, above));
  const pointer = (path: readonly PropertyKey[]) =>
    part === 'body' || part === 'message' ? pointerTo(path) : String(path[0] ?? '');
  throw invalidInput(
    parts[part],
    faults.map(({ path, detail }) => ({ pointer: pointer(path), detail })),
  );
}

/** `invalid-input` with every fault; the detail repeats the first one, for those who read nothing else. */
export function invalidInput(part: string, faults: readonly Fault[]): ProblemError {
  const errors = faults.slice(0, mostFaults).map(({ pointer, detail }) => ({
    pointer: cutText(pointer, longestPointer),
    detail: ended(cutText(detail, longestDetail)),
  }));
  const [first] = errors;
  const place = first?.pointer ? `${first.pointer}: ` : '';
  const more = faults.length > 1 ? ` And ${faults.length - 1} more.` : '';
  return new ProblemError('invalid-input', `The ${part} is not valid. ${place}${first?.detail ?? ''}${more}`, {
    errors,
  });
}

interface PlacedFault {
  path: PropertyKey[];
  detail: string;
}

function faultsOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): PlacedFault[] {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], detail: 'There is no such field.' }));
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.map(({ message }) => ({ path, detail: message }));
    case 'invalid_union':
      return [{ path, detail: choiceOf(issue) }];
    default:
      return [{ path, detail: issue.message }];
  }
}

const mustBe = 'It must be ';

/** What the branches of a union would take. */
function choiceOf({ errors, message }: z.core.$ZodIssueInvalidUnion): string {
  const reasons = [...new Set(errors.map((branch) => branch.map((issue) => ended(issue.message)).join(' ')))];
  if (reasons.length === 0) return message;
  if (!reasons.every((reason) => reason.startsWith(mustBe) && reason.indexOf('.') === reason.length - 1))
    return reasons.join(' Or: ');
  const choices = reasons.map((reason) => withoutReceived(reason.slice(mustBe.length, -1)));
  return `${mustBe}${listed([...new Set(choices)], 'or')}.`;
}

/** Zod's words for what is wrong name its own types; these are for who sent the request. */
const sentenceOf: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'This is required.' : wrongType(issue.expected, issue.input);
    case 'invalid_value':
      return wrongValue(issue);
    case 'too_small':
      return tooSmall(issue);
    case 'too_big':
      return tooBig(issue);
    case 'invalid_format':
      return wrongFormat(issue);
    case 'not_multiple_of':
      return `It must be a multiple of ${counted(issue.divisor)}.`;
    default:
      return 'It is not valid.';
  }
};

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

function wrongType(expected: string, input: unknown): string {
  const given = receivedAs(input);
  const wanted = typeNames[expected];
  if (wanted === undefined) return 'It is not of the right type.';
  return given === undefined || wanted.endsWith(given.replace(/^an? /, ''))
    ? `${mustBe}${wanted}.`
    : `${mustBe}${wanted}, not ${given}.`;
}

function receivedAs(input: unknown): string | undefined {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  // A query that is to be a number and is none.
  if (typeof input === 'number') return Number.isFinite(input) ? 'a number' : undefined;
  return { string: 'text', boolean: 'true or false', object: 'an object' }[typeof input as string];
}

const withoutReceived = (choice: string) => choice.replace(/, not [a-z ]+$/, '');

function wrongValue({ values, expected }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidValue>): string {
  // One of the dozen words that mean yes or no.
  if (expected === 'stringbool') return `${mustBe}true or false.`;
  const choices = values.map((value) => (value === null ? 'null' : String(value)));
  if (choices.length === 1) return `${mustBe}${choices[0]}.`;
  const rest = choices.length - mostChoices;
  if (rest <= 0) return `${mustBe}one of ${listed(choices, 'or')}.`;
  return `${mustBe}one of ${choices.slice(0, mostChoices).join(', ')} or ${rest} others.`;
}

function tooSmall({ origin, minimum, inclusive, exact }: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall>): string {
  const least = inclusive === false ? `more than ${counted(minimum)}` : `at least ${counted(minimum)}`;
  if (origin === 'string')
    return Number(minimum) === 1
      ? 'It must not be empty.'
      : `It must have ${many(minimum, exact, least, 'character')}.`;
  if (origin === 'array' || origin === 'set' || origin === 'map')
    return `It must have ${many(minimum, exact, least, 'item')}.`;
  return `${mustBe}${least}.`;
}

function tooBig({ origin, maximum, inclusive, exact }: z.core.$ZodRawIssue<z.core.$ZodIssueTooBig>): string {
  const most = inclusive === false ? `less than ${counted(maximum)}` : `at most ${counted(maximum)}`;
  if (origin === 'string') return `It must have ${many(maximum, exact, most, 'character')}.`;
  if (origin === 'array' || origin === 'set' || origin === 'map')
    return `It must have ${many(maximum, exact, most, 'item')}.`;
  return `${mustBe}${most}.`;
}

const many = (count: number | bigint, exact: boolean | undefined, bound: string, noun: string): string =>
  `${exact ? `exactly ${counted(count)}` : bound} ${noun}${Number(count) === 1 ? '' : 's'}`;

const formats: Readonly<Record<string, string>> = {
  uuid: 'a UUID',
  guid: 'a UUID',
  datetime: 'a time in UTC, such as 2026-11-21T10:15:00Z',
  date: 'a date, such as 2026-11-21',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  cidrv4: 'an IPv4 network, such as 192.168.122.0/24',
  cidrv6: 'an IPv6 network, such as fd00::/64',
  url: 'a URL',
  email: 'an email address',
  json_string: 'JSON',
  base64: 'base64 text',
  base64url: 'base64url text',
};

function wrongFormat({ format, pattern }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidStringFormat>): string {
  const name = formats[format];
  if (name !== undefined) return `${mustBe}${name}.`;
  return pattern === undefined ? 'It does not have the right form.' : `It must match ${pattern}.`;
}

const counted = (value: number | bigint): string => value.toLocaleString('en-US');

function listed(items: readonly string[], word: string): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} ${word} ${items.at(-1)}`;
}

/** The end of a sentence, whoever wrote it. */
const ended = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
