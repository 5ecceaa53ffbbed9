import { readFile } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { HostId, Hypervisor, JoinedHost, JoinInvitation } from '@polyvirt/contracts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { isoTime } from '../database/columns.ts';
import { isLoopback } from '../http/exposure.ts';
import { fingerprintIn, TLS_FILES, type TlsFiles } from '../http/tls.ts';

const isHere = (address: string): boolean => isLoopback(new URL(address).hostname);

export interface Invited {
  readonly host: HostId;
  readonly hypervisor: Hypervisor;
  readonly token: string;
  readonly expiresAt: number;
}

/** What a new host is told of where everything is. */
@Injectable()
export class Invitations {
  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(TLS_FILES) private readonly tls: TlsFiles | undefined,
  ) {}

  /** `address` is the one at which whoever invites reaches this gateway. */
  write({ host, hypervisor, token, expiresAt }: Invited, address: string): JoinInvitation {
    const url = this.config.publicUrl ?? address;
    const caSha256 = this.caSha256();
    return {
      host,
      hypervisor,
      token,
      expiresAt: isoTime(expiresAt),
      url,
      ...(caSha256 !== undefined && { caSha256 }),
      command: [
        ...['polyvirt-agent', 'join', url, '--token', token],
        ...(caSha256 === undefined ? [] : ['--ca-sha256', caSha256]),
      ].join(' '),
      notes: this.notes(url),
    };
  }

  /** Where the bus is, and by whose certificate it is known. */
  async bus(): Promise<Pick<JoinedHost, 'natsUrls' | 'natsCa'>> {
    const { natsCa } = this.config;
    return { natsUrls: this.natsUrls, ...(natsCa !== undefined && { natsCa: await readFile(natsCa, 'utf8') }) };
  }

  /** Of the authority that hosts are to trust; none where the certificate is one that every machine trusts. */
  private caSha256(): string | undefined {
    const { caFile } = this.config;
    return this.tls || caFile === undefined ? this.tls?.caSha256 : fingerprintIn(caFile);
  }

  private get natsUrls(): string[] {
    return (this.config.natsPublicUrl ?? this.config.natsUrl).split(',').map((url) => url.trim());
  }

  /** With an authority that it has to be of, nats-server is not believed without TLS. */
  private isSecure(address: string): boolean {
    return address.startsWith('tls:') || this.config.natsCa !== undefined;
  }

  private notes(url: string): string[] {
    const ofHere = [
      ...(isHere(url) ? [`the gateway as ${url} (POLYVIRT_PUBLIC_URL gives its address for others)`] : []),
      ...(this.natsUrls.every(isHere)
        ? [`nats-server as ${this.natsUrls.join(', ')} (POLYVIRT_NATS_PUBLIC_URL gives its address for others)`]
        : []),
    ];
    const inTheClear = this.natsUrls.filter((address) => !isHere(address) && !this.isSecure(address));
    return [
      ...(ofHere.length === 0
        ? []
        : [`Only this machine can join by this: other machines do not reach ${ofHere.join(' and ')}.`]),
      ...(inTheClear.length === 0
        ? []
        : [
            `${inTheClear.join(', ')} is no TLS, and polyvirt-agent does not join over it: whoever listens on the way would read and change commands. Give nats-server a certificate, and its address as tls:// (docs/hosts.md).`,
          ]),
    ];
  }
}
