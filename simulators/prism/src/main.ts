import { knobList } from './knobs/knob-list.ts';
import { HELP, OptionError, parseOptions } from './options.ts';
import { startSimulator } from './simulator.ts';
import { FolderInUse } from './state/ownership.ts';

/** Exit status of a wrong command line, as in sysexits.h. */
const USAGE = 64;

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') return void process.stdout.write(HELP);
  if (options === 'list-knobs') return void process.stdout.write(`${knobList()}\n`);
  const simulator = await startSimulator(options);
  console.log(`ca certificate: ${simulator.certificateFile}`);
  if (simulator.controlUrl !== undefined) console.log(`control on ${simulator.controlUrl}`);
  console.log(`listening on ${simulator.url}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      simulator.close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
}

main().catch((error: unknown) => {
  if (error instanceof OptionError) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(USAGE);
  }
  console.error(error instanceof FolderInUse ? error.message : error);
  process.exit(1);
});
