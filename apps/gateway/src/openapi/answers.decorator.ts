import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Operation, type ProblemCode } from '@polyvirt/contracts';
import { z } from 'zod';

export const PROBLEMS = 'x-problems';

export interface Answer {
  /** operationId: the name of the call in generated clients. Unique. */
  id: string;
  summary: string;
  description?: string;
  /** Of success; 200 unless told. It documents; `@HttpCode` sets it. */
  status?: number;
  /** Of the body of success; without one there is no body. */
  schema?: z.ZodType;
  /** Of the success when it is no JSON: `text/event-stream`. */
  mediaType?: string;
  /** Kept for clients of before; new ones have something better. */
  deprecated?: boolean;
  /** Codes beside those that follow from the permission, the input and the limits. */
  problems?: readonly ProblemCode[];
}

/** What a route answers, for OpenAPI. */
export const Answers = ({
  id,
  summary,
  description,
  status = 200,
  schema,
  mediaType,
  deprecated,
  problems = [],
}: Answer) =>
  applyDecorators(
    ApiOperation({
      operationId: id,
      summary,
      ...(description !== undefined && { description }),
      ...(deprecated && { deprecated }),
      [PROBLEMS]: problems,
    } as Parameters<typeof ApiOperation>[0]),
    SetMetadata(PROBLEMS, problems),
    ApiResponse({
      status,
      description: summary,
      ...(schema && { standardSchema: schema }),
      ...(mediaType !== undefined && { content: { [mediaType]: { schema: { type: 'string' } } } }),
    } as Parameters<typeof ApiResponse>[0]),
  );

/** The route honours `Prefer: wait=N`, and `dryRun` if it has a schema of plans. */
export const WaitsOnPrefer = (plan?: z.ZodType) =>
  applyDecorators(
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: '`wait=30` holds the answer until the operation has ended, for at most so many seconds.',
      schema: { type: 'string', pattern: '^wait=\\d{1,3}$' },
    }),
    ApiResponse({
      status: 200,
      description: `With \`Prefer: wait\`: the operation, ended.${plan ? ' With `dryRun`: the plan.' : ''}`,
      standardSchema: plan ? z.union([Operation, plan]) : Operation,
    } as Parameters<typeof ApiResponse>[0]),
  );

/** The route honours `If-Match`. */
export const TakesIfMatch = () =>
  ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'ETag of the record that was read; 412 `stale-revision` when it has changed since.',
    schema: { type: 'string' },
  });
