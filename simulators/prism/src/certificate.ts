import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generate } from 'selfsigned';

export interface Certificate {
  readonly key: string;
  readonly certificate: string;
  /** File a client can pin: the certificate vouches for itself. */
  readonly file: string;
}

const KEY = 'key.pem';
const CERTIFICATE = 'certificate.pem';
const TEN_YEARS_MS = 10 * 365 * 86_400_000;

/** The certificate in a folder, made on first use for localhost, the loopback addresses and `names`. */
export async function loadCertificate(folder: string, names: readonly string[], now: number): Promise<Certificate> {
  const keyFile = join(folder, KEY);
  const file = join(folder, CERTIFICATE);
  if (!existsSync(file)) {
    const made = await generate(
      [
        { name: 'commonName', value: 'localhost' },
        { name: 'organizationName', value: 'Nutanix Inc.' },
      ],
      {
        keySize: 2048,
        algorithm: 'sha256',
        notBeforeDate: new Date(now - 3_600_000),
        notAfterDate: new Date(now + TEN_YEARS_MS),
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
    keep(folder, made.private, made.cert);
  }
  return { key: readFileSync(keyFile, 'utf8'), certificate: readFileSync(file, 'utf8'), file };
}

/** Key and certificate come together, by renaming their folder; whoever was there first is the one for all. */
function keep(folder: string, key: string, certificate: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const next = mkdtempSync(`${folder}-`);
  writeFileSync(join(next, KEY), key, { mode: 0o600 });
  writeFileSync(join(next, CERTIFICATE), certificate);
  try {
    renameSync(next, folder);
  } catch (error) {
    rmSync(next, { recursive: true });
    if (!existsSync(join(folder, CERTIFICATE))) throw error;
  }
}
