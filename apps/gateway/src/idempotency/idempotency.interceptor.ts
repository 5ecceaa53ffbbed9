import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { catchError, from, mergeMap, of, throwError, type Observable } from 'rxjs';
import { bodySchemaOf } from '../http/body-schema.ts';
import { isDryRun } from '../http/dry-run.ts';
import { parseInput } from '../http/faults.ts';
import { LOGGER } from '../logger.ts';
import { Idempotency, type HeldClaim } from './idempotency.ts';
import { OperationReplays } from './operation-replays.ts';

const keyPattern = /^[\x21-\x7e]{1,255}$/;
/** Headers of an answer that mean something beyond the one exchange. */
const keptHeaders = ['location', 'etag'] as const;

/** Makes a repeated POST with the same `Idempotency-Key` give the first answer and change nothing more. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  private readonly idempotency: Idempotency;
  private readonly replays: OperationReplays;
  private readonly logger: Logger;

  constructor(idempotency: Idempotency, replays: OperationReplays, @Inject(LOGGER) logger: Logger) {
    this.idempotency = idempotency;
    this.replays = replays;
    this.logger = logger;
  }

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || key === undefined || isDryRun(request)) return next.handle();
    // Before the key is taken: what is not valid is no request, and the fingerprint is of what is understood.
    const schema = bodySchemaOf(context.getClass(), context.getHandler().name);
    const body = schema ? parseInput(schema, request.body ?? {}, 'body') : request.body;
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const opening = await this.idempotency.open({
      caller: request.principal?.userId ?? 'anyone',
      key: validKey(key),
      method: request.method,
      url: request.url,
      body,
    });
    if (opening.kind === 'repeat') {
      const answer = await this.replays.refresh(opening.answer, request);
      void reply.status(answer.status).headers({ ...answer.headers, 'Idempotency-Replayed': 'true' });
      return of(answer.body);
    }
    const { claim } = opening;
    request.idempotency = claim;
    return next.handle().pipe(
      mergeMap((body) => from(this.settle(claim, reply, body))),
      catchError((error: unknown) => from(this.release(claim)).pipe(mergeMap(() => throwError(() => error)))),
    );
  }

  private async settle(claim: HeldClaim, reply: FastifyReply, body: unknown): Promise<unknown> {
    const headers: Record<string, string> = {};
    for (const name of keptHeaders) {
      const value = reply.getHeader(name);
      if (value !== undefined) headers[name] = String(value);
    }
    await claim.settle({ status: reply.statusCode, body, headers });
    return body;
  }

  /** A key that stays held runs out by itself, so a failure here must not hide the one that is being answered. */
  private async release(claim: HeldClaim): Promise<void> {
    await claim.release().catch((err: unknown) => this.logger.warn({ err }, 'an idempotency key stays held'));
  }
}

function validKey(key: string | string[]): string {
  if (typeof key === 'string' && keyPattern.test(key)) return key;
  throw new ProblemError('invalid-input', 'An Idempotency-Key has 1 to 255 visible ASCII characters.', {
    errors: [{ pointer: 'Idempotency-Key', detail: 'Not 1 to 255 visible ASCII characters.' }],
  });
}
