import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { HostId, Hypervisor, JoinedHost, JoinInvitation } from '@polyvirt/contracts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { isoTime } from '../database/columns.ts';

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;
const isHere = (address: string): boolean => loopback.test(new URL(address).hostname);

export interface Invited {
  readonly host: HostId;
  readonly hypervisor: Hypervisor;
  readonly token: string;
  readonly expiresAt: number;
}

/** What a new host is told of where everything is. */
@Injectable()
export class Invitations {
  constructor(@Inject(CONFIG) private readonly config: GatewayConfig) {}

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
    if (caFile === undefined) return undefined;
    return createHash('sha256')
      .update(new X509Certificate(readFileSync(caFile)).raw)
      .digest('hex');
  }

  private get natsUrls(): string[] {
    return (this.config.natsPublicUrl ?? this.config.natsUrl).split(',').map((url) => url.trim());
  }

  private notes(url: string): string[] {
    const ofHere = [
      ...(isHere(url) ? [`the gateway as ${url} (POLYVIRT_PUBLIC_URL gives its address for others)`] : []),
      ...(this.natsUrls.every(isHere)
        ? [`nats-server as ${this.natsUrls.join(', ')} (POLYVIRT_NATS_PUBLIC_URL gives its address for others)`]
        : []),
    ];
    return ofHere.length === 0
      ? []
      : [`Only this machine can join by this: other machines do not reach ${ofHere.join(' and ')}.`];
  }
}
