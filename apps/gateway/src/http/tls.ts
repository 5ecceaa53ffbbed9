import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { GatewayConfig } from '../config.ts';

/** Certificates that are about to expire are told of from then on. */
const tellBeforeMs = 30 * 24 * 3_600_000;

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** The certificate of the gateway and its key, in files that somebody may replace while it runs. */
export class TlsFiles {
  #seen = '';
  #pair: KeyPair;
  #certificate: X509Certificate;

  /** @throws Error, in a sentence, if they cannot be read or do not belong together */
  constructor(
    readonly certFile: string,
    readonly keyFile: string,
  ) {
    this.#seen = this.#stamp();
    [this.#pair, this.#certificate] = this.#read();
  }

  /** Undefined where the gateway is to speak plain HTTP. */
  static of({ tlsCert, tlsKey }: GatewayConfig): TlsFiles | undefined {
    if (tlsCert === undefined && tlsKey === undefined) return undefined;
    if (tlsCert === undefined || tlsKey === undefined)
      throw new Error('POLYVIRT_TLS_CERT and POLYVIRT_TLS_KEY belong together: give both, or neither.');
    return new TlsFiles(tlsCert, tlsKey);
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  /** Whether the certificate is for that name. */
  isFor(name: string): boolean {
    return this.#certificate.checkHost(name) !== undefined;
  }

  /** A sentence about a certificate that expires soon or has. */
  get warning(): string | undefined {
    const { validTo } = this.#certificate;
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
    const [pair, certificate] = this.#read();
    server.setSecureContext(pair);
    this.#seen = stamp;
    this.#pair = pair;
    this.#certificate = certificate;
    return true;
  }

  #stamp(): string {
    return [this.certFile, this.keyFile]
      .map((file) => {
        const { mtimeMs, size, ino } = statSync(file);
        return `${mtimeMs} ${size} ${ino}`;
      })
      .join(' ');
  }

  #read(): [KeyPair, X509Certificate] {
    const pair = { cert: readFileSync(this.certFile, 'utf8'), key: readFileSync(this.keyFile, 'utf8') };
    try {
      createSecureContext(pair);
      return [pair, new X509Certificate(pair.cert)];
    } catch (cause) {
      throw new Error(
        `The certificate in ${this.certFile} and the key in ${this.keyFile} cannot be used together: ${(cause as Error).message}.`,
        { cause },
      );
    }
  }
}
