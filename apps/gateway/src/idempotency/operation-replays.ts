import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { StoredAnswer } from './idempotency-claim.ts';

/** Gives the operation as it is now; undefined when it is no longer kept. It may wait, as `Prefer` asks. */
export type OperationReplay = (
  operationId: string,
  request: FastifyRequest,
) => Promise<{ status: number; body: unknown } | undefined>;

/** How a repeat of a request that began an operation gets that operation; whoever keeps the operations says how. */
@Injectable()
export class OperationReplays {
  private replay: OperationReplay | undefined;

  use(replay: OperationReplay): void {
    this.replay = replay;
  }

  async refresh(answer: StoredAnswer, request: FastifyRequest): Promise<StoredAnswer> {
    const now = answer.operationId === undefined ? undefined : await this.replay?.(answer.operationId, request);
    return now ? { ...answer, ...now } : answer;
  }
}
