import type { BusUser } from '@polyvirt/bus';
import type { Secrets } from './secrets.ts';
import { busSecretOf, type ServiceDefinition } from './services.ts';

/** Everybody on the bus of a stack. */
export interface BusUsers {
  readonly all: readonly BusUser[];
  /** For the supervisor itself, which looks whether services do their work. */
  readonly admin: BusUser;
  /** Undefined when it is not on the bus. */
  userOf(service: ServiceDefinition): string | undefined;
  /** The `authorization` block of the configuration of nats-server. */
  readonly config: string;
}

/** Gives every service its own user and password. Needs libs/bus to be built. */
export async function makeBusUsers(services: readonly ServiceDefinition[], secrets: Secrets): Promise<BusUsers> {
  const { authorizationFor, renderAuthorization } = await import('@polyvirt/bus');
  const members = services.flatMap((service) => (service.bus === undefined ? [] : [{ service, bus: service.bus }]));
  const all = authorizationFor([
    { service: 'admin', password: await secrets.get('nats-admin') },
    ...(await Promise.all(
      members.map(async ({ service, bus }) => {
        const password = await secrets.get(busSecretOf(service));
        return typeof bus === 'string'
          ? { service: bus, password }
          : { service: 'agent' as const, host: bus.host, password };
      }),
    )),
  ]);
  const [admin, ...rest] = all as [BusUser, ...BusUser[]];
  return {
    all,
    admin,
    config: renderAuthorization(all),
    userOf: (service) => rest[members.findIndex((member) => member.service === service)]?.user,
  };
}
