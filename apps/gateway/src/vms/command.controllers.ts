import {
  applyDecorators,
  Body,
  Controller,
  Headers,
  Inject,
  Param,
  Query,
  RequestMapping,
  RequestMethod,
  UseInterceptors,
  type Type,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { commands, HostId, VmId, type CommandDefinition, type CommandOptions } from '@polyvirt/contracts';
import { Caller } from '../auth/caller.decorator.ts';
import { Accepts } from '../http/accepts.decorator.ts';
import { AnswersOperation } from '../operations/operation.interceptor.ts';
import { TakesIfMatch } from '../openapi/answers.decorator.ts';
import { Commands, wantedOf } from './commands.ts';

type Fields = Record<string, unknown>;

/** Where the arguments of a route stand; those of its path follow. */
const [bodyAt, queryAt, ifMatchAt, callerAt, pathAt] = [0, 1, 2, 3, 4];

/** The VM itself has an ETag; what hangs on it has none. */
const isRevised = ({ path, method }: CommandDefinition): boolean => path === '/vms/{vmId}' && method !== 'POST';

/** A controller of one route, all of which follows from the command. */
function controllerOf(definition: CommandDefinition): Type<unknown> {
  const { method, path, body, query, pathFields } = definition;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);

  class CommandController {
    constructor(private readonly commands: Commands) {}

    take(given: Fields, asked: Fields, ifMatch: string | undefined, author: Caller, ...values: string[]) {
      const { dryRun, ...rest } = asked;
      const fields: Fields = { ...rest, ...given };
      for (const [index, name] of names.entries()) fields[name] = values[index];
      const { vmId, whenOffline, notAfter } = fields as { vmId?: VmId } & CommandOptions;
      const host = (fields['hostId'] ?? fields['host']) as HostId;
      const subject = vmId === undefined ? { host } : { vmId };
      const asking = { author, options: { whenOffline, notAfter }, ifMatch };
      const wanted = wantedOf(definition, fields);
      return dryRun === true
        ? this.commands.plan(definition, subject, wanted, asking)
        : this.commands.ask(definition, subject, wanted, asking);
    }
  }

  const { prototype } = CommandController;
  const decorate = (index: number, decorator: ParameterDecorator) => decorator(prototype, 'take', index);
  Inject(Commands)(CommandController, undefined, 0);
  if (body) decorate(bodyAt, Body({ schema: body }));
  decorate(queryAt, Query({ schema: query }));
  if (isRevised(definition)) decorate(ifMatchAt, Headers('if-match'));
  decorate(callerAt, Caller());
  for (const [index, name] of names.entries())
    decorate(
      pathAt + index,
      Param(name, { schema: name === 'vmId' ? VmId : name === 'hostId' ? HostId : pathFields[name]! }),
    );
  Reflect.defineMetadata(
    'design:paramtypes',
    Array.from({ length: pathAt + names.length }, () => Object),
    prototype,
    'take',
  );
  applyDecorators(
    RequestMapping({ method: RequestMethod[method], path: path.replaceAll(/\{(\w+)\}/g, ':$1') }),
    Accepts(definition),
    ...(isRevised(definition) ? [TakesIfMatch()] : []),
  )(prototype, 'take', Object.getOwnPropertyDescriptor(prototype, 'take')!);
  applyDecorators(
    Controller(),
    ApiTags(path.includes('/snapshots') ? 'Snapshots' : path.startsWith('/hosts/') ? 'Hosts' : 'VMs'),
    UseInterceptors(AnswersOperation),
  )(CommandController);
  Object.defineProperty(CommandController, 'name', { value: `${definition.id}Controller` });
  return CommandController;
}

/** Every change of VMs that the API takes. */
export const commandControllers = (): Type<unknown>[] => commands.map((command) => controllerOf(command));
