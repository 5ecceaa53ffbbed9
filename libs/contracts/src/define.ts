import type { z } from 'zod';

export interface EventDefinition<Name extends string = string, Body extends z.ZodType = z.ZodType> {
  /** `<entity>.<what happened>`, past tense: `vm.created`. The CloudEvents `type`, and the end of the subject. */
  readonly name: Name;
  readonly summary: string;
  readonly body: Body;
  /** The one service that publishes it; agents and gateways do unless given. The bus refuses it from others. */
  readonly publisher?: 'gateway' | 'organizer';
}

/** Something that has happened. */
export function defineEvent<const Name extends string, Body extends z.ZodType>(
  definition: EventDefinition<Name, Body>,
): EventDefinition<Name, Body> {
  return definition;
}

export interface QueryDefinition<
  Name extends string = string,
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  readonly name: Name;
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
}

/** A question that only the live host can answer; two seconds, over core NATS. */
export function defineQuery<const Name extends string, Input extends z.ZodType, Output extends z.ZodType>(
  definition: QueryDefinition<Name, Input, Output>,
): QueryDefinition<Name, Input, Output> {
  return definition;
}

/** How long a question may take, in milliseconds. */
export const queryDeadlineMs = 2_000;
