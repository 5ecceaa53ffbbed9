import { Agent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
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

/** How long a connection is kept that nobody uses. */
const IDLE_MS = 30_000;

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

/** Resolves when the connection stands and its certificate is believed. */
async function proven(socket: TLSSocket, trust: TlsTrust): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection closed')));
  });
  const wrong = fault(socket, trust);
  if (wrong) throw wrong;
}

/** The kept connections. A request sends nothing before `trusted` has resolved for its socket. */
export class Connections extends Agent {
  readonly #trust: TlsTrust;
  readonly #proofs = new WeakMap<Duplex, Promise<void>>();

  constructor(trust: TlsTrust, most: number) {
    // A resumed session shows no certificate, so with a fingerprint to compare there are none.
    const sessions = trust.fingerprint === undefined ? {} : { maxCachedSessions: 0 };
    super({ ...options(trust), ...sessions, keepAlive: true, maxSockets: most, timeout: IDLE_MS });
    this.#trust = trust;
  }

  override createConnection(target: RequestOptions): Duplex {
    const socket = super.createConnection(target) as TLSSocket;
    const proof = proven(socket, this.#trust);
    // A request that was given up does not wait for it any more.
    proof.catch(() => undefined);
    this.#proofs.set(socket, proof);
    return socket;
  }

  /** Throws a `PrismCertificateError` when the other side is a stranger. */
  async trusted(socket: Duplex): Promise<void> {
    await this.#proofs.get(socket);
  }
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
    await proven(socket, trust);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
