import { Inject, Injectable } from '@nestjs/common';
import { Bus, makeEvent, publishEvent } from '@polyvirt/bus';
import { CloudEvent, hostOffline, hostOnline, streams, subjects, type HostId } from '@polyvirt/contracts';
import type { Logger } from 'pino';
import { LOGGER } from '../logger.ts';
import type { Transition } from './presence.ts';

export interface LastTransition {
  readonly to: Transition['to'];
  readonly incarnation: string;
  /** In the stream of events; 0 before the first. */
  readonly sequence: number;
}

/**
 * Tells that hosts come and go. Every gateway notices by itself, and each event is published once all the same: its id
 * names the transition before it, which all of them read from the stream, and the stream keeps one event of an id.
 */
@Injectable()
export class HostEvents {
  /** One after another for each host, so that the transition before is the one before. */
  private readonly turns = new Map<HostId, Promise<void>>();

  constructor(
    private readonly bus: Bus,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** What was told of a host last, by whichever gateway. */
  async last(host: HostId, signal: AbortSignal): Promise<LastTransition | undefined> {
    const [online, offline] = await Promise.all([
      this.lastOf(host, 'online', hostOnline.name, signal),
      this.lastOf(host, 'offline', hostOffline.name, signal),
    ]);
    return (online?.sequence ?? 0) > (offline?.sequence ?? 0) ? online : offline;
  }

  publish(transition: Transition, signal: AbortSignal): Promise<void> {
    const { host } = transition;
    const turn = (this.turns.get(host) ?? Promise.resolve()).then(() => this.tell(transition, signal));
    this.turns.set(host, turn);
    return turn;
  }

  private async tell({ host, to, incarnation, health }: Transition, signal: AbortSignal): Promise<void> {
    try {
      const last = await this.last(host, signal);
      if (to === (last?.to ?? 'offline') && (to === 'offline' || incarnation === last?.incarnation)) return;
      const event = makeEvent(to === 'online' ? hostOnline : hostOffline, {
        id: `${host}:${to}:${incarnation}:${last?.sequence ?? 0}`,
        source: `/hosts/${host}/gateway`,
        subject: host,
        data: { host, incarnation, ...(health && { health }) },
      });
      await publishEvent(this.bus, host, event, { signal });
    } catch (err) {
      if (!signal.aborted) this.logger.error({ err, host, to }, 'cannot tell that a host came or went');
    }
  }

  private async lastOf(
    host: HostId,
    to: Transition['to'],
    type: string,
    signal: AbortSignal,
  ): Promise<LastTransition | undefined> {
    await this.bus.whenConnected(signal);
    const message = await this.bus.manager.streams.getMessage(streams.events.name, {
      last_by_subj: subjects.event(host, type),
    });
    if (!message) return undefined;
    const { data } = CloudEvent.parse(message.json());
    const { incarnation } = hostOnline.body.parse(data);
    return { to, incarnation, sequence: message.seq };
  }
}
