import { performance } from 'node:perf_hooks';
import type { Link } from '../connection/link.ts';
import type { RpcConnection } from '../connection/rpc-connection.ts';
import type { Libvirt } from '../libvirt.ts';
import { CallTimeoutError, LibvirtError } from '../protocol/errors.ts';
import { entryOf } from '../protocol/procedures.ts';
import type { EncodableStruct } from '../protocol/schema.ts';
import { readDomainStats, type DomainStats } from './domain-stats.ts';

/** Bit of each group of statistics. All but `state` and `interface` may ask the domain's QEMU. */
export const statsGroups = {
  state: 1,
  cpu: 2,
  balloon: 4,
  vcpu: 8,
  interface: 16,
  block: 32,
  perf: 64,
  iothread: 128,
  memory: 256,
  dirtyrate: 512,
  vm: 1024,
} as const;

export type StatsGroup = keyof typeof statsGroups;

export interface SweepOptions {
  /** All running domains by default. Domains that are gone are left out of the result. */
  domains?: readonly EncodableStruct<'domain'>[];
  /** `state cpu balloon vcpu interface block` by default. */
  groups?: readonly StatsGroup[];
  /** Parts that are asked for at the same time, 4 by default and at most. */
  chunks?: number;
  /** After which the domains of a part become suspects; 5 s by default. */
  timeoutMs?: number;
  /** Also every image that a disk is backed by. */
  backing?: boolean;
}

export interface Sweep {
  /** Suspects are among them with the groups that need no QEMU, unless the daemon answers nothing about them at all. */
  domains: DomainStats[];
  /** UUIDs of domains in whose company a request hung. They are left out of bulk requests until they answer alone. */
  suspects: string[];
  durationMs: number;
}

type DomainReference = EncodableStruct<'domain'>;

const DEFAULT_GROUPS: readonly StatsGroup[] = ['state', 'cpu', 'balloon', 'vcpu', 'interface', 'block'];
/** Answered from the daemon's memory, even for a QEMU that hangs. */
const SAFE_MASK = statsGroups.state | statsGroups.interface;
const MAX_CHUNKS = 4;
const DEFAULT_TIMEOUT_MS = 5_000;
/** Without it a daemon waits 30 s for each domain whose job is taken, one after the other. */
const NOWAIT = 0x2000_0000;
const BACKING = 0x4000_0000;

const allDomainStats = entryOf('connectGetAllDomainStats');

/** Statistics of many domains at once, so that one hung QEMU costs nobody else's numbers. */
export class Statistics {
  private readonly libvirt: Libvirt;
  private readonly openLink: () => Link;
  private readonly suspects = new Map<string, DomainReference>();
  private bulk: Link | undefined;
  private probes: Link | undefined;
  private probing: Promise<void> | undefined;
  private closed = false;

  constructor(libvirt: Libvirt, openLink: () => Link) {
    this.libvirt = libvirt;
    this.openLink = openLink;
  }

  /**
   * Asks for all domains in parallel parts. The daemon asks the domains of a part one after the other. Let one sweep end
   * before the next begins: they share four slots.
   */
  async sweep(options: SweepOptions = {}): Promise<Sweep> {
    const started = performance.now();
    const targets = options.domains ?? (await this.running());
    const mask = maskOf(options.groups ?? DEFAULT_GROUPS);
    const flags = NOWAIT | (options.backing ? BACKING : 0);
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const healthy = targets.filter(({ uuid }) => !this.suspects.has(uuid));
    const suspected = targets.filter(({ uuid }) => this.suspects.has(uuid));
    const chunkCount = Math.max(1, Math.min(options.chunks ?? MAX_CHUNKS, MAX_CHUNKS));

    this.bulk ??= this.openLink();
    const link = this.bulk;
    const connection = await link.connection();
    let stuck = false;
    const ask = async (part: readonly DomainReference[]): Promise<DomainStats[]> => {
      try {
        return await request(connection, part, mask, flags, timeoutMs);
      } catch (error) {
        if (error instanceof LibvirtError) return this.oneByOne(connection, part, mask, flags, timeoutMs);
        if (!(error instanceof CallTimeoutError) || !error.sent) throw error;
        stuck = true;
        for (const domain of part) this.suspects.set(domain.uuid, domain);
        suspected.push(...part);
        return [];
      }
    };
    const records = (await Promise.all(split(healthy, chunkCount).map(ask))).flat();
    if (stuck) this.leave(link);
    if (suspected.length > 0) {
      records.push(...(await this.safeStats(suspected, mask, flags, timeoutMs)));
      this.probeSuspects(mask, flags, timeoutMs);
    }
    this.forgetMissing(options.domains === undefined ? targets : undefined);
    return { domains: records, suspects: [...this.suspects.keys()], durationMs: performance.now() - started };
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([this.bulk?.close(), this.probes?.close()]);
    await this.probing;
  }

