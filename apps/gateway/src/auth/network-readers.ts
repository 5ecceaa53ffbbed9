import type { IncomingHttpHeaders } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import type { NetworkList } from '@polyvirt/config';
import { CONFIG, type GatewayConfig } from '../config.ts';

interface Origin {
  readonly address: string;
  readonly headers: IncomingHttpHeaders;
}

/** Machines that may read the routes of KVM Supervisor without a token, as its clients did. */
@Injectable()
export class NetworkReaders {
  private readonly networks: NetworkList | undefined;
  private readonly behindProxy: boolean;

  constructor(@Inject(CONFIG) { compatReadNetworks, trustProxy }: GatewayConfig) {
    this.networks = compatReadNetworks;
    this.behindProxy = trustProxy !== undefined;
  }

  /** `address` is that of the caller where a proxy of ours tells it; of a proxy that we do not know everybody would come. */
  includes({ address, headers }: Origin): boolean {
    if (this.networks === undefined || headers.authorization !== undefined) return false;
    // Nobody here reads the other header that proxies have.
    if (headers.forwarded !== undefined || (headers['x-forwarded-for'] !== undefined && !this.behindProxy))
      return false;
    return this.networks.has(address);
  }
}
