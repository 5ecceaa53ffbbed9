import { createHash } from 'node:crypto';
import { request } from 'node:https';
import { request as plainRequest } from 'node:http';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type SecureContextOptions } from 'node:tls';
import { Fault } from './fault.ts';

const answerWithinMs = 30_000;

/** By which a gateway is trusted: nothing for one whose authority the machine knows. */
export type Trust = Pick<SecureContextOptions, 'allowPartialTrustChain'> & { readonly ca?: string };

const fingerprintOf = (raw: Buffer): string => createHash('sha256').update(raw).digest('hex');
const pemOf = (raw: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${raw.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

/**
 * The certificate with that SHA-256, among those that the gateway shows. Nothing is sent to it before. Whoever shows another
 * certificate is not trusted: somebody may be in between.
 */
export async function trustBy(sha256: string, { hostname, port }: URL): Promise<Trust> {
  const wanted = sha256.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(wanted))
    throw new Fault('--ca-sha256 takes 64 hexadecimal digits. Copy the whole line.', 2);
  const host = hostname.replace(/^\[|\]$/g, '');
  const certificate = await new Promise<DetailedPeerCertificate>((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      // Only to read what it shows; the request itself goes over a connection that is verified.
      rejectUnauthorized: false,
    });
    socket.setTimeout(answerWithinMs, () => socket.destroy(new Error('it does not answer')));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate(true));
      socket.destroy();
    });
  }).catch((cause: unknown) => {
    throw new Fault(`There is no TLS at ${host}, port ${port || 443}: ${(cause as Error).message}.`, 8, { cause });
  });
  const seen = new Set<string>();
  for (let at: DetailedPeerCertificate | undefined = certificate; at?.raw; at = at.issuerCertificate) {
    const fingerprint = fingerprintOf(at.raw);
    if (fingerprint === wanted) return { ca: pemOf(at.raw), allowPartialTrustChain: true };
    if (seen.has(fingerprint)) break;
    seen.add(fingerprint);
  }
  throw new Fault(
    `What answers at ${host} does not show the certificate that the line names, so nothing was sent to it. Either somebody is in between, or the certificate was changed since: ask for another line.`,
    4,
  );
}

export interface Posted {
  readonly status: number;
  readonly body: unknown;
}

/** Throws a `Fault` when nobody answers, or not by a certificate that is trusted. */
export async function post(url: URL, body: unknown, trust: Trust = {}): Promise<Posted> {
  const text = JSON.stringify(body);
  return new Promise<Posted>((resolve, reject) => {
    const send = url.protocol === 'https:' ? request : plainRequest;
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const outgoing = send(
      url,
      { method: 'POST', headers, timeout: answerWithinMs, agent: false, ...trust },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          try {
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString() || 'null') });
          } catch (error) {
            reject(error as Error);
          }
        });
      },
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error('it does not answer')));
    outgoing.once('error', reject);
    outgoing.end(text);
  }).catch((cause: unknown) => {
    throw new Fault(
      `The gateway at ${url.origin} cannot be reached: ${(cause as Error).message}. Run the same line again.`,
      8,
      {
        cause,
      },
    );
  });
}
