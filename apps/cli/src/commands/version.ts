import type { Command } from '../declaration.ts';
import { version } from '../version.ts';

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the version of this program.',
  calls: [],
  run: async ({ terminal }) => terminal.print(version),
};
