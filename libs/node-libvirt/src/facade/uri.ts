import { commandTransport, findSocket, type TlsOptions, type Transport } from '../connection/transport.ts';

export interface Target {
  /** Name that the daemon is asked to open, without transport and host. */
  uri: string;
  /** Resolved for each connection, since a daemon may be replaced by its modular successor meanwhile. */
  transport: () => Promise<Transport>;
}

export interface TargetOptions {
  socketPath?: string | undefined;
  readOnly?: boolean | undefined;
  tls?: TlsOptions | undefined;
  transport?: Transport | undefined;
}

const SSH_SAFE = /^[\w@.:+/?=&-]*$/;

/**
 * Understands `driver[+transport]://[user@][host][:port]/path[?socket=…]` as libvirt does: without a host the local
 * socket, with a host TLS unless the transport says `tcp` or `ssh`.
 *
 * @throws {TypeError} for a URI that is none of these
 */
export function parseTarget(text: string, options: TargetOptions): Target {
  const match = /^([a-z]+)(?:\+([a-z]+))?:\/\/([^/?]*)(\/[^?]*)?(?:\?(.*))?$/.exec(text);
  if (match === null) throw new TypeError(`not a libvirt URI: ${text}`);
  const [, driver, kind = '', authority = '', path = '/', query = ''] = match;
  const uri = `${driver}://${path}`;
  if (options.transport !== undefined) return fixed(uri, options.transport);
  const parameters = new URLSearchParams(query);
  const socketPath = options.socketPath ?? parameters.get('socket') ?? undefined;
  if (socketPath !== undefined) return fixed(uri, { kind: 'unix', socketPath });
  if (authority === '' && (kind === '' || kind === 'unix')) {
    const readOnly = options.readOnly ?? false;
    return { uri, transport: async () => ({ kind: 'unix', socketPath: await findSocket({ readOnly }) }) };
  }
  const { user, host, port } = parseAuthority(authority, text);
  switch (kind) {
    case 'tcp':
      return fixed(uri, { kind: 'tcp', host, ...port });
    case '':
    case 'tls': {
      const unverified = parameters.get('no_verify') === '1' ? { rejectUnauthorized: false } : {};
      return fixed(uri, { kind: 'tls', host, ...port, tls: { ...unverified, ...options.tls } });
    }
    case 'ssh':
      return fixed(uri, sshTransport(uri, user, host, port.port, options.readOnly ?? false));
    default:
      throw new TypeError(`unknown transport ${kind} in ${text}`);
  }
}

function fixed(uri: string, transport: Transport): Target {
  return { uri, transport: () => Promise.resolve(transport) };
}

function parseAuthority(authority: string, text: string): { user?: string; host: string; port: { port?: number } } {
  const match = /^(?:([^@]+)@)?(\[[^\]]+\]|[^:@]+)(?::(\d+))?$/.exec(authority);
  if (match === null) throw new TypeError(`no host in ${text}`);
  const [, user, host = '', port] = match;
  return {
    ...(user === undefined ? {} : { user }),
    host: host.replace(/^\[|\]$/g, ''),
    port: port === undefined ? {} : { port: Number(port) },
  };
}

/** libvirt's own helper on the far side (6.8 and newer) joins ssh's streams to the daemon's socket. */
function sshTransport(
  uri: string,
  user: string | undefined,
  host: string,
  port: number | undefined,
  readOnly: boolean,
): Transport {
  // The far shell sees the URI, and ssh would take a host that starts with a dash for an option.
  if (!SSH_SAFE.test(uri) || !SSH_SAFE.test(host) || host.startsWith('-')) throw new TypeError(`unsafe SSH URI ${uri}`);
  const destination = user === undefined ? host : `${user}@${host}`;
  const helper = `sh -c 'virt-ssh-helper ${readOnly ? '-r ' : ''}"${uri}"'`;
  const portArgs = port === undefined ? [] : ['-p', String(port)];
  return commandTransport('ssh', ['-T', '-e', 'none', ...portArgs, '--', destination, helper]);
}
