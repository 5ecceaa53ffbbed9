import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { isPassing } from '@polyvirt/bus';
import { asProblemError, problems, ProblemError, type ProblemCode } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Audit } from '../audit/audit.ts';
import { refusalOf } from '../audit/refusal.ts';
import { problemOfStorage } from '../database/database-errors.ts';
import { LOGGER } from '../logger.ts';
import { allowedMethods } from './routes.ts';

/** What a refusal of the HTTP layer itself means. Other statuses of it are faults of the request. */
const byStatus: Readonly<Record<number, { code: ProblemCode; detail: string }>> = {
  401: { code: 'unauthenticated', detail: 'This needs a bearer token.' },
  403: { code: 'forbidden', detail: 'Your role does not allow this.' },
  415: { code: 'unsupported-media-type', detail: 'Send the body as `application/json`.' },
  429: { code: 'too-many-requests', detail: 'Too many requests; wait a little.' },
};

/** Answers every failure with a problem. What is not a problem is a bug: its text goes to the log alone. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger: Logger;
  private readonly audit: Audit;

  constructor(@Inject(LOGGER) logger: Logger, audit: Audit) {
    this.logger = logger;
    this.audit = audit;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = problemOf(error, request);
    logProblem(this.logger, problem, error, request);
    const refusal = refusalOf(request, problem);
    // Fastify wants an answer at once when it fails by itself; what is recorded has come as far as a route.
    if (!refusal) return sendProblem(reply, problem, request);
    this.audit
      .note(refusal.actor, refusal.entry)
      .catch((err: unknown) => this.logger.error({ err, requestId: request.id }, 'a refusal was not recorded'))
      .finally(() => sendProblem(reply, problem, request));
  }
}

/** The problem an error stands for, whoever threw it. */
export function problemOf(error: unknown, request: FastifyRequest): ProblemError {
  return error instanceof HttpException ? fromHttp(error, request) : problemOfFailure(error);
}

/** The same where there is no request: of a message, of a part of a batch. */
export function problemOfFailure(error: unknown): ProblemError {
  // A connection may be lost at any point of any request; that is no fault of ours, and the client may try again.
  if (isPassing(error))
    return new ProblemError('unavailable', 'The message bus does not answer now. Try again in a moment.', {
      cause: error,
    });
  return problemOfStorage(error) ?? asProblemError(error);
}

function fromHttp(error: HttpException, request: FastifyRequest): ProblemError {
  const status = error.getStatus();
  if (status === 404) return notFound(request);
  if (status === 413)
    return new ProblemError('body-too-large', `A body has at most ${request.routeOptions.bodyLimit / 1024} KiB here.`, {
      cause: error,
    });
  const known = byStatus[status];
  if (known) return new ProblemError(known.code, known.detail, { cause: error });
  if (status >= 500) return asProblemError(error);
  return new ProblemError('invalid-input', 'The request is not valid HTTP for this API.', { cause: error });
}

function notFound(request: FastifyRequest): ProblemError {
  const path = pathOf(request);
  const methods = allowedMethods(request.server, path);
  return methods.length > 0 && !methods.includes(request.method)
    ? new ProblemError('method-not-allowed', `${path} takes ${methods.join(', ')}.`)
    : new ProblemError('route-not-found', `There is nothing at ${path}.`);
}

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0]!.slice(0, 200);

export function logProblem(logger: Logger, problem: ProblemError, error: unknown, request: FastifyRequest): void {
  const line = { requestId: request.id, code: problem.code, method: request.method, path: pathOf(request) };
  if (problem.code === 'internal') logger.error({ ...line, err: problem.cause ?? error }, 'a request failed');
  else logger.debug({ ...line, err: problem.cause }, problem.message);
}

export function sendProblem(reply: FastifyReply, error: ProblemError, request: FastifyRequest): void {
  if (reply.raw.headersSent) {
    // A stream broke half-way; a cut connection is the only way left to say so.
    reply.raw.destroy();
    return;
  }
  const problem = error.toProblem(request.id);
  if (error.code === 'unauthenticated') reply.header('WWW-Authenticate', 'Bearer');
  if (error.code === 'method-not-allowed') {
    reply.header('Allow', allowedMethods(request.server, pathOf(request)).join(', '));
  }
  if (problem.retryAfterSeconds !== undefined) reply.header('Retry-After', Math.ceil(problem.retryAfterSeconds));
  reply
    .status(problems[error.code].status)
    .header('Cache-Control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problem));
}
