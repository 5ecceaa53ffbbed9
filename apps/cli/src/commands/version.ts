import type { Command } from '../declaration.ts';
import { printItem } from '../output/print.ts';
import { version } from '../version.ts';

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the version of this program.',
  calls: [],
  isLocal: true,
  run: async (invocation) => {
    if (invocation.given.has('output')) printItem(invocation, { columns: [], key: () => version }, { version });
    else invocation.terminal.print(version);
  },
};
