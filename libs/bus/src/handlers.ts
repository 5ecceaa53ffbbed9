import { applyDecorators, Catch, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { BaseRpcContext, MessagePattern } from '@nestjs/microservices';
import type { CommandDefinition, QueryDefinition } from '@polyvirt/contracts';
import { throwError, type Observable } from 'rxjs';

/** Tells the handlers of this transport from those of others in the same application. */
export const busTransport = Symbol('polyvirt-bus');

export interface HandlerExtras {
  readonly command?: CommandDefinition;
  readonly query?: QueryDefinition;
}

/** Nest would replace every error by "Internal server error"; the transport wants to see it. */
class PassingFilter implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

// Called and not written as a decorator, so that Node can run this library from its sources.
Catch()(PassingFilter);

const handler = (pattern: string, extras: HandlerExtras): MethodDecorator =>
  applyDecorators(
    MessagePattern(pattern, busTransport, extras as Record<string, unknown>),
    UseFilters(new PassingFilter()),
  );

/**
 * The method carries a command out: `start(command: StartVm, context: CommandContext)`. The command has been validated.
 * When the method returns, the command is acknowledged; when it throws, it is delivered again.
 */
export const OnCommand = (definition: CommandDefinition): MethodDecorator =>
  handler(definition.verb, { command: definition });

/** The method answers a question: `read(input)`. A `ProblemError` it throws is what the asker gets. */
export const OnQuery = (definition: QueryDefinition): MethodDecorator =>
  handler(definition.name, { query: definition });

/** How a command came here. Second parameter of a command handler. */
export class CommandContext extends BaseRpcContext<[subject: string, deliveries: number, storedAtMs?: number]> {
  get subject(): string {
    return this.getArgByIndex(0);
  }

  /** 1 at first; higher when an agent has had it before. */
  get deliveries(): number {
    return this.getArgByIndex(1);
  }

  /** When the server stored the command, by its own clock; undefined for what did not come from it now. */
  get storedAtMs(): number | undefined {
    return this.getArgByIndex(2);
  }
}

/** Thrown by a command handler that has not ended the command on purpose: it is to come again, here or elsewhere. */
export class Redeliver extends Error {
  override readonly name = 'Redeliver';
  readonly delayMs: number;

  constructor(delayMs = 0) {
    super(`to be delivered again after ${delayMs} ms`);
    this.delayMs = delayMs;
  }
}
