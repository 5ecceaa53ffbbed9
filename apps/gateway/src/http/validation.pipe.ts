import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import type { z } from 'zod';
import { pointerTo } from './json-body.ts';

/** A body can hold thousands of faults; a reader has use for the first ones. */
const mostFaults = 100;

interface Fault {
  pointer: string;
  detail: string;
}

const where = { body: 'body', query: 'query', param: 'path', custom: 'request' } as const;
type Part = (typeof where)[keyof typeof where];

/** Parses what `@Body({ schema })`, `@Query({ schema })` and `@Param(name, { schema })` declare, all faults at once. */
@Injectable()
export class ValidationPipe implements PipeTransform {
  transform(value: unknown, { type, data, schema }: ArgumentMetadata): unknown {
    if (!schema || type === 'custom') return value;
    // A request without a body says the same as one with an empty object.
    const given = type === 'body' && value === undefined ? {} : value;
    return validated(where[type], schema as z.ZodType, given, data === undefined ? [] : [data]);
  }
}

/** The value as its schema reads it. Throws `invalid-input` with all faults at once; `above` is where in the part it stands. */
export function validated<Output>(
  part: Part,
  schema: z.ZodType<Output>,
  value: unknown,
  above: readonly PropertyKey[] = [],
): Output {
  const parsed = schema.safeParse(value, { error: explain });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue, above));
  const pointer = (path: PropertyKey[]) => (part === 'body' ? pointerTo(path) : path.join('.'));
  throw invalidInput(
    part,
    faults.map(({ path, detail }) => ({ pointer: pointer(path), detail })),
  );
}

/** `invalid-input` with every fault; the detail repeats the first one, for those who read nothing else. */
export function invalidInput(part: string, faults: Fault[]): ProblemError {
  const errors = faults.slice(0, mostFaults);
  const [first] = errors;
  const place = first?.pointer ? `${first.pointer}: ` : '';
  const more = faults.length > 1 ? ` And ${faults.length - 1} more.` : '';
  return new ProblemError('invalid-input', `The ${part} is not valid. ${place}${first?.detail ?? ''}${more}`, {
    errors,
  });
}

/** Zod says "received undefined" of a field that is not there. */
const explain: z.core.$ZodErrorMap = (issue) =>
  issue.code === 'invalid_type' && issue.input === undefined ? 'This is required.' : undefined;

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
      return issue.issues.map(({ message }) => ({ path, detail: message }));
    case 'invalid_union':
      return [{ path, detail: closestBranch(issue) ?? issue.message }];
    default:
      return [{ path, detail: issue.message }];
  }
}

/** What one of the branches has to say, when it got further than the others. */
function closestBranch({ errors }: z.core.$ZodIssueInvalidUnion): string | undefined {
  const reasons = errors.map((branch) => branch.map(({ message }) => message).join(' ')).filter(Boolean);
  return reasons.length > 0 ? [...new Set(reasons)].join(' Or: ') : undefined;
}
