import type { BusService } from '@polyvirt/bus';
import type { Layout } from './layout.ts';
import type { Secrets } from './secrets.ts';
import { busSecretOf, type ServiceDefinition } from './services.ts';

/** For the safe: it says which key may sign accounts, and is needed only to say that of another one. */
const identityKey = 'nats-operator-key';
/** The gateway signs accounts with it. */
export const signingKey = 'nats-signing-key';

/** The accounts of a stack, and who is in them. */
export interface StackBus {
  /** For the supervisor itself, which looks whether services do their work. */
  readonly adminCredentials: string;
  /** What makes nats-server one of accounts, in its configuration. */
  readonly config: string;
  /** Id of the account where JetStream keeps everything. */
  readonly coreAccount: string;
}

/** Makes keys where there are none, and writes the credential of each service into a file of its own. Needs libs/bus to be built. */
export async function prepareBus(
  services: readonly ServiceDefinition[],
  secrets: Secrets,
  layout: Layout,
): Promise<StackBus> {
  const { Authority, renderAccounts } = await import('@polyvirt/bus');
  const newSeed = () => Authority.newSeed();
  const authority = new Authority(await secrets.get(signingKey, newSeed));
  const operator = await authority.operator(await secrets.get(identityKey, newSeed));
  const hosts: string[] = [];
  for (const service of services) {
    if (service.bus === undefined) continue;
    if (typeof service.bus === 'object') hosts.push(service.bus.host);
    const member: BusService =
      typeof service.bus === 'object' ? { service: 'agent', host: service.bus.host } : { service: service.bus };
    await secrets.put(busSecretOf(service), await authority.credentials(member));
  }
  const adminCredentials = await authority.credentials({ service: 'admin' });
  await secrets.put('nats-admin.creds', adminCredentials);
  return {
    adminCredentials,
    config: renderAccounts({
      operator,
      system: await authority.system(),
      others: await Promise.all([authority.core(), ...hosts.map((host) => authority.host(host))]),
      folder: layout.nats,
    }),
    coreAccount: authority.coreAccount,
  };
}
