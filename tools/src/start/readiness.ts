import type { Bus } from '@polyvirt/bus';
import type * as Contracts from '@polyvirt/contracts';

/** Looks from outside whether services do their work. */
export class Watcher {
  readonly #bus: Bus;
  readonly #contracts: typeof Contracts;
  readonly #heartbeats = new Map<string, Contracts.Heartbeat>();

  private constructor(bus: Bus, contracts: typeof Contracts) {
    this.#bus = bus;
    this.#contracts = contracts;
  }

  /** Needs libs/bus and libs/contracts to be built. */
  static async connect(url: string, credentials: string): Promise<Watcher> {
    const [{ connectBus, listen }, contracts] = await Promise.all([
      import('@polyvirt/bus'),
      import('@polyvirt/contracts'),
    ]);
    const bus = await connectBus({ url, credentials, name: 'supervisor' });
    const watcher = new Watcher(bus, contracts);
    listen(bus, contracts.subjects.heartbeat('*'), contracts.Heartbeat, (heartbeat) => {
      watcher.#heartbeats.set(heartbeat.host, heartbeat);
    });
    return watcher;
  }

  /** The agent of a host works: it has sent a heartbeat since this watcher listens. */
  async agentIsReady(host: string): Promise<boolean> {
    return this.#heartbeats.get(host)?.state === 'ready';
  }

  /** What the agent says of its hypervisor. */
  healthOf(host: string): Contracts.Heartbeat['health'] | undefined {
    return this.#heartbeats.get(host)?.health;
  }

  /** The organizer works: it waits for events, or has some in hand. */
  async organizerIsReady(): Promise<boolean> {
    const { streams, consumers } = this.#contracts;
    const info = await this.#bus.manager.consumers.info(streams.events.name, consumers.organizer);
    return info.num_waiting > 0 || info.num_ack_pending > 0;
  }

  async close(): Promise<void> {
    await this.#bus.close();
  }
}

/** The gateway takes requests. */
export async function gatewayIsReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  return response.ok;
}

/** An API token of `npm start`, in `run.json` while it runs. */
export interface StartToken {
  readonly id: string;
  readonly secret: string;
}

const tokenName = 'npm start';
/** The most that a token may last; it is revoked when the stack stops. */
const tokenLastsMs = 364 * 86_400_000;

/**
 * A token of the user, in place of the one that a start before may have left; undefined if these are not the username
 * and password of anybody. Leaves no session behind.
 */
export async function makeToken(url: string, username: string, password: string): Promise<StartToken | undefined> {
  const login = await request(url, 'POST', '/auth/login', undefined, { username, password });
  if (login.status === 401) return undefined;
  if (!login.ok) throw new Error(`log-in as ${username} answers ${login.status}: ${await login.text()}`);
  const { accessToken, refreshToken } = (await login.json()) as { accessToken: string; refreshToken: string };
  const ask = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await request(url, method, path, accessToken, body);
    if (!response.ok) throw new Error(`${method} ${path} answers ${response.status}: ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as Answer;
  };
  try {
    type Tokens = { items: { id: string; name: string; owner: string }[]; nextCursor?: string };
    let cursor: string | undefined;
    do {
      const more = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { items, nextCursor } = await ask<Tokens>('GET', `/tokens?limit=500${more}`);
      for (const { id, name, owner } of items)
        if (name === tokenName && owner === username) await ask('DELETE', `/tokens/${id}`);
      cursor = nextCursor;
    } while (cursor !== undefined);
    const { permissions } = await ask<{ permissions: string[] }>('GET', '/auth/me');
    const expiresAt = new Date(Date.now() + tokenLastsMs).toISOString();
    return await ask<StartToken>('POST', '/tokens', { name: tokenName, scopes: permissions, expiresAt });
  } finally {
    const bye = await request(url, 'POST', '/auth/logout', accessToken, { refreshToken });
    await bye.body?.cancel();
  }
}

/** A gateway that is gone already revokes nothing: the next start does. */
export async function revokeToken(url: string, { id, secret }: StartToken): Promise<void> {
  const response = await request(url, 'DELETE', `/tokens/${id}`, secret).catch(() => undefined);
  await response?.body?.cancel();
}

const request = (url: string, method: string, path: string, bearer?: string, body?: unknown) =>
  fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
