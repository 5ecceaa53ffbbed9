import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { HypervisorConfigError, importHypervisorConfig } from '@polyvirt/config/hypervisor-config';
import { Exit, UsageError, type Command } from '../declaration.ts';
import { exitCodes } from '../exit-codes.ts';
import { printable } from '../output/table.ts';

export const importConfigCommand: Command = {
  name: 'import-config',
  summary: 'Take over a hypervisor_config.json of Auto-Creation-VM, for the next `npm start` and all later ones.',
  calls: [],
  isLocal: true,
  args: [{ name: 'FILE', help: 'The hypervisor_config.json.', completes: 'file' }],
  options: {
    'data-dir': {
      value: 'FOLDER',
      help: 'Data folder of the installation; the .polyvirt here or above unless said.',
      completes: 'file',
    },
  },
  examples: ['polyvirt import-config hypervisor_config.json'],
  run: async ({ args, given, terminal }) => {
    const named = given.text('data-dir');
    const dataDir = named === undefined ? findDataFolder(terminal.cwd) : resolve(named);
    if (dataDir === undefined)
      throw new UsageError('There is no .polyvirt here or above. Go where npm start runs, or say --data-dir.');
    try {
      await importHypervisorConfig({ file: args[0]!, dataDir }, (line) => terminal.print(printable(line)));
    } catch (error) {
      if (error instanceof HypervisorConfigError) throw new UsageError(error.message);
      const { code, path } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      throw new Exit(exitCodes.failed.code, `${path ?? dataDir} cannot be written (${code}).`);
    }
    const isRunning = existsSync(join(dataDir, 'run.json'));
    terminal.tell(
      isRunning ? 'It is in force when npm start is started again.' : 'It is in force from the next npm start.',
    );
  },
};

function findDataFolder(cwd: string | undefined): string | undefined {
  for (let folder = cwd; folder !== undefined; folder = folder === dirname(folder) ? undefined : dirname(folder)) {
    const found = join(folder, '.polyvirt');
    if (existsSync(found)) return found;
  }
  return undefined;
}
