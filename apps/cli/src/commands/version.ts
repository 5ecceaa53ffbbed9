import type { Command } from '../declaration.ts';

declare const POLYVIRT_CLI_VERSION: string | undefined;

/** Written in when the program is bundled. */
export const version = typeof POLYVIRT_CLI_VERSION === 'undefined' ? 'unpackaged' : POLYVIRT_CLI_VERSION;

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the version of this program.',
  calls: [],
  run: async ({ terminal }) => terminal.print(version),
};
