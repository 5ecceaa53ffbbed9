import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { splitValues } from '@polyvirt/contracts';
import type { z } from 'zod';
import { parseInput } from './faults.ts';

/** Parses what `@Body({ schema })`, `@Query({ schema })` and `@Param(name, { schema })` declare, all faults at once. */
@Injectable()
export class ValidationPipe implements PipeTransform {
  transform(value: unknown, { type, data, schema }: ArgumentMetadata): unknown {
    if (!schema || type === 'custom') return value;
    return parseInput(schema as z.ZodType, given(value, type), type, data === undefined ? [] : [data]);
  }
}

function given(value: unknown, type: ArgumentMetadata['type']): unknown {
  // A request without a body says the same as one with an empty object.
  if (type === 'body') return value === undefined ? {} : value;
  return type === 'query' ? withoutRepeats(value) : value;
}

/** `state=a&state=b` says the same as `state=a,b`. */
function withoutRepeats(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return query;
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value.flatMap(splitOne) : value]),
  );
}

const splitOne = (value: unknown): unknown => (typeof value === 'string' ? splitValues(value) : value);
