import type { EventReader, HostId } from '@polyvirt/contracts';
import { connectBus, type Bus, type BusOptions } from '../connection.ts';
import { served } from '../served.ts';
import type { HostAccountOptions } from './accounts.ts';
import type { Authority, IssuedAccount } from './authority.ts';

/** What the server says to a change of accounts. */
interface Claimed {
  readonly data?: { readonly code: number; readonly message?: string };
  readonly error?: { readonly description?: string };
}

interface Statistics {
  readonly data?: {
    readonly account_statz?: readonly { readonly acc: string; readonly received: { msgs: number; bytes: number } }[];
  };
}

const requestWithinMs = 5_000;

/**
 * Makes and removes accounts of a running nats-server. Each is one message, and the same one as often as it is repeated: a
 * process that is killed before the answer has come has either made the account or not, and its successor makes it again.
 */
export class AccountKeeper {
  readonly authority: Authority;
  readonly #bus: Bus;

  private constructor(bus: Bus, authority: Authority) {
    this.#bus = bus;
    this.authority = authority;
  }

  static async connect(authority: Authority, options: Omit<BusOptions, 'credentials'>): Promise<AccountKeeper> {
    return new AccountKeeper(
      await connectBus({ ...options, credentials: await authority.systemCredentials() }),
      authority,
    );
  }

  /** Waits while the server is away. */
  async issueHost(host: HostId, options?: HostAccountOptions & { readonly signal?: AbortSignal }): Promise<void> {
    await this.push(await this.authority.host(host, options), options?.signal);
  }

  async issueSubscriber(subscriber: EventReader, signal?: AbortSignal): Promise<void> {
    await this.push(await this.authority.subscriber(subscriber), signal);
  }

  /** Whoever is connected loses the connection, and no credential of the account is good any more. */
  async remove(accounts: readonly string[], signal?: AbortSignal): Promise<void> {
    const request = await this.authority.deletion(accounts);
    await this.#request('$SYS.REQ.CLAIMS.DELETE', request, signal);
  }

  async push({ token }: IssuedAccount, signal?: AbortSignal): Promise<void> {
    await this.#request('$SYS.REQ.CLAIMS.UPDATE', token, signal);
  }

  /** Names of the clients of an account, on the server that answers first. */
  async connectionsOf(account: string): Promise<string[]> {
    const answer = await this.#bus.connection.request('$SYS.REQ.SERVER.PING.CONNZ', JSON.stringify({ acc: account }));
    const { data } = answer.json<{ data?: { connections?: { name?: string }[] } }>();
    return (data?.connections ?? []).map(({ name }) => name ?? '');
  }

  /** What the clients of accounts have sent to all servers since these were started; those with clients only. */
  async sentBy(accounts: readonly string[]): Promise<Map<string, { messages: number; bytes: number }>> {
    const sent = new Map<string, { messages: number; bytes: number }>();
    if (accounts.length === 0) return sent;
    const answers = await this.#bus.connection.requestMany(
      '$SYS.REQ.ACCOUNT.PING.STATZ',
      JSON.stringify({ accounts }),
      {
        strategy: 'stall',
        maxWait: requestWithinMs,
      },
    );
    for await (const answer of answers) {
      const { data } = answer.json<Statistics>();
      for (const { acc, received } of data?.account_statz ?? []) {
        const before = sent.get(acc) ?? { messages: 0, bytes: 0 };
        sent.set(acc, { messages: before.messages + received.msgs, bytes: before.bytes + received.bytes });
      }
    }
    return sent;
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  async #request(subject: string, payload: string, signal: AbortSignal | undefined): Promise<void> {
    const request = () => this.#bus.connection.request(subject, payload, { timeout: requestWithinMs });
    const answer = await served(this.#bus, request, { signal, what: 'changing the accounts of nats-server' });
    const { data, error } = answer.json<Claimed>();
    if (data?.code !== 200)
      throw new Error(`nats-server has not changed an account: ${error?.description ?? answer.string()}`);
  }
}
