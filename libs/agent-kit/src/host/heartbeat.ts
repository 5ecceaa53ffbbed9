import { broadcast, listen, type Bus, type Listener } from '@polyvirt/bus';
import { Heartbeat, subjects, type Health } from '@polyvirt/contracts';
import { Beat } from '../beat.ts';
import type { AgentIdentity } from './identity.ts';

/** Tells the world that this agent lives, and listens whether another one claims the same host. */
export class HeartbeatSender {
  #state: Heartbeat['state'] = 'ready';
  readonly #beat: Beat;
  #listener: Listener | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly identity: AgentIdentity,
    private readonly says: { health(): Health; brokerAheadMs(): number | undefined },
    everyMs: number,
  ) {
    this.#beat = new Beat('Heartbeat', everyMs, () => this.#send());
  }

  /** Calls back when an agent that was there before looks after the same host. */
  watchForElder(found: (elder: Heartbeat) => void): void {
    const { host } = this.identity;
    this.#listener = listen(this.bus, subjects.heartbeat(host), Heartbeat, (heard) => {
      if (heard.incarnation !== this.identity.incarnation && isElder(heard, this.identity)) found(heard);
    });
  }

  start(): void {
    this.#beat.start();
  }

  /** Says at once that nothing new is begun any more. */
  drain(): void {
    this.#state = 'draining';
    this.#send();
  }

  async stop(): Promise<void> {
    this.#listener?.close();
    await this.#beat.stop();
  }

  #send(): void {
    // What is sent while the bus is away would pile up, and be old when it arrives.
    if (!this.bus.isConnected) return;
    const { host, incarnation, startedAt } = this.identity;
    const brokerAheadMs = this.says.brokerAheadMs();
    const beat: Heartbeat = {
      host,
      incarnation,
      state: this.#state,
      health: this.says.health(),
      startedAt,
      sentAt: new Date().toISOString(),
      ...(brokerAheadMs !== undefined && { brokerAheadMs }),
    };
    broadcast(this.bus, subjects.heartbeat(host), beat);
  }
}

/** Of two that began in the same millisecond one has to give way, and both have to agree which. */
function isElder(other: Heartbeat, { startedAt, incarnation }: AgentIdentity): boolean {
  const difference = Date.parse(other.startedAt) - Date.parse(startedAt);
  return difference < 0 || (difference === 0 && other.incarnation < incarnation);
}
