import type { DeadLetter } from '@polyvirt/bus';
import type { Command, HostId } from '@polyvirt/contracts';
import { subjects } from '@polyvirt/contracts';
import type { OperationRunner } from './operation/operation-runner.ts';

/** Ends the operation of a command that nobody can carry out, as far as the command says which it was. */
export async function endOperationOf(
  { subject, reason, operationId, command }: DeadLetter,
  host: HostId,
  operations: OperationRunner,
): Promise<void> {
  if (operationId === undefined) return;
  const now = new Date().toISOString();
  const standIn: Command = {
    operationId,
    verb: subject.slice(subjects.command(host, '').length),
    host,
    requestId: operationId,
    requestedBy: 'unknown',
    requestedAt: now,
    notAfter: now,
    input: null,
  };
  await operations.abandon(command ?? standIn, `The command was put aside. ${reason}`);
}
