import { Injectable } from '@nestjs/common';
import {
  cloneVm,
  createSnapshot,
  createVm,
  deleteSnapshot,
  deleteVm,
  pauseVm,
  ProblemError,
  reconfigureVm,
  resetVm,
  restartVm,
  resumeVm,
  revertSnapshot,
  startVm,
  stopVm,
  suspendVm,
  type CommandDefinition,
  type HostId,
  type Operation,
  type Permission,
  type VmId,
} from '@polyvirt/contracts';
import type { z } from 'zod';
import type { Caller } from '../auth/caller.decorator.ts';
import { powerRequest } from './power-requests.ts';
import { VmCommands, type Asking } from './vm-commands.ts';

interface Subject {
  readonly host: HostId;
  readonly vmId: VmId | undefined;
}

type Handler = (commands: VmCommands, subject: Subject, input: unknown, asking: Asking) => Promise<Operation>;

/** Ties the input of a command to the method that takes it. */
const handler =
  <Input extends z.ZodType>(
    { input: schema }: CommandDefinition<string, Input>,
    take: (commands: VmCommands, vmId: VmId, input: z.infer<Input>, asking: Asking) => Promise<Operation>,
  ): Handler =>
  (commands, { vmId }, input, asking) =>
    take(commands, vmId!, schema.parse(input), asking);

const handlers: Readonly<Record<string, { definition: CommandDefinition; take: Handler }>> = Object.fromEntries(
  (
    [
      [createVm, (commands, { host }, input, asking) => commands.create(host, createVm.input.parse(input), asking)],
      [deleteVm, handler(deleteVm, (commands, vmId, input, asking) => commands.delete(vmId, input, asking))],
      [
        reconfigureVm,
        handler(reconfigureVm, (commands, vmId, input, asking) => commands.reconfigure(vmId, input, asking)),
      ],
      [cloneVm, handler(cloneVm, (commands, vmId, input, asking) => commands.clone(vmId, input, asking))],
      [
        createSnapshot,
        handler(createSnapshot, (commands, vmId, input, asking) => commands.createSnapshot(vmId, input, asking)),
      ],
      [
        revertSnapshot,
        handler(revertSnapshot, (commands, vmId, input, asking) => commands.revertSnapshot(vmId, input, asking)),
      ],
      [
        deleteSnapshot,
        handler(deleteSnapshot, (commands, vmId, input, asking) => commands.deleteSnapshot(vmId, input, asking)),
      ],
      [startVm, handler(startVm, (commands, vmId, _, asking) => commands.request(vmId, powerRequest('start'), asking))],
      [
        stopVm,
        handler(stopVm, (commands, vmId, input, asking) => commands.request(vmId, powerRequest('stop', input), asking)),
      ],
      [
        restartVm,
        handler(restartVm, (commands, vmId, input, asking) =>
          commands.request(vmId, powerRequest('restart', input), asking),
        ),
      ],
      [resetVm, handler(resetVm, (commands, vmId, _, asking) => commands.request(vmId, powerRequest('reset'), asking))],
      [
        suspendVm,
        handler(suspendVm, (commands, vmId, _, asking) => commands.request(vmId, powerRequest('suspend'), asking)),
      ],
      [pauseVm, handler(pauseVm, (commands, vmId, _, asking) => commands.request(vmId, powerRequest('pause'), asking))],
      [
        resumeVm,
        handler(resumeVm, (commands, vmId, _, asking) => commands.request(vmId, powerRequest('resume'), asking)),
      ],
    ] as [CommandDefinition, Handler][]
  ).map(([definition, take]) => [definition.verb, { definition, take }]),
);

/** Asks by verb, for what was not written in a route: a part of a batch, or the same again. */
@Injectable()
export class VmRequests {
  constructor(private readonly commands: VmCommands) {}

  /** With all the checks of the route. `input` is parsed by the schema of the command. */
  ask(verb: string, subject: Subject, input: unknown, asking: Asking): Promise<Operation> {
    const known = handlers[verb];
    if (!known) throw new ProblemError('wrong-state', `An operation ${verb} cannot be asked for again.`);
    return known.take(this.commands, subject, input, asking);
  }

  permissionOf(verb: string): Permission | undefined {
    return handlers[verb]?.definition.permission;
  }
}

/** Throws `forbidden`. A route that leads to several actions demands the permission of each. */
export function requirePermission({ permissions }: Pick<Caller, 'permissions'>, permission: Permission): void {
  if (permissions.has(permission)) return;
  throw new ProblemError('forbidden', `This needs the permission ${permission}.`);
}
