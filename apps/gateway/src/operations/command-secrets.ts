import { Injectable } from '@nestjs/common';
import { commandOfVerb, mapSecrets, ProblemError, type Command } from '@polyvirt/contracts';
import { Keys } from '../auth/keys.ts';
import type { OperationEntity } from './operation.entity.ts';

type Columns = Pick<OperationEntity, 'command' | 'secretFields' | 'secrets'>;

const sealedFor = (operationId: string) => ({ purpose: 'command secrets', context: operationId });

/**
 * Keeps the secrets of a command apart from the rest of it: sealed until the operation has ended, and then not at all. Which fields
 * those are, the contract says.
 */
@Injectable()
export class CommandSecrets {
  constructor(private readonly keys: Keys) {}

  /** The columns of a command; `isSent` when there is no agent that still has to get the secrets. */
  columnsOf(command: Command, { isSent = false } = {}): Columns {
    const secrets: Record<string, unknown> = {};
    const input = withSecrets(command, (value, pointer) => {
      secrets[pointer] = value;
      return undefined;
    });
    const pointers = Object.keys(secrets);
    // What nobody has asked with, nobody has to send again.
    const added = commandOfVerb(command.verb)?.addedFields ?? [];
    const asked = pointers.filter((pointer) => !added.includes(pointer.slice(1)));
    return {
      command: JSON.stringify({ ...command, input }),
      secretFields: asked.length === 0 ? null : JSON.stringify(asked),
      secrets:
        pointers.length === 0 || isSent
          ? null
          : this.keys.seal(JSON.stringify(secrets), sealedFor(command.operationId)),
    };
  }

  /** The command as it was asked for. Throws when its secrets are gone. */
  commandOf(row: OperationEntity): Command {
    const command = JSON.parse(row.command!) as Command;
    if (row.secrets === null) return command;
    const secrets = JSON.parse(this.keys.unseal(row.secrets, sealedFor(row.id))) as Record<string, unknown>;
    for (const [pointer, value] of Object.entries(secrets)) put(command.input as object, pointer, value);
    return command;
  }

  /** Throws `wrong-state` with the fields to send again when a command cannot be asked for again without them. */
  requireWhole({ id, secretFields, secrets }: OperationEntity): void {
    if (secretFields === null || secrets !== null) return;
    const fields = (JSON.parse(secretFields) as string[]).map((pointer) => pointer.slice(1).replaceAll('/', '.'));
    throw new ProblemError(
      'wrong-state',
      `Operation ${id} was given ${fields.join(' and ')}, which may hold secrets and was forgotten when it ended. Ask for it anew, with ${fields.join(' and ')}.`,
      {
        operationId: id,
        errors: (JSON.parse(secretFields) as string[]).map((pointer) => ({ pointer, detail: 'Send this again.' })),
      },
    );
  }
}

const withSecrets = ({ verb, input }: Command, change: (value: unknown, pointer: string) => unknown): unknown => {
  const definition = commandOfVerb(verb);
  return definition ? mapSecrets(definition.sent, input, change) : input;
};

/** Puts a value back to where it was taken from; what stood above it is still there. */
function put(input: object, pointer: string, value: unknown): void {
  const path = pointer.slice(1).split('/');
  const last = path.pop()!;
  let at = input as Record<string, unknown>;
  for (const name of path) at = at[name] as Record<string, unknown>;
  at[last] = value;
}
