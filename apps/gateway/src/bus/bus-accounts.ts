import { AccountKeeper, Authority } from '@polyvirt/bus';
import { ProblemError } from '@polyvirt/contracts';
import type { GatewayConfig } from '../config.ts';

/** Injection token of the name of the installation among several on one nats-server: empty, but in tests. */
export const BUS_REALM = Symbol('BUS_REALM');

/** The right to make accounts on the bus, if the gateway was given it. */
export class BusAccounts {
  private constructor(private readonly found: AccountKeeper | undefined) {}

  /** `realm` is that of tests which share a nats-server. */
  static async open({ natsUrl, natsCa, natsSigningKey }: GatewayConfig, realm: string): Promise<BusAccounts> {
    if (natsSigningKey === undefined) return new BusAccounts(undefined);
    const options = { url: natsUrl, name: 'gateway', ...(natsCa !== undefined && { tls: { caFile: natsCa } }) };
    return new BusAccounts(await AccountKeeper.connect(new Authority(natsSigningKey, realm), options));
  }

  get isAvailable(): boolean {
    return this.found !== undefined;
  }

  /** Throws `unavailable` without a signing key. */
  get keeper(): AccountKeeper {
    if (this.found) return this.found;
    throw new ProblemError(
      'unavailable',
      'This gateway cannot make accounts on the message bus: it was started without POLYVIRT_NATS_SIGNING_KEY.',
    );
  }

  async close(): Promise<void> {
    await this.found?.close();
  }
}
