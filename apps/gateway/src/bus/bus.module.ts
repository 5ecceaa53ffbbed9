import { Global, Injectable, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Bus, connectBus, ensureTopology, Pulse } from '@polyvirt/bus';
import { keys, ProblemError } from '@polyvirt/contracts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { HouseClock } from '../house-clock.ts';
import { Readiness } from '../health/readiness.ts';
import { TIMES, type GatewayTimes } from '../times.ts';
import { BUS_REALM, BusAccounts } from './bus-accounts.ts';

const log = new Logger('Bus');

/** Connects, waiting for nats-server if need be, and makes what is missing on it. */
async function openBus(
  { natsUrl, natsCredentials, natsCa, natsReplicas: replicas }: GatewayConfig,
  { queryWithinMs }: GatewayTimes,
): Promise<Bus> {
  const bus = await connectBus({
    name: 'gateway',
    url: natsUrl,
    credentials: natsCredentials,
    queryWithinMs,
    ...(natsCa !== undefined && { tls: { caFile: natsCa } }),
  });
  await ensureTopology(bus, { replicas });
  // A server that comes back may come back empty.
  bus.onReconnect(() => {
    ensureTopology(bus, { replicas }).catch((error: unknown) =>
      log.warn(`What belongs on the bus could not be made: ${String(error)}`),
    );
  });
  return bus;
}

@Injectable()
class BusLife implements OnApplicationShutdown {
  constructor(
    private readonly bus: Bus,
    private readonly accounts: BusAccounts,
    private readonly pulse: Pulse,
    readiness: Readiness,
    clock: HouseClock,
  ) {
    clock.follow(() => pulse.brokerAheadMs ?? 0);
    readiness.add('bus', () => {
      if (pulse.fault !== undefined) throw new ProblemError('unavailable', pulse.fault);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pulse.stop();
    await this.accounts.close();
    await this.bus.close();
  }
}

@Global()
@Module({
  providers: [
    { provide: Bus, inject: [CONFIG, TIMES], useFactory: openBus },
    {
      provide: Pulse,
      inject: [Bus, CONFIG, TIMES],
      useFactory: (bus: Bus, { lifeFile }: GatewayConfig, { pulse }: GatewayTimes) =>
        new Pulse(bus, keys.pulse('gateway'), { everyStream: true, lifeFile, ...pulse }),
    },
    {
      provide: BusAccounts,
      inject: [CONFIG, BUS_REALM],
      useFactory: (config: GatewayConfig, realm: string) => BusAccounts.open(config, realm),
    },
    BusLife,
  ],
  exports: [Bus, BusAccounts, Pulse],
})
export class BusModule {}
