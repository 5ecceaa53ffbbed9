import type { Authority, IssuedAccount } from '../authority/authority.ts';
import { userNameOf, type BusService } from '../authorization.ts';
import { connectBus, type Bus, type BusTls } from '../connection.ts';

export interface ConnectOptions {
  readonly tls?: BusTls;
  readonly signal?: AbortSignal;
}

/** What a test reaches a bus by: a server of its own, or accounts on one that other tests use as well. */
export interface Broker extends AsyncDisposable {
  readonly url: string;
  /** With which its accounts are signed, and the name that tells them from those of other tests. */
  readonly signingSeed: string;
  readonly realm: string;
  /** Of a service, such as `gateway` or `agent-kvm-a`. Throws when it was not asked for. */
  credentialsOf(service: string): string;
  /** Connects as a service; without a name, as somebody who may do everything. */
  connect(service?: string, options?: ConnectOptions): Promise<Bus>;
}

/** Credentials by the name of the service. */
export type Credentials = ReadonlyMap<string, string>;

export const issueCredentials = async (authority: Authority, services: readonly BusService[]): Promise<Credentials> =>
  new Map(
    await Promise.all(
      services.map(async (service) => [userNameOf(service), await authority.credentials(service)] as const),
    ),
  );

/** The accounts of these services; CORE, from which the others import, comes first. */
export const issueAccounts = (authority: Authority, services: readonly BusService[]): Promise<IssuedAccount[]> =>
  Promise.all([
    authority.core(),
    ...services.flatMap((service) => {
      if (service.service === 'agent') return [authority.host(service.host)];
      return service.service === 'subscriber' ? [authority.subscriber(service)] : [];
    }),
  ]);

export function credentialsIn(credentials: Credentials, service: string): string {
  const found = credentials.get(service);
  if (found === undefined) throw new RangeError(`no service ${service} was asked for`);
  return found;
}

/** Long enough for a machine that does much beside. */
const queryWithinMs = 30_000;

export const connectAs = (
  url: string,
  name: string,
  credentials: string | undefined,
  options: ConnectOptions = {},
): Promise<Bus> => connectBus({ url, credentials, name, queryWithinMs, ...options });
