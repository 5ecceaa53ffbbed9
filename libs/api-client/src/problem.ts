import type { components } from './generated/schema.ts';

export type Problem = components['schemas']['Problem'];

/** A failure that the gateway explained. Decide on `code`, never on text; `message` is safe to show. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';

  constructor(readonly problem: Problem) {
    super(problem.detail);
  }

  get code(): Problem['code'] {
    return this.problem.code;
  }

  /** HTTP status. */
  get status(): number {
    return this.problem.status;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.problem.retryable;
  }
}

/** The problem in an answer that is none of success. What came from a proxy in between is given the nearest code. */
export async function problemIn(response: Response): Promise<ApiProblem> {
  const text = await response.text();
  // To a HEAD it is announced, and not sent.
  if (text !== '' && response.headers.get('content-type')?.startsWith('application/problem+json'))
    return new ApiProblem(JSON.parse(text) as Problem);
  const isAway = response.status >= 502 && response.status <= 504;
  return new ApiProblem({
    type: 'about:blank',
    title: response.statusText,
    status: response.status,
    detail: `${new URL(response.url).host} answered ${response.status} ${response.statusText} without a problem.`,
    code: isAway ? 'unavailable' : 'internal',
    retryable: isAway,
    requestId: response.headers.get('x-request-id') ?? '',
  });
}
