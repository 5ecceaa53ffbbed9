import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { isEnded, type BatchPlan, type Operation, type Plan } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mergeMap, type Observable } from 'rxjs';
import { OperationWaiter } from './operation-waiter.ts';
import { locationOf } from './operations.ts';
import { waitSecondsOf } from './prefer.ts';

type Answer = Operation | Plan | BatchPlan;
const isOperation = (answer: Answer): answer is Operation => 'verb' in answer;

/** Answers with an operation: 202 and where it is; with `Prefer: wait`, 200 when it has ended in time. A plan is 200. */
@Injectable()
export class AnswersOperation implements NestInterceptor {
  constructor(private readonly waiter: OperationWaiter) {}

  intercept(context: ExecutionContext, next: CallHandler<Answer>): Observable<Answer> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    return next.handle().pipe(
      mergeMap(async (answer) => {
        if (isOperation(answer)) return this.answer(answer, request, reply);
        void reply.status(200);
        return answer;
      }),
    );
  }

  private async answer(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<Operation> {
    void reply.status(202).header('location', locationOf(operation.id));
    const seconds = waitSecondsOf(request.headers.prefer);
    if (seconds === undefined) return operation;
    void reply.header('preference-applied', `wait=${seconds}`);
    const ended = await this.end(operation, seconds * 1_000, reply);
    if (isEnded(ended.status)) void reply.status(200);
    return ended;
  }

  private async end(operation: Operation, timeoutMs: number, reply: FastifyReply): Promise<Operation> {
    const left = new AbortController();
    const leave = () => left.abort();
    reply.raw.once('close', leave);
    try {
      return await this.waiter.wait(operation, timeoutMs, left.signal);
    } finally {
      reply.raw.off('close', leave);
    }
  }
}
