import { offlineAfterMs, type Heartbeat, type HostId, type HostState } from '@polyvirt/contracts';

interface Sign {
  readonly incarnation: string;
  readonly state: Heartbeat['state'];
  readonly health: Heartbeat['health'];
  readonly sentAt: string;
  readonly brokerAheadMs?: number | undefined;
  readonly heardAtMs: number;
}

/** Something that the presence of a host has become. */
export interface Transition {
  readonly host: HostId;
  readonly to: 'online' | 'offline';
  readonly incarnation: string;
  readonly health?: Heartbeat['health'];
}

/** Who has been heard lately. Time is what this process measured, so that clocks of hosts do not matter. */
export class Presence {
  private readonly signs = new Map<HostId, Sign>();
  /** Hosts that are taken to be there until they would have been heard. */
  private readonly presumed = new Map<HostId, { incarnation: string; untilMs: number }>();
  private readonly online = new Set<HostId>();

  /** A gateway that has just begun has heard nobody: gives a host that was online the time to be heard. */
  presume(host: HostId, incarnation: string, nowMs: number): void {
    if (this.signs.has(host) || this.presumed.has(host)) return;
    this.presumed.set(host, { incarnation, untilMs: nowMs + offlineAfterMs });
    this.online.add(host);
  }

  /** Two agents with one host id settle it between them; whoever spoke last counts. */
  heard({ host, incarnation, state, health, sentAt, brokerAheadMs }: Heartbeat, nowMs: number): Transition | undefined {
    const known = this.signs.get(host);
    this.signs.set(host, { incarnation, state, health, sentAt, brokerAheadMs, heardAtMs: nowMs });
    const was = this.online.has(host) ? (known?.incarnation ?? this.presumed.get(host)?.incarnation) : undefined;
    this.presumed.delete(host);
    this.online.add(host);
    return was === incarnation ? undefined : { host, to: 'online', incarnation, health };
  }

  /** A host that was removed is not missed. */
  forget(host: HostId): void {
    this.signs.delete(host);
    this.presumed.delete(host);
    this.online.delete(host);
  }

  /** The hosts that have fallen silent since it was asked last. */
  lapsed(nowMs: number): Transition[] {
    const gone: Transition[] = [];
    for (const host of this.online) {
      const sign = this.signs.get(host);
      const presumed = this.presumed.get(host);
      if (sign ? this.isFresh(sign, nowMs) : presumed !== undefined && nowMs < presumed.untilMs) continue;
      this.online.delete(host);
      this.presumed.delete(host);
      gone.push({ host, to: 'offline', incarnation: sign?.incarnation ?? presumed?.incarnation ?? '' });
    }
    return gone;
  }

  stateOf(host: HostId, nowMs: number): HostState {
    const sign = this.signs.get(host);
    if (sign) return this.isFresh(sign, nowMs) ? sign.state : 'offline';
    return nowMs < (this.presumed.get(host)?.untilMs ?? 0) ? 'ready' : 'offline';
  }

  /** What the last heartbeat said. */
  lastSign(host: HostId): Pick<Sign, 'sentAt' | 'health' | 'incarnation' | 'brokerAheadMs'> | undefined {
    return this.signs.get(host);
  }

  private isFresh(sign: Sign, nowMs: number): boolean {
    return nowMs - sign.heardAtMs < offlineAfterMs;
  }
}
