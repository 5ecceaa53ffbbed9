import { connect } from 'node:tls';

/** What a server showed when it was first spoken to. */
export interface Shown {
  /** SHA-256, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string;
  /** An authority that this machine knows has signed it, for this name. */
  readonly isVerified: boolean;
}

const defaultPort = 9_440;

/** Looks at the certificate of a Prism Central and sends it nothing. Rejects when it does not answer. */
export async function lookAtCertificate(address: string, timeoutMs: number): Promise<Shown> {
  const { hostname, port } = new URL(/^https:\/\//.test(address) ? address : `https://${address}`);
  const host = hostname.replace(/^\[|\]$/g, '');
  const isName = !/^[\d.]+$|:/.test(host);
  return await new Promise<Shown>((resolve, reject) => {
    const socket = connect({
      host,
      port: port === '' ? portIn(address) : Number(port),
      ...(isName && { servername: host }),
      // To look is not to trust.
      rejectUnauthorized: false,
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      const { authorized } = socket;
      socket.destroy();
      if (fingerprint256) resolve({ fingerprint: fingerprint256, isVerified: authorized });
      else reject(new Error('it shows no certificate'));
    });
  });
}

/** `URL` drops the port of the scheme; the default of Prism is another one. */
const portIn = (address: string): number => Number(/:(443)\/?$/.exec(address)?.[1] ?? defaultPort);
