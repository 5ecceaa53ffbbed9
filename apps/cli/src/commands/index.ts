import type { Command } from '../declaration.ts';
import { exitCodesOf } from '../exit-codes.ts';
import { printItems, type View } from '../output/print.ts';
import { optionsOf } from '../parse.ts';
import { usageOf } from '../help.ts';
import { archiveCommands } from './archive.ts';
import { auditCommands } from './audit.ts';
import { completeCommand, completionCommand } from './completion.ts';
import { consoleCommand } from './console.ts';
import { deviceCommands } from './device.ts';
import { hostCommands } from './host.ts';
import { hostJoinCommands } from './host-join.ts';
import { imageCommands } from './image.ts';
import { tokenCommands, userCommands } from './identity.ts';
import { importConfigCommand } from './import-config.ts';
import { loginCommands } from './login.ts';
import { observeCommands } from './observe.ts';
import { operationCommands } from './operation.ts';
import { queryCommand } from './query.ts';
import { sessionCommands } from './session.ts';
import { snapshotCommands } from './snapshot.ts';
import { subscriberCommands } from './subscriber.ts';
import { versionCommand } from './version.ts';
import { vmCommands } from './vm.ts';
import { vmCreate } from './vm-create.ts';

const commandView: View<Command> = {
  key: ({ name }) => name,
  columns: [
    { header: 'COMMAND', value: ({ name }) => name },
    { header: 'SUMMARY', value: ({ summary }) => summary },
    { header: 'CALLS', wide: true, value: ({ calls }) => calls.join(', ') || undefined },
  ],
};

const listCommands: Command = {
  name: 'commands',
  summary: 'List every command; in JSON with its arguments, options, exit codes and the routes it calls.',
  calls: [],
  isLocal: true,
  run: async (invocation) => {
    const shown = commands.filter(({ hidden }) => !hidden);
    const whole = ['json', 'yaml'].includes(invocation.given.text('output') ?? '');
    const described = shown.map((command) => ({
      ...command,
      usage: usageOf(command),
      options: optionsOf(command),
      exitCodes: exitCodesOf(command),
      run: undefined,
    }));
    printItems(invocation, commandView, whole ? (described as unknown as Command[]) : shown);
  },
};

/** Every command that there is. */
export const commands: readonly Command[] = [
  ...vmCommands.slice(0, 2),
  vmCreate,
  ...vmCommands.slice(2),
  ...snapshotCommands,
  ...deviceCommands,
  ...hostCommands.slice(0, 3),
  ...hostJoinCommands,
  ...hostCommands.slice(3),
  ...imageCommands,
  ...operationCommands,
  ...archiveCommands,
  ...observeCommands,
  consoleCommand,
  ...userCommands,
  ...tokenCommands,
  ...sessionCommands,
  ...subscriberCommands,
  ...auditCommands,
  ...loginCommands,
  importConfigCommand,
  queryCommand,
  listCommands,
  completionCommand,
  versionCommand,
  completeCommand(() => commands),
];
