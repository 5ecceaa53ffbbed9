import { errors, nuid, RequestError } from '@nats-io/transport-node';
import { foreignIdOf, Problem, ProblemError, subjects, type HostId, type QueryDefinition } from '@polyvirt/contracts';
import type { z } from 'zod';
import type { Bus } from './connection.ts';
import { unlessAborted } from './unless-aborted.ts';
import { decodeJson, encodeJson, messageHeaders, problemHeader, requestIdHeader } from './wire.ts';

/** What an agent answers that is older than the question. Agents of every release say it in these words, so they stay. */
export const unknownQuery = (name: string): ProblemError =>
  new ProblemError('capability-missing', `This agent does not answer ${name}.`);

/** Whether the agent does not know the question, unlike a host that lacks what the question is about. */
export const isUnknownQuery = (error: unknown, { name }: QueryDefinition): boolean =>
  error instanceof ProblemError && error.code === 'capability-missing' && error.message === unknownQuery(name).message;

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** That of the connection, unless given. */
  readonly deadlineMs?: number;
  /** Under this id the agent logs the cause of a problem. */
  readonly requestId?: string | undefined;
}

/**
 * Asks the live host. Throws the problem the agent answered with, `host-offline` when no agent listens, `timed-out`
 * after the deadline, `unavailable` while the bus is away, `host-rejected` for an answer that speaks of another host.
 */
export async function ask<Name extends string, Input extends z.ZodType, Output extends z.ZodType>(
  bus: Bus,
  definition: QueryDefinition<Name, Input, Output>,
  host: HostId,
  input: z.input<Input>,
  { signal, deadlineMs = bus.queryWithinMs, requestId }: AskOptions = {},
): Promise<z.output<Output>> {
  signal?.throwIfAborted();
  const request = bus.connection.request(subjects.query(host, definition.name), encodeJson(input), {
    timeout: deadlineMs,
    headers: messageHeaders({ [requestIdHeader]: requestId }),
    // An agent asks another one of its own account. From CORE there is one subject by which answers of a host come back.
    ...(!bus.isGuest && { noMux: true, reply: subjects.answer(host, nuid.next()) }),
  });
  const reply = await unlessAborted(request, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw asProblem(error, bus, definition.name, host);
  });
  if (reply.headers?.has(problemHeader)) throw ProblemError.from(Problem.parse(decodeJson(reply.data)));
  const answer = definition.output.parse(decodeJson(reply.data));
  const foreign = foreignIdOf(definition.output, answer, host);
  if (foreign === undefined) return answer;
  throw new ProblemError(
    'host-rejected',
    `The agent of host ${host} answered with something of another host: ${foreign}.`,
  );
}

function asProblem(error: unknown, bus: Bus, name: string, host: HostId): unknown {
  if (error instanceof RequestError && error.isNoResponders()) {
    return new ProblemError('host-offline', `The agent of host ${host} is not there. Try again when it is back.`, {
      cause: error,
    });
  }
  if (!bus.isConnected || error instanceof errors.ClosedConnectionError) {
    return new ProblemError('unavailable', 'The message bus is away. Try again in a moment.', { cause: error });
  }
  if (error instanceof errors.TimeoutError) {
    return new ProblemError('timed-out', `Host ${host} did not answer ${name} in time.`, { cause: error });
  }
  return error;
}
