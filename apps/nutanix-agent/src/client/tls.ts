import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { PrismCertificateError } from './prism-error.ts';

/** What certificate of Prism is believed. Without any of these the authorities that Node knows decide. */
export interface TlsTrust {
  /** PEM of the authority, or of the self-signed certificate itself. */
  readonly ca?: string | undefined;
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it. Names and dates are then not looked at. */
  readonly fingerprint?: string | undefined;
  /** Any certificate will do: whoever answers gets the password. */
  readonly insecure?: boolean | undefined;
}

const bare = (fingerprint: string): string => fingerprint.replaceAll(/[^0-9A-Fa-f]/g, '').toUpperCase();

function options({ ca, fingerprint, insecure }: TlsTrust): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(fingerprint !== undefined || insecure === true ? { rejectUnauthorized: false } : {}),
  };
}

/** What is wrong with the certificate of a connection that stands; nothing before that is sent. */
function fault(socket: TLSSocket, { fingerprint }: TlsTrust): PrismCertificateError | undefined {
  if (fingerprint === undefined) return undefined;
  const shown = socket.getPeerCertificate().fingerprint256;
  if (shown !== undefined && bare(shown) === bare(fingerprint)) return undefined;
  return new PrismCertificateError(`The certificate has the SHA-256 fingerprint ${shown ?? 'of nothing'}.`);
}

/** Connections of the pool. */
export function connector(trust: TlsTrust, timeoutMs: number): buildConnector.connector {
  // A resumed session shows no certificate, so with a fingerprint to compare there are none.
  const sessions = trust.fingerprint === undefined ? {} : { maxCachedSessions: 0 };
  const plain = buildConnector({ ...options(trust), ...sessions, timeout: timeoutMs, keepAlive: true });
  return (target, callback) =>
    plain(target, (error, socket) => {
      const wrong = error ?? fault(socket as TLSSocket, trust);
      if (!wrong) return callback(null, socket!);
      socket?.destroy();
      callback(wrong, null);
    });
}

/** One connection for a protocol of its own, believed already. */
export async function connectTrusted(url: URL, trust: TlsTrust, signal: AbortSignal): Promise<TLSSocket> {
  signal.throwIfAborted();
  const { hostname } = url;
  const socket = connect({
    host: hostname,
    port: Number(url.port || 443),
    ...(/^[\d.]+$|:/.test(hostname) ? {} : { servername: hostname }),
    ...options(trust),
  });
  const giveUp = () => socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection closed')));
    });
    const wrong = fault(socket, trust);
    if (wrong) throw wrong;
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** SHA-256 fingerprint of the certificate that is shown there, to be looked at by a person; nothing is sent. */
export async function shownFingerprint(url: URL, signal: AbortSignal): Promise<string | undefined> {
  const socket = await connectTrusted(url, { insecure: true }, signal);
  try {
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}
