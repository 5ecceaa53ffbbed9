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

/** Are these the username and password of somebody? Leaves no session behind. */
export async function mayLogIn(url: string, username: string, password: string): Promise<boolean> {
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
  const response = await post('/auth/login', { username, password });
  if (response.status === 401) return false;
  if (!response.ok) throw new Error(`log-in as ${username} answers ${response.status}: ${await response.text()}`);
  const { accessToken, refreshToken } = (await response.json()) as { accessToken: string; refreshToken: string };
  const bye = await post('/auth/logout', { refreshToken }, { authorization: `Bearer ${accessToken}` });
  await bye.body?.cancel();
  return true;
}