  private async running(): Promise<DomainReference[]> {
    return (await this.libvirt.call.connectListAllDomains({ flags: ACTIVE })).domains;
  }

  /** The slots of a link with stuck requests are lost until QEMU answers: the next sweep takes a new one. */
  private leave(link: Link): void {
    this.bulk = undefined;
    void link.close();
  }

  private async safeStats(
    domains: readonly DomainReference[],
    mask: number,
    flags: number,
    timeoutMs: number,
  ): Promise<DomainStats[]> {
    this.bulk ??= this.openLink();
    const link = this.bulk;
    try {
      return await request(await link.connection(), domains, mask & SAFE_MASK || statsGroups.state, flags, timeoutMs);
    } catch (error) {
      if (!(error instanceof CallTimeoutError) && !(error instanceof LibvirtError)) throw error;
      // Not even the daemon's memory can be read: the others have their readings, and these are probed one by one.
      this.leave(link);
      return [];
    }
  }

  /** A part that was refused for one of its domains; the others have an answer. */
  private async oneByOne(
    connection: RpcConnection,
    part: readonly DomainReference[],
    mask: number,
    flags: number,
    timeoutMs: number,
  ): Promise<DomainStats[]> {
    if (part.length <= 1) return [];
    const answers = await Promise.allSettled(
      part.map((domain) => request(connection, [domain], mask, flags, timeoutMs)),
    );
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  }

  /** Asks the suspects one by one in the background; who answers is no suspect any more. */
  private probeSuspects(mask: number, flags: number, timeoutMs: number): void {
    this.probing ??= this.probeAll(mask, flags, timeoutMs).finally(() => (this.probing = undefined));
  }

  private async probeAll(mask: number, flags: number, timeoutMs: number): Promise<void> {
    for (const [uuid, domain] of this.suspects) {
      if (this.closed) return;
      const link = (this.probes ??= this.openLink());
      try {
        await request(await link.connection(), [domain], mask, flags, timeoutMs);
        this.suspects.delete(uuid);
      } catch {
        // Still no answer, or no daemon: it stays a suspect, and the next sweep asks again on a fresh connection.
        this.probes = undefined;
        void link.close();
      }
    }
  }

  /** A domain that was stopped is no suspect. */
  private forgetMissing(running: readonly DomainReference[] | undefined): void {
    if (running === undefined || this.suspects.size === 0) return;
    const uuids = new Set(running.map(({ uuid }) => uuid));
    for (const uuid of this.suspects.keys()) {
      if (!uuids.has(uuid)) this.suspects.delete(uuid);
    }
  }
}

const ACTIVE = 1;

function request(
  connection: RpcConnection,
  doms: readonly DomainReference[],
  stats: number,
  flags: number,
  timeoutMs: number,
): Promise<DomainStats[]> {
  return connection.call(
    allDomainStats,
    { doms, stats, flags },
    { timeoutMs, decode: (reader) => readDomainStats(reader, performance.now()) },
  );
}

function maskOf(groups: readonly StatsGroup[]): number {
  return groups.reduce((mask, group) => mask | statsGroups[group], 0);
}

/** At most `count` parts of nearly equal length, none of them empty: an empty list would mean all domains. */
function split<T>(items: readonly T[], count: number): T[][] {
  const parts = Array.from({ length: Math.min(count, items.length) }, (): T[] => []);
  items.forEach((item, index) => parts[index % parts.length]!.push(item));
  return parts;
}
