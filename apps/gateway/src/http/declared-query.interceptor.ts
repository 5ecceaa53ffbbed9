import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { invalidInput } from './faults.ts';

interface RouteArgument {
  readonly data?: unknown;
  readonly schema?: unknown;
}

/**
 * Refuses query parameters that a route does not declare. One that is ignored does harm: a misspelt filter of a list finds
 * everything, and a wish that is not known would be carried out as if it had not been made. An interceptor, so that who may not
 * call the route learns that first.
 */
@Injectable()
export class DeclaredQueryInterceptor implements NestInterceptor {
  private readonly declared = new WeakMap<object, ReadonlySet<string>>();

  intercept(context: ExecutionContext, next: CallHandler) {
    this.requireDeclared(context);
    return next.handle();
  }

  private requireDeclared(context: ExecutionContext): void {
    const { query } = context.switchToHttp().getRequest<FastifyRequest>();
    const given = Object.keys(query as object);
    if (given.length === 0) return;
    const known = this.parametersOf(context.getClass(), context.getHandler());
    const unknown = given.filter((name) => !known.has(name));
    if (unknown.length === 0) return;
    const takes = known.size === 0 ? 'This takes none.' : `This takes ${[...known].join(', ')}.`;
    throw invalidInput(
      'query',
      unknown.map((name) => ({ pointer: name, detail: `There is no such parameter. ${takes}` })),
    );
  }

  private parametersOf(controller: object, handler: { name: string }): ReadonlySet<string> {
    const known = this.declared.get(handler);
    if (known) return known;
    const names = queryParametersOf(controller, handler.name);
    this.declared.set(handler, names);
    return names;
  }
}

/** The parameters that a method of a controller takes from the query: those of its schemas, and those it takes by name. */
export function queryParametersOf(controller: object, method: string): ReadonlySet<string> {
  const found = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) as
    Record<string, RouteArgument> | undefined;
  const names = Object.entries(found ?? {})
    .filter(([place]) => place.startsWith(`${RouteParamtypes.QUERY}:`))
    .flatMap(([, { data, schema }]) => {
      if (typeof data === 'string') return [data];
      if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
      throw new TypeError(`the query of ${method} is not declared by an object schema`);
    });
  return new Set(names);
}
