import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  /** Folder of the certificate and its key. */
  readonly tlsDir: string;
  /** Further host names for the certificate, used when it is made. */
  readonly names: readonly string[];
  readonly username: string;
  readonly password: string;
  /** VMs made on first start. */
  readonly seedVms: number;
  readonly knobFile?: string;
  readonly control?: { port: number } | { socket: string };
}

/** Thrown for a command line that cannot be used; the text is for its author. */
export class OptionError extends Error {}

export const HELP = `prism-simulator: a stateful Nutanix Prism Central for machines without Nutanix

  --port N               port of the HTTPS API, 0 for any free one (default 9440)
  --host ADDRESS         address to listen on (default 127.0.0.1)
  --name HOST            further host name for the certificate, may be repeated; used on first start
  --data-dir DIR         folder of certificate and state, made when missing (required)
  --tls-dir DIR          folder of the certificate, which several simulators may share (default tls in the data folder)
  --username NAME        user who may log in (default admin)
  --password PASSWORD    the user's password (default nutanix/4u)
  --seed-vms N           VMs to make on first start (default 8)
  --knobs FILE           JSON file of knobs and faults, followed while running
  --control-port N       control plane on this loopback port, 0 for any free one
  --control-socket PATH  control plane on this Unix socket
  --list-knobs           print every knob as a Markdown table and end
  --help                 print this and end

On standard output: "ca certificate: FILE", "control on ADDRESS" where asked for, and, when ready, "listening on https://HOST:PORT".
`;

const MAX_SEED = 100_000;

function whole(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new OptionError(`--${name} must be a whole number up to ${max}`);
  return value;
}

/** @throws OptionError */
export function parseOptions(args: readonly string[]): Options | 'help' | 'list-knobs' {
  const { values } = parsed(args);
  if (values.help) return 'help';
  if (values['list-knobs']) return 'list-knobs';
  const dataDir = values['data-dir'];
  if (dataDir === undefined) throw new OptionError('--data-dir is required');
  const port = values['control-port'];
  const socket = values['control-socket'];
  if (port !== undefined && socket !== undefined)
    throw new OptionError('only one of --control-port and --control-socket can be given');
  return {
    port: whole(values.port, 'port', 65_535),
    host: values.host,
    dataDir,
    tlsDir: values['tls-dir'] ?? join(dataDir, 'tls'),
    names: values.name,
    username: values.username,
    password: values.password,
    seedVms: whole(values['seed-vms'], 'seed-vms', MAX_SEED),
    ...(values.knobs === undefined ? {} : { knobFile: values.knobs }),
    ...(port === undefined ? {} : { control: { port: whole(port, 'control-port', 65_535) } }),
    ...(socket === undefined ? {} : { control: { socket } }),
  };
}

const isParseError = (error: unknown): error is Error =>
  typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: '9440' },
        host: { type: 'string', default: '127.0.0.1' },
        name: { type: 'string', multiple: true, default: [] },
        'data-dir': { type: 'string' },
        'tls-dir': { type: 'string' },
        username: { type: 'string', default: 'admin' },
        password: { type: 'string', default: 'nutanix/4u' },
        'seed-vms': { type: 'string', default: '8' },
        knobs: { type: 'string' },
        'control-port': { type: 'string' },
        'control-socket': { type: 'string' },
        'list-knobs': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    if (isParseError(error)) throw new OptionError(error.message);
    throw error;
  }
}
