import { Controller, Inject } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { OnCommand, type CommandContext } from '@polyvirt/bus';
import { commands, ProblemError, type Command, type Verb } from '@polyvirt/contracts';
import { acts, type Asked, type Done, type HypervisorDriver } from '@polyvirt/hypervisor';
import { OperationRunner } from '../operation/operation-runner.ts';
import { VolumeList } from '../host/volume-list.ts';
import { HostImages } from '../images/host-images.ts';
import type { Work } from '../operation/running-operation.ts';
import { alsoHappenedIn, moreNotesOf } from './beside-the-record.ts';
import { DRIVER } from './tokens.ts';

/** Has the driver carry out every command of the registry. */
@Controller()
export class CommandHandler {
  constructor(
    @Inject(DRIVER) private readonly driver: HypervisorDriver,
    private readonly operations: OperationRunner,
    private readonly volumes: VolumeList,
    private readonly images: HostImages,
  ) {}

  carryOut(command: Command, { storedAtMs }: CommandContext): Promise<void> {
    const act = acts[command.verb as Verb] as (asked: Asked<unknown>) => Promise<Done>;
    const work: Work = async (context) => {
      const { driver } = this;
      this.volumes.requireFree(command);
      this.images.check(command);
      const done = await act({ driver, nativeId: vmOf(command), input: command.input, context, sources: this.images });
      await this.images.carriedOut(command);
      const { effect, made, snapshot } = done;
      const notes = [...(done.notes ?? []), ...moreNotesOf(command)];
      return {
        effect,
        ...(made !== undefined && { made }),
        ...((snapshot !== undefined || notes.length > 0) && {
          result: { ...(snapshot !== undefined && { snapshot }), ...(notes.length > 0 && { notes }) },
        }),
        alsoHappened: alsoHappenedIn(command, done),
      };
    };
    return this.operations.run(command, work, storedAtMs).finally(() => this.volumes.ended(command));
  }
}

/** One handler for each command, as if it were written out: Nest finds handlers by the methods of a class. */
for (const definition of commands) {
  const { prototype } = CommandHandler;
  const value = function (this: CommandHandler, command: Command, context: CommandContext) {
    return this.carryOut(command, context);
  };
  const descriptor = { value, configurable: true, enumerable: false, writable: true };
  Object.defineProperty(prototype, definition.verb, descriptor);
  OnCommand(definition)(prototype, definition.verb, descriptor);
  Payload()(prototype, definition.verb, 0);
  Ctx()(prototype, definition.verb, 1);
}

/** The VM that a command is about; the empty string for a command that is about none. */
function vmOf({ nativeId, verb }: Command): string {
  if (nativeId !== undefined) return nativeId;
  if (commands.find((command) => command.verb === verb)?.isOfVm !== true) return '';
  throw new ProblemError('invalid-input', `${verb} needs a VM.`);
}
