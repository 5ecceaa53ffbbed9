import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { GatewayConfig } from '../config.ts';

/** Certificates that are about to expire are told of from then on. */
const tellBeforeMs = 30 * 24 * 3_600_000;

/** Injection token of the files, if the gateway speaks TLS itself. */
export const TLS_FILES = Symbol('TLS_FILES');

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.2';
}

interface Read {
  readonly pair: KeyPair;
  readonly certificate: X509Certificate;
  /** SHA-256 of the authority, if it is one of the house. */
  readonly caSha256: string | undefined;
}

const pemBlocks = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** @throws Error, in a sentence, if there is no such file or it may not be read */
function onFile<Result>(file: string, read: (file: string) => Result): Result {
  try {
    return read(file);
  } catch (cause) {
    throw new Error(`${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

const textOf = (file: string): string => onFile(file, (path) => readFileSync(path, 'utf8'));

const sha256Of = ({ raw }: X509Certificate): string => createHash('sha256').update(raw).digest('hex');

/**
 * SHA-256 of the first certificate in a file.
 * @throws Error, in a sentence, if there is none
 */
export function fingerprintIn(file: string): string {
  const text = textOf(file);
  try {
    return sha256Of(new X509Certificate(text));
  } catch (cause) {
    throw new Error(`There is no certificate in PEM in ${file}: ${(cause as Error).message}.`, { cause });
  }
}

/** The certificate of the gateway and its key, in files that somebody may replace while it runs. */
export class TlsFiles {
  #seen: string;
  #read: Read;

  /**
   * `caFile` holds the authority, where it is one that machines do not know by themselves.
   * @throws Error, in a sentence, if the files cannot be read or do not belong together
   */
  constructor(
    readonly certFile: string,
    readonly keyFile: string,
    readonly caFile?: string,
  ) {
    this.#seen = this.#stamp();
    this.#read = this.#load();
  }

  /**
   * Undefined where the gateway is to speak plain HTTP.
   * @throws Error, in a sentence, if what the settings name cannot be used
   */
  static of({ tlsCert, tlsKey, caFile }: GatewayConfig): TlsFiles | undefined {
    if ((tlsCert === undefined) !== (tlsKey === undefined))
      throw new Error('POLYVIRT_TLS_CERT and POLYVIRT_TLS_KEY belong together: give both, or neither.');
    if (tlsCert !== undefined && tlsKey !== undefined) return new TlsFiles(tlsCert, tlsKey, caFile);
    // A proxy has the certificate, and whether the file can be read shows now and not when a host is added.
    if (caFile !== undefined) fingerprintIn(caFile);
    return undefined;
  }

  get pair(): KeyPair {
    return this.#read.pair;
  }

  /** By which hosts that join know the gateway; undefined where every machine knows the authority. */
  get caSha256(): string | undefined {
    return this.#read.caSha256;
  }

  /** Whether the certificate is for that name. */
  isFor(name: string): boolean {
    return this.#read.certificate.checkHost(name) !== undefined;
  }

  /** A sentence about a certificate that expires soon or has. */
  get warning(): string | undefined {
    const { validTo } = this.#read.certificate;
    const leftMs = Date.parse(validTo) - Date.now();
    if (leftMs > tellBeforeMs) return undefined;
    const days = Math.floor(leftMs / (24 * 3_600_000));
    return `The certificate in ${this.certFile} ${leftMs < 0 ? 'has expired' : `expires in ${days} days`}: ${validTo}.`;
  }

  /**
   * Has the server show what the files hold now, if they have changed; answers whether it does. Connections that are open stay.
   * @throws Error while the files cannot be read or do not belong together, as between the writing of one and of the other; the
   * server goes on with what it had
   */
  renew(server: Server): boolean {
    const stamp = this.#stamp();
    if (stamp === this.#seen) return false;
    const read = this.#load();
    server.setSecureContext(read.pair);
    this.#seen = stamp;
    this.#read = read;
    return true;
  }

  #stamp(): string {
    return [this.certFile, this.keyFile, ...(this.caFile === undefined ? [] : [this.caFile])]
      .map((file) => {
        const { mtimeMs, size, ino } = onFile(file, (path) => statSync(path));
        return `${mtimeMs} ${size} ${ino}`;
      })
      .join(' ');
  }

  #load(): Read {
    const pair = { cert: textOf(this.certFile), key: textOf(this.keyFile), minVersion: 'TLSv1.2' } as const;
    const caSha256 = this.caFile === undefined ? undefined : fingerprintIn(this.caFile);
    const certificates = this.#certificatesOf(pair);
    // A host that joins is shown no more than what is in that file, and finds the authority there or nowhere.
    if (caSha256 !== undefined && !certificates.some((certificate) => sha256Of(certificate) === caSha256))
      throw new Error(
        `The authority in ${this.caFile} is not among the certificates in ${this.certFile}. Append it there: hosts that join know the gateway by it.`,
      );
    return { pair, certificate: certificates[0]!, caSha256 };
  }

  #certificatesOf(pair: KeyPair): X509Certificate[] {
    try {
      createSecureContext(pair);
      return [...pair.cert.matchAll(pemBlocks)].map(([pem]) => new X509Certificate(pem));
    } catch (cause) {
      throw new Error(
        `The certificate in ${this.certFile} and the key in ${this.keyFile} cannot be used together: ${(cause as Error).message}.`,
        { cause },
      );
    }
  }
}
