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
    return {
      host,
      hypervisor,
      token,
      expiresAt: isoTime(expiresAt),
      url,
      command: ['polyvirt-agent', 'join', url, '--token', token].join(' '),
      notes: this.notes(url),
    };
  }

  /** Where the bus is, and by whose certificate it is known. */
  async bus(): Promise<Pick<JoinedHost, 'natsUrls' | 'natsCa'>> {
    const { natsCa } = this.config;
    return { natsUrls: this.natsUrls, ...(natsCa !== undefined && { natsCa: await readFile(natsCa, 'utf8') }) };
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
