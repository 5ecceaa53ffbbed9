import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus, serveMembership, type Listener } from '@polyvirt/bus';
import { ProblemError, type BusAdmission, type HostId } from '@polyvirt/contracts';
import { BusAccounts } from '../bus/bus-accounts.ts';
import { isoTime } from '../database/columns.ts';
import { HostRegister } from '../hosts/host-register.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { HostRemovals } from './host-removals.ts';

/**
 * Answers the agents of hosts that have joined: lets their key in for longer, or removes the host. The key is the one that the host
 * has joined with, whatever the request says, so that who reads the bus gets nothing by asking.
 */
@Injectable()
export class HostMembership implements OnApplicationBootstrap, OnModuleDestroy {
  private listeners: Listener[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly accounts: BusAccounts,
    private readonly register: HostRegister,
    private readonly removals: HostRemovals,
    @Inject(TIMES) private readonly times: GatewayTimes,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.accounts.isAvailable) return;
    this.listeners = [
      serveMembership(this.bus, 'renew', (host) => this.renew(host)),
      serveMembership(this.bus, 'leave', async (host, { force }) => {
        await this.removals.accept(host, force, {
          actor: `host ${host}`,
          address: 'the bus',
          requestId: randomUUID(),
        });
        return {};
      }),
    ];
  }

  onModuleDestroy(): void {
    for (const listener of this.listeners) listener.close();
  }

  private async renew(host: HostId): Promise<BusAdmission> {
    // Another gateway may have let it in a moment ago.
    if (!this.register.get(host)?.joined) await this.register.refresh();
    const { joined } = this.register.get(host) ?? {};
    if (!joined?.publicKey)
      throw new ProblemError('wrong-state', `${host} has its credential from whoever starts it, and not by joining.`);
    const expiresAt = Date.now() + this.times.admissionMs;
    const { authority } = this.accounts.keeper;
    const { token: userJwt, messageKey } = await authority.admit({
      host,
      join: joined.id,
      publicKey: joined.publicKey,
      expiresAt,
    });
    return { userJwt, messageKey, expiresAt: isoTime(expiresAt) };
  }
}
