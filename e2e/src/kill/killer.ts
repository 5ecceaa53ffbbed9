import { ApiProblem, type Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { patienceMs } from '../requests.ts';
import type { Stack } from '../stack/stack.ts';
import type { Entry, JournalTap } from './journal-tap.ts';

/** When the process is killed: when so many steps have begun, when the outcome is written, or when the end was told. */
export type Point = number | 'ended' | 'told';

/** Something to ask for, and how to know it again in the journal. */
export interface Task {
  ask(): Promise<unknown>;
  isIt(command: Entry['command']): boolean;
}

const pointOf = ({ phase, told, steps }: Entry): Point => (told ? 'told' : phase === 'ended' ? 'ended' : steps.length);

/**
 * Asks for something and kills a service the very moment the journal says that it has come to a point; then starts the
 * service again. Resolves with the operation as the API shows its end, and whether it came to that point at all.
 */
export async function killAt(
  stack: Stack,
  tap: JournalTap,
  { target, point, task }: { target: string; point: Point; task: Task },
): Promise<{ operation: Operation; isReached: boolean }> {
  const known = Promise.withResolvers<string>();
  let id: string | undefined;
  const decided = Promise.withResolvers<boolean>();
  let killing: Promise<void> | undefined;
  const forget = tap.on((entry) => {
    // An entry whose end was told has forgotten what was asked for.
    if (entry.command.operationId !== id && !task.isIt(entry.command)) return;
    id = entry.command.operationId;
    known.resolve(id);
    if (killing) return;
    if (pointOf(entry) === point) {
      killing = stack.kill(target);
      decided.resolve(true);
    } else if (entry.told) decided.resolve(false);
  });
  try {
    // Its answer may be lost with the gateway; the operation is known by the journal.
    const asking = task.ask().catch((error: unknown) => {
      // What is refused never comes into the journal.
      if (!killing && error instanceof ApiProblem) decided.reject(error);
    });
    const isReached = await decided.promise;
    if (killing) {
      await killing;
      await stack.launch(target);
    }
    await asking;
    const operation = await Promise.race([endOf(stack, await known.promise), stack.firstDeath()]);
    if (killing) await stack.ready();
    return { operation, isReached };
  } finally {
    forget();
  }
}

async function endOf({ admin }: Stack, operationId: string): Promise<Operation> {
  let operation: Operation | undefined;
  await eventually(async () => {
    operation = (await admin.GET('/api/v1/operations/{operationId}', { params: { path: { operationId } } })).data;
    if (operation.endedAt === undefined) throw new Error(`the operation has not ended: ${JSON.stringify(operation)}`);
  }, patienceMs);
  return operation!;
}
