import { Logger } from '@nestjs/common';
import { errors, RequestError } from '@nats-io/transport-node';
import { randomUUID } from 'node:crypto';
import {
  asProblemError,
  membershipCalls,
  Problem,
  ProblemError,
  subjects,
  type HostId,
  type MembershipCall,
} from '@polyvirt/contracts';
import type { z } from 'zod';
import type { Bus } from './connection.ts';
import type { Listener } from './pubsub.ts';
import { decodeJson, encodeJson, isEcho, messageHeaders, problemHeader } from './wire.ts';

const log = new Logger('Bus');
/** Of several gateways one answers. */
const queue = 'gateways';
const answerWithinMs = 10_000;

type Input<Call extends MembershipCall> = z.output<(typeof membershipCalls)[Call]['input']>;
type Output<Call extends MembershipCall> = z.output<(typeof membershipCalls)[Call]['output']>;

/**
 * Asks a gateway, as the agent of a host that has joined. Throws the problem that it answers with, and `unavailable` when no gateway
 * is there.
 */
export async function askGateway<Call extends MembershipCall>(
  bus: Bus,
  host: HostId,
  call: Call,
  input: z.input<(typeof membershipCalls)[Call]['input']>,
): Promise<Output<Call>> {
  const subject = subjects.membership(host, call);
  const options = { timeout: answerWithinMs, headers: messageHeaders() };
  const reply = await bus.connection.request(subject, encodeJson(input), options).catch((cause: unknown) => {
    if (
      cause instanceof errors.TimeoutError ||
      (cause instanceof RequestError && cause.isNoResponders()) ||
      !bus.isConnected
    )
      throw new ProblemError('unavailable', 'No gateway answers on the bus. Try again when one is back.', { cause });
    throw cause;
  });
  if (reply.headers?.has(problemHeader)) throw ProblemError.from(Problem.parse(decodeJson(reply.data)));
  return membershipCalls[call].output.parse(decodeJson(reply.data)) as Output<Call>;
}

/** Answers hosts, as a gateway. The bus vouches for which host asks: nobody else can publish on its subject. */
export function serveMembership<Call extends MembershipCall>(
  bus: Bus,
  call: Call,
  answer: (host: HostId, input: Input<Call>) => Promise<Output<Call>>,
): Listener {
  const hostAt = subjects.membership('*', call).split('.').indexOf('*');
  const subscription = bus.connection.subscribe(subjects.membership('*', call), {
    queue,
    callback: (error, message) => {
      if (error) {
        log.error(`Cannot answer hosts that ask to ${call}: ${error.message}`);
        return;
      }
      if (isEcho(message.headers)) return;
      const host = message.subject.split('.')[hostAt]!;
      const work = async () => answer(host, membershipCalls[call].input.parse(decodeJson(message.data)) as Input<Call>);
      work().then(
        (value) => message.respond(encodeJson(value), { headers: messageHeaders() }),
        (fault: unknown) => {
          const problem = asProblemError(fault);
          if (problem.code === 'internal') log.error(fault, `${host} asked to ${call}`);
          message.respond(encodeJson(problem.toProblem(randomUUID())), {
            headers: messageHeaders({ [problemHeader]: problem.code }),
          });
        },
      );
    },
  });
  return { close: () => subscription.unsubscribe() };
}
