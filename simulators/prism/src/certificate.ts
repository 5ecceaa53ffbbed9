import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface Certificate {
  readonly key: string;
  readonly certificate: string;
  /** File a client can pin: the certificate vouches for itself. */
  readonly file: string;
}

const TEN_YEARS_MS = 10 * 365 * 86_400_000;

/** The certificate of the data folder, made on first use for localhost, the loopback addresses and `names`. */
export async function loadCertificate(dataDir: string, names: readonly string[]): Promise<Certificate> {
  const folder = join(dataDir, 'tls');
  const keyFile = join(folder, 'key.pem');
  const file = join(folder, 'certificate.pem');
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const made = await generate(
      [
        { name: 'commonName', value: 'localhost' },
        { name: 'organizationName', value: 'Nutanix Inc.' },
      ],
      {
        keySize: 2048,
        algorithm: 'sha256',
        notBeforeDate: new Date(Date.now() - 3_600_000),
        notAfterDate: new Date(Date.now() + TEN_YEARS_MS),
        extensions: [
          { name: 'basicConstraints', cA: true, critical: true },
          { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, keyCertSign: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true },
          {
            name: 'subjectAltName',
            altNames: [
              { type: 2, value: 'localhost' },
              ...names.map((value) => ({ type: 2 as const, value })),
              { type: 7, ip: '127.0.0.1' },
              { type: 7, ip: '::1' },
            ],
          },
        ],
      },
    );
    // The certificate comes last and by renaming, so that it is never there without its key.
    writeFileSync(keyFile, made.private, { mode: 0o600 });
    writeFileSync(`${file}.next`, made.cert);
    renameSync(`${file}.next`, file);
  }
  return { key: readFileSync(keyFile, 'utf8'), certificate: readFileSync(file, 'utf8'), file };
}
