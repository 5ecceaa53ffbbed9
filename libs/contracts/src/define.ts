import { z } from 'zod';
import { HostId, NativeId, OperationId, Timestamp } from './ids.ts';
import type { Permission } from './identity/permissions.ts';
import type { ProblemCode } from './problem/problems.ts';

/** What every command carries beside its input. */
const envelope = {
  operationId: OperationId,
  host: HostId,
  nativeId: NativeId.optional().describe('The VM; absent when the command makes one.'),
  requestId: z.string().describe('Correlates logs and problems with the request that asked.'),
  requestedBy: z.string().describe('User name of the author.'),
  requestedAt: Timestamp,
  notAfter: Timestamp.describe('The command must begin before this, or it expires.'),
  parent: OperationId.optional().describe('The batch that the operation belongs to.'),
  retryOf: OperationId.optional().describe('The operation that is tried again.'),
} as const;

export interface CommandDefinition<Verb extends string = string, Input extends z.ZodType = z.ZodType> {
  readonly verb: Verb;
  readonly summary: string;
  readonly permission: Permission;
  readonly input: Input;
  /** Longest time it may run once begun, in seconds; it then fails with `timed-out`. */
  readonly limitSeconds: number;
  /** Problems beside those that any command can end with. */
  readonly problems: readonly ProblemCode[];
  /** The message on the bus. */
  readonly message: z.ZodType<Command<Verb, z.infer<Input>>>;
}

/** A change that somebody asked for, on its way to the agent of a host. */
export interface Command<Verb extends string = string, Input = unknown> {
  operationId: OperationId;
  verb: Verb;
  host: HostId;
  nativeId?: NativeId | undefined;
  requestId: string;
  requestedBy: string;
  requestedAt: Timestamp;
  notAfter: Timestamp;
  parent?: OperationId | undefined;
  retryOf?: OperationId | undefined;
  input: Input;
}

/** A change to ask for. Imperative: `vm.start`. */
export function defineCommand<const Verb extends string, Input extends z.ZodType>(
  definition: Omit<CommandDefinition<Verb, Input>, 'message'>,
): CommandDefinition<Verb, Input> {
  const message = z.object({ ...envelope, verb: z.literal(definition.verb), input: definition.input });
  return { ...definition, message: message as unknown as CommandDefinition<Verb, Input>['message'] };
}

export type CommandOf<Definition> =
  Definition extends CommandDefinition<infer Verb, infer Input> ? Command<Verb, z.infer<Input>> : never;

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
