import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HostId } from '@polyvirt/contracts';
import { Fault } from './fault.ts';
import { join } from './join.ts';
import { leave } from './leave.ts';
import { run } from './run.ts';
import { installService, serviceStatus, uninstallService } from './service.ts';
import { State, usualFolder } from './state.ts';

const help = `usage: polyvirt-agent <command> [options]

  join URL --token TOKEN [--ca-sha256 FINGERPRINT] [--no-run]
           join as a host, by the line that \`polyvirt host add\` shows, and run the agent
  run [HOST]
           run the agent of a host that this machine has joined as
  leave [HOST] [--force] [--forget]
           have the host removed, and forget its key; by force also while operations have not ended; --forget: only here
  service install|uninstall|status [HOST]
           have the machine run the agent: a unit of systemd, or on Windows a task that begins when you log on
  list     the hosts that this machine has joined as
  version

  --state FOLDER   where keys are kept (POLYVIRT_AGENT_STATE; now ${usualFolder()})

Settings of the agent are environment variables, or lines of the file agent.env in its folder there: docs/configuration.md has them.
Exit codes: 0 done, 1 failed, 2 wrong command line, 4 refused, 8 gateway unreachable, 78 starting it again does not help.
`;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function read() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        token: { type: 'string' },
        'ca-sha256': { type: 'string' },
        'no-run': { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
        forget: { type: 'boolean', default: false },
        state: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new Fault(`${(error as Error).message}\n\n${help}`, 2);
  }
}

const joinedAs = {
  new: 'has joined as',
  again: 'has another key as',
  before: 'had joined already by this line, as',
} as const;

async function main(): Promise<void> {
  const { values, positionals } = read();
  const [command, operand, ...rest] = positionals;
  if (values.help || command === undefined || command === 'help') {
    console.log(help);
    return;
  }
  if (rest.length > (command === 'service' ? 1 : 0)) throw new Fault(`What is ${rest.join(' ')}?\n\n${help}`, 2);
  const state = new State(values.state ?? env['POLYVIRT_AGENT_STATE'] ?? usualFolder());
  switch (command) {
    case 'join': {
      if (operand === undefined || values.token === undefined)
        throw new Fault('polyvirt-agent join takes the address of the gateway and --token. Copy the whole line.', 2);
      const line = { url: operand, token: values.token, caSha256: values['ca-sha256'], version };
      const { membership, how } = await join(line, state);
      const { host } = membership;
      console.log(`This machine ${joinedAs[how]} ${host}; its key is in ${state.folderOf(host)}.`);
      // The agent that it has takes the new key by itself, and a second one would be refused.
      if (how === 'again')
        console.log(`An agent that runs goes on with it. Where none does: polyvirt-agent run ${host}`);
      else if (!values['no-run']) await run(membership, state);
      return;
    }
    case 'run':
      return run(await state.choose(operand), state);
    case 'leave': {
      const membership = await state.choose(operand);
      if (values.forget) await state.forget(membership.host);
      else await leave(membership, state, { force: values.force });
      console.log(
        values.forget ? `${membership.host} is forgotten here.` : `${membership.host} has left, and its key is gone.`,
      );
      return;
    }
    case 'service':
      console.log(await service(operand, rest[0], state));
      return;
    case 'list':
      for (const host of await state.hosts()) console.log(host);
      return;
    case 'version':
      console.log(version);
      return;
    default:
      throw new Fault(`There is no command ${command}.\n\n${help}`, 2);
  }
}

async function service(what: string | undefined, named: string | undefined, state: State): Promise<string> {
  // Also of a host that has left, or was removed.
  if (what === 'uninstall' && named !== undefined) return uninstallService(HostId.parse(named));
  const { host } = await state.choose(named);
  if (what === 'uninstall') return uninstallService(host);
  if (what === 'status') return serviceStatus(host);
  if (what !== 'install') throw new Fault(`Services are installed, uninstalled and shown (status).\n\n${help}`, 2);
  const program = fileURLToPath(import.meta.url);
  return installService({ host, stateFolder: resolve(state.folder), node: process.execPath, program });
}

/** A sentence about a file that is not for this user. */
function denied(error: unknown): string | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM'
    ? `${message}. Run it as root, or as the owner of that file.`
    : undefined;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Fault ? error.message : (denied(error) ?? error));
  process.exit(error instanceof Fault ? error.exitCode : 1);
}
