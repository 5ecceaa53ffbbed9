import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';
import type { DataFolder } from './data-folder.ts';

const dayMs = 24 * 3_600_000;
const authorityDays = 3_650;
/** The longest that browsers of Apple take. */
const serverDays = 825;
/** From then on `init` makes another. */
const renewBeforeDays = 60;

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

const until = (days: number) => ({
  // A clock that is a little behind believes it as well.
  notBeforeDate: new Date(Date.now() - 3_600_000),
  notAfterDate: new Date(Date.now() + days * dayMs),
});
const kind = { algorithm: 'sha256', keyType: 'ec', curve: 'P-256' } as const;

/** Makes an authority for the certificates of one installation. */
export async function newAuthority(): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: 'Polyvirt authority' }], {
    ...kind,
    ...until(authorityDays),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** A certificate for a server of these names and addresses, and those of its own machine. */
export async function newCertificate(authority: Pair, names: readonly string[]): Promise<Pair> {
  const all = [...new Set([...names, 'localhost', '127.0.0.1', '::1'])];
  const made = await generate([{ name: 'commonName', value: names[0]!.slice(0, 64) }], {
    ...kind,
    ...until(serverDays),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: all.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  // Whoever joins knows the authority by its fingerprint, and has to be shown it.
  return { cert: `${made.cert.trimEnd()}\n${authority.cert.trimEnd()}\n`, key: made.private };
}

/** Whether a certificate is for all these names, by this authority and key, and for a while to come. */
export function isGood({ cert, key }: Pair, authority: string, names: readonly string[]): boolean {
  const certificate = new X509Certificate(cert);
  return (
    Date.parse(certificate.validTo) - Date.now() > renewBeforeDays * dayMs &&
    certificate.verify(new X509Certificate(authority).publicKey) &&
    certificate.checkPrivateKey(createPrivateKey(key)) &&
    names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined)
  );
}

/** The authority of a data folder; made when there is none yet. */
export async function authorityIn(folder: DataFolder): Promise<Pair> {
  const [certFile, keyFile] = [folder.tls('ca.pem'), folder.tls('ca-key.pem')];
  if (!existsSync(certFile)) {
    const { cert, key } = await newAuthority();
    // The certificate last: one that is there has its key.
    await folder.put(keyFile, key);
    await folder.put(certFile, cert);
  }
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

/** Sees to it that a server has a certificate for these names; answers whether it has another than before. */
export async function certificateIn(
  folder: DataFolder,
  server: string,
  authority: Pair,
  names: readonly string[],
): Promise<boolean> {
  const [certFile, keyFile] = [folder.tls(`${server}.pem`), folder.tls(`${server}-key.pem`)];
  if (existsSync(certFile) && existsSync(keyFile)) {
    const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    if (isGood(pair, authority.cert, names)) return false;
  }
  const { cert, key } = await newCertificate(authority, names);
  await folder.put(keyFile, key);
  await folder.put(certFile, cert);
  return true;
}
