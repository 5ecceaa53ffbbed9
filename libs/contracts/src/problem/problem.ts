import { z } from 'zod';
import { problemCodes, problems, type ProblemCode } from './problems.ts';

/** RFC 9457, with a stable `code`. The same JSON travels over HTTP and over the bus. */
export const Problem = z
  .object({
    type: z.string().describe('URI reference of the page that explains the code.'),
    title: z.string().describe('The same for every problem of this code.'),
    status: z.int().describe('HTTP status.'),
    detail: z.string().describe('What happened and what to do next; safe to show.'),
    code: z.enum(problemCodes).describe('Stable: decide on this, never on text.'),
    retryable: z.boolean().describe('Whether the same request may succeed later.'),
    requestId: z.string().describe('Under this id the log has the cause.'),
    operationId: z.string().optional().describe('The operation this is about: the failed one, or the one in the way.'),
    errors: z
      .array(
        z.object({
          pointer: z.string().describe('JSON pointer into the body, or the name of the parameter.'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('One entry for each fault of the input.'),
    oldestCursor: z.string().optional().describe('With `cursor-expired`: where reading can begin.'),
    retryAfterSeconds: z
      .number()
      .optional()
      .describe('With `too-many-requests` and `host-offline`: when to try again.'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

export type ProblemExtras = Partial<Pick<Problem, 'operationId' | 'errors' | 'oldestCursor' | 'retryAfterSeconds'>> & {
  /** Goes to the log and never to a caller. */
  cause?: unknown;
};

/** A failure that a caller can act on. `message` is the detail, and it is safe to show; `cause` is for the log. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly extras: Omit<ProblemExtras, 'cause'>;

  constructor(code: ProblemCode, detail: string, { cause, ...extras }: ProblemExtras = {}) {
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
    this.extras = extras;
  }

  get retryable(): boolean {
    return problems[this.code].retryable;
  }

  toProblem(requestId: string): Problem {
    const { status, title, retryable } = problems[this.code];
    return {
      type: `/docs/problems#${this.code}`,
      title,
      status,
      detail: this.message,
      code: this.code,
      retryable,
      requestId,
      ...this.extras,
    };
  }

  static from({ code, detail, operationId, errors, oldestCursor, retryAfterSeconds }: Problem): ProblemError {
    return new ProblemError(code, detail, { operationId, errors, oldestCursor, retryAfterSeconds });
  }
}

/** What leaves a service when anything but a `ProblemError` escaped: a bug. Its text stays in the log. */
export function asProblemError(error: unknown): ProblemError {
  return error instanceof ProblemError
    ? error
    : new ProblemError('internal', 'Something went wrong on our side. The log has the cause under the request id.', {
        cause: error,
      });
}
