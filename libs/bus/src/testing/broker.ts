import { connectBus, type Bus, type BusTls } from '../connection.ts';

export interface ConnectOptions {
  readonly tls?: BusTls;
  readonly signal?: AbortSignal;
}

/** What a test reaches a bus by: a server of its own, or an account on one that other tests use as well. */
export interface Broker extends AsyncDisposable {
  readonly url: string;
  /** The user name of a service, such as `gateway` or `agent-kvm-a`. Throws when it was not asked for. */
  userOf(service: string): string;
  /** Connects as a service; without a name, as somebody who may do everything. */
  connect(service?: string, options?: ConnectOptions): Promise<Bus>;
}

/** A user of a server, and the service it is for. */
export interface Login {
  readonly service: string;
  readonly user: string;
  readonly password: string;
}

export function loginOf(logins: readonly Login[], service: string): Login {
  const login = logins.find((one) => one.service === service);
  if (!login) throw new RangeError(`no service ${service} was asked for`);
  return login;
}

/** Long enough for a machine that does much beside. */
const queryWithinMs = 30_000;

export const connectAs = (url: string, login: Login | undefined, options: ConnectOptions = {}): Promise<Bus> =>
  connectBus({
    ...{ url, user: login?.user, password: login?.password, name: login?.user ?? 'test', queryWithinMs },
    ...options,
  });
