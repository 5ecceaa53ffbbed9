import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate and its key, in PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

const dayMs = 24 * 3_600_000;
const authorityLastsMs = 20 * 365 * dayMs;
/** Some clients believe none that is good for longer. */
const serverLastsMs = 825 * dayMs;
/** From then on a start makes another one. */
const renewBeforeMs = 60 * dayMs;

const usual = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
/** Clocks differ. */
const from = (now: number) => new Date(now - 3_600_000);

/** An authority of this installation's own. */
export async function newAuthority(now: number): Promise<Issued> {
  const made = await generate([{ name: 'commonName', value: 'Polyvirt authority' }], {
    ...usual,
    notBeforeDate: from(now),
    notAfterDate: new Date(now + authorityLastsMs),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

/** A certificate of that authority for a server that is called by these names and numbers. */
export async function newServer(authority: Issued, names: readonly string[], now: number): Promise<Issued> {
  const made = await generate([{ name: 'commonName', value: 'Polyvirt' }], {
    ...usual,
    ca: { cert: authority.certificate, key: authority.key },
    notBeforeDate: from(now),
    notAfterDate: new Date(now + serverLastsMs),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name })),
      },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

/** Whether a certificate of a server is of that authority, for all these names, and not about to expire. */
export function isGood(pem: string, authority: string, names: readonly string[], now: number): boolean {
  try {
    const certificate = new X509Certificate(pem);
    return (
      certificate.checkIssued(new X509Certificate(authority)) &&
      Date.parse(certificate.validTo) > now + renewBeforeMs &&
      names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined)
    );
  } catch {
    return false;
  }
}

export const fingerprintOf = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
