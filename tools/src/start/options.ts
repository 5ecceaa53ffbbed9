import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../places.ts';
import { hypervisors, type Hypervisor } from './parts.ts';

const DEFAULT_PORT = '8080';

export const HELP = `usage: npm start [-- [--config <file>] [--data-dir <folder>] [--port <number>]
                     [--hosts <list>] [--new-secret] [--no-install] [--no-build]]

Starts Polyvirt on this machine and keeps it running until Ctrl-C.

  --config <file>      takes over a hypervisor_config.json of Auto-Creation-VM, for this start and all later ones
  --data-dir <folder>  where everything is kept; default .polyvirt
  --port <number>      port of the API and the web pages, 0 for a free one; default 8080
  --hosts <list>       only these of kvm,vmware,nutanix; ends when one of them cannot be. Default: what the machine can carry
  --new-secret         signs sessions and seals data with a new secret from now on; nobody is logged out (SECURITY.md)
  --no-install         say what is missing and how to install it, and stop
  --no-build           run what was built before

VMware Workstation and Nutanix are simulated, unless POLYVIRT_VMRUN_PATH or POLYVIRT_PRISM_ADDRESS say where they are;
docs/configuration.md lists these and other settings that are passed on.

Virtual machines that run when Polyvirt stops go on running, and are there again at the next start; simulated ones are suspended.
`;

export interface StartOptions {
  readonly dataDir: string;
  /** A `hypervisor_config.json` to take over. */
  readonly config?: string | undefined;
  readonly port: number;
  /** Whether the port was asked for. */
  readonly portGiven: boolean;
  /** Only these, and all of them. */
  readonly hosts?: readonly Hypervisor[] | undefined;
  /** Whether the gateway is to have a new secret. */
  readonly newSecret: boolean;
  readonly install: boolean;
  readonly build: boolean;
}

/** The command line is not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the command line; undefined when help is asked for. Throws {@link UsageError}. */
export function parseOptions(args: readonly string[]): StartOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const portText = values.port ?? DEFAULT_PORT;
  const port = Number(portText);
  if (!/^\d+$/.test(portText) || port > 65_535)
    throw new UsageError(`--port takes a number from 0 to 65535, not "${portText}"`);
  if (values['data-dir'] === '') throw new UsageError('--data-dir takes the path of a folder');
  if (values.config === '') throw new UsageError('--config takes the path of a hypervisor_config.json');
  return {
    ...(values.hosts !== undefined && { hosts: parseHosts(values.hosts) }),
    portGiven: values.port !== undefined,
    ...(values.config !== undefined && { config: resolve(values.config) }),
    dataDir: resolve(root, values['data-dir']),
    port,
    newSecret: values['new-secret'],
    install: !values['no-install'],
    build: !values['no-build'],
  };
}

function parseHosts(text: string): Hypervisor[] {
  const named = text.split(',').map((name) => name.trim());
  const wanted = hypervisors.filter((one) => named.includes(one));
  if (wanted.length !== new Set(named).size)
    throw new UsageError(`--hosts takes some of ${hypervisors.join(', ')}, separated by commas, not "${text}"`);
  return wanted;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        'data-dir': { type: 'string', default: '.polyvirt' },
        port: { type: 'string' },
        hosts: { type: 'string' },
        'new-secret': { type: 'boolean', default: false },
        'no-install': { type: 'boolean', default: false },
        'no-build': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}
