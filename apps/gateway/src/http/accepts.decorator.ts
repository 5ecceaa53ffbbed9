import { applyDecorators, HttpCode } from '@nestjs/common';
import { makesRoom, Operation, Plan, type CommandDefinition, type ProblemCode } from '@polyvirt/contracts';
import { Changes } from '../audit/changes.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers, WaitsOnPrefer } from '../openapi/answers.decorator.ts';

/** What any command can be refused with, beside its own problems. */
const ofEveryCommand: readonly ProblemCode[] = [
  'host-not-found',
  'vm-busy',
  'capability-missing',
  'host-offline',
  'unavailable',
];

/** A route that takes a command: 202 with its operation, permission, problems and OpenAPI, all from the contract. */
export const Accepts = (command: CommandDefinition) =>
  applyDecorators(
    RequirePermission(command.permission),
    Changes(command.verb, makesRoom(command) ? 'carried out' : 'refused'),
    HttpCode(202),
    Answers({
      id: command.id,
      summary: command.summary,
      status: 202,
      schema: Operation,
      problems: [...command.problems, ...ofEveryCommand],
    }),
    WaitsOnPrefer(Plan),
  );
