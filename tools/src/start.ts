import { HypervisorConfigError } from '@polyvirt/config/hypervisor-config';
import { constants } from 'node:os';
import { relative } from 'node:path';
import { CommandFailed } from './machine/command.ts';
import { PackagesMissing } from './machine/packages.ts';
import { AlreadyRunning } from './start/instance.ts';
import { TwoStates } from './start/migrate-bus.ts';
import { HELP, parseOptions, UsageError, type StartOptions } from './start/options.ts';
import { CannotCarry, RunningStack, type Ready } from './start/stack.ts';

const begin = Date.now();
const log = (line: string) => console.log(`[${((Date.now() - begin) / 1000).toFixed(1)} s] ${line}`);

function readOptions(): StartOptions {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options !== undefined) return options;
    console.log(HELP);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(64);
  }
}

function announce({ url, username, firstPassword, firstLogIn, layout, earlierPrograms, hosts, lacks }: Ready): void {
  const here = (path: string) => relative(process.cwd(), path) || '.';
  for (const { id, simulated, health } of hosts) log(`${id}${simulated ? ' (simulated)' : ''}: ${health}`);
  for (const { part, why, help } of lacks) log(`without ${part}: ${why}\n      What helps: ${help}`);
  console.log(`
Polyvirt is ready.
  console   ${url}${firstLogIn === undefined ? '' : `\n  first     ${firstLogIn}\n            opens the console and asks for a password of your own; good once, for a day`}
  username  ${username}
  password  ${firstPassword ?? `as before; the first one is in ${here(layout.secrets)}/admin-password`}
  logs      ${here(layout.logs)}${earlierPrograms === undefined ? '' : `\n  clients of earlier programs   ${earlierPrograms}`}
Ctrl-C stops it. Machines that run go on running.
`);
}

/** A mistake of whoever started it needs a sentence, anything else the stack as well. */
function explain(error: unknown): void {
  const isExpected =
    error instanceof AlreadyRunning ||
    error instanceof CannotCarry ||
    error instanceof TwoStates ||
    error instanceof PackagesMissing ||
    error instanceof CommandFailed ||
    error instanceof HypervisorConfigError;
  console.error(isExpected ? error.message : error);
}

const options = readOptions();
const stack = await RunningStack.take(options, log).catch((error: unknown) => {
  explain(error);
  process.exit(1);
});

const told = new Promise<NodeJS.Signals>((resolve) => {
  // Terminals and process managers may send several; the first one counts.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
});
let exitCode = 0;
try {
  const ready = await Promise.race([stack.start(options), told]);
  if (typeof ready === 'object') {
    announce(ready);
    await told;
  } else {
    exitCode = 128 + constants.signals[ready];
  }
} catch (error) {
  explain(error);
  exitCode = 1;
}
log('stopping');
try {
  await stack.stop();
  log('stopped');
} catch (error) {
  explain(error);
  exitCode = 1;
}
process.exit(exitCode);
