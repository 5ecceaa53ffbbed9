import type * as BusLibrary from '@polyvirt/bus';
import type * as Contracts from '@polyvirt/contracts';
import { get } from 'node:https';

/** Looks from outside whether services live and do their work. */
export class Watcher {
  readonly #bus: BusLibrary.Bus;
  readonly #contracts: typeof Contracts;
  readonly #library: typeof BusLibrary;
  readonly #heartbeats = new Map<string, Contracts.Heartbeat & { heardAtMs: number }>();
  /** The last pulse of a service, and when it was seen to be a new one. */
  readonly #pulses = new Map<string, { revision: number; newAtMs: number }>();

  private constructor(bus: BusLibrary.Bus, contracts: typeof Contracts, library: typeof BusLibrary) {
    this.#bus = bus;
    this.#contracts = contracts;
    this.#library = library;
  }

  /** Needs libs/bus and libs/contracts to be built. Gives up when it is not connected soon. */
  static async connect(url: string, credentials: string): Promise<Watcher> {
    const [library, contracts] = await Promise.all([import('@polyvirt/bus'), import('@polyvirt/contracts')]);
    const signal = AbortSignal.timeout(5_000);
    const bus = await library.connectBus({ url, credentials, name: 'supervisor', signal });
    try {
      // Before the gateway that makes everything else.
      await library.ensurePulse(bus, signal);
    } catch (error) {
      await bus.close();
      throw error;
    }
    const watcher = new Watcher(bus, contracts, library);
    library.listen(bus, contracts.subjects.heartbeat('*'), contracts.Heartbeat, (heartbeat) => {
      watcher.#heartbeats.set(heartbeat.host, { ...heartbeat, heardAtMs: performance.now() });
    });
    return watcher;
  }

  /** The broker stores, in every stream. Rejects otherwise. */
  async busLives(): Promise<boolean> {
    await this.#library.takePulse(this.#bus, this.#contracts.keys.pulse('supervisor'), { everyStream: true });
    return true;
  }

  /** The agent of a host works: it has said so since then. */
  agentIsReady(host: string, sinceMs: number): boolean {
    const last = this.#heartbeats.get(host);
    return last !== undefined && last.heardAtMs > sinceMs && last.state === 'ready';
  }

  /** The agent of a host has been heard lately, whatever it said. */
  agentLives(host: string): boolean {
    return this.#isRecent(this.#heartbeats.get(host)?.heardAtMs);
  }

  /** What the agent says of its hypervisor. */
  healthOf(host: string): Contracts.Heartbeat['health'] | undefined {
    return this.#heartbeats.get(host)?.health;
  }

  /** A service has stored its pulse lately. */
  async serviceLives(service: 'gateway' | 'organizer'): Promise<boolean> {
    return this.#isRecent(await this.#pulseOf(service));
  }

  /** The organizer works: it has stored its pulse since then. */
  async organizerIsReady(sinceMs: number): Promise<boolean> {
    return (await this.#pulseOf('organizer')) > sinceMs;
  }

  async close(): Promise<void> {
    await this.#bus.close();
  }

  /** When its last pulse was new here. */
  async #pulseOf(service: string): Promise<number> {
    const revision = await this.#library.lastPulse(this.#bus, this.#contracts.keys.pulse(service));
    const known = this.#pulses.get(service);
    if (revision === undefined) return -Infinity;
    // The first one seen may be old.
    const newAtMs = known === undefined ? -Infinity : known.revision === revision ? known.newAtMs : performance.now();
    this.#pulses.set(service, { revision, newAtMs });
    return newAtMs;
  }

  #isRecent(atMs: number | undefined): boolean {
    return atMs !== undefined && performance.now() - atMs < 2 * this.#contracts.heartbeatEveryMs;
  }
}

/** A server of HTTPS on this machine answers a request, whatever it says. */
export function answersHttps(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, rejectUnauthorized: false, timeout: 5_000 }, (response) => {
      response.resume();
      resolve(true);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer on port ${port}`)));
    request.once('error', reject);
  });
}

/** The gateway takes requests. */
export async function gatewayIsReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  return response.ok;
}

/**
 * What the first password is still good for: a link with which a browser sets another. Undefined when it is nobody's any more.
 * Leaves no session behind.
 */
export async function firstLogIn(
  url: string,
  username: string,
  password: string,
): Promise<{ link: string } | undefined> {
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
  const response = await post('/auth/login', { username, password });
  if (response.status === 401) return undefined;
  if (!response.ok) throw new Error(`log-in as ${username} answers ${response.status}: ${await response.text()}`);
  const { accessToken, refreshToken } = (await response.json()) as { accessToken: string; refreshToken: string };
  const authorization = `Bearer ${accessToken}`;
  const made = await post('/auth/links', { password }, { authorization });
  if (!made.ok) throw new Error(`a link for ${username} answers ${made.status}: ${await made.text()}`);
  const { link } = (await made.json()) as { link: string };
  const bye = await post('/auth/logout', { refreshToken }, { authorization });
  await bye.body?.cancel();
  // Behind the sign that no browser sends on, so that no log has it.
  return { link: `${url}/welcome#${link}` };
}
