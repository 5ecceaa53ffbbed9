import type { XdrReader } from '../xdr/reader.ts';
import { readParameterValue, type ParameterValue } from '../protocol/typed-parameters.ts';
import { formatUuid } from '../protocol/uuid.ts';

/**
 * What one domain reported. Counters are doubles: above 2^53 (104 days of CPU time in nanoseconds) they are the nearest
 * one, which moves a difference of two by a few units. A member that is missing was not reported, which is not zero.
 */
export interface DomainStats {
  uuid: string;
  name: string;
  /** Of the running process, -1 when off. Counters of two samples compare only when this is the same. */
  id: number;
  /** Clock of `performance.now()` when the reply came. */
  sampledAtMs: number;
  /** One of `DomainState`. */
  state?: number;
  stateReason?: number;
  /** Only of running domains: for others some daemons report their own time. */
  cpu?: CpuStats;
  balloon?: BalloonStats;
  vcpuCurrent?: number;
  vcpuMaximum?: number;
  vcpus: VcpuStats[];
  interfaces: InterfaceStats[];
  blocks: BlockStats[];
  /** Everything that has no member of its own, by libvirt's key. */
  other: Record<string, ParameterValue>;
}

export interface CpuStats {
  /** Host CPU of the whole process: vCPUs, emulator and I/O threads, so that it can pass 100 %. */
  timeNs?: number;
  userNs?: number;
  systemNs?: number;
}

/** Numbers from inside the guest need a virtio balloon with a polling period; `lastUpdate` 0 means that there are none. */
export interface BalloonStats {
  currentKiB?: number;
  maximumKiB?: number;
  swapInKiB?: number;
  swapOutKiB?: number;
  majorFaults?: number;
  minorFaults?: number;
  /** Free memory in the guest. */
  unusedKiB?: number;
  /** Memory that the guest's kernel manages. */
  availableKiB?: number;
  /** Memory that the guest can still use without swapping. */
  usableKiB?: number;
  diskCachesKiB?: number;
  /** Seconds since 1970. */
  lastUpdate?: number;
  /** Resident memory of the QEMU process on the host; can exceed the guest's size. */
  rssKiB?: number;
}

/** Members that libvirt names by index: absent numbers stay out of the list. */
export interface VcpuStats {
  index: number;
  /** 0 offline, 1 running, 2 blocked. */
  state?: number;
  timeNs?: number;
  waitNs?: number;
  /** Time that it wanted to run and could not: steal. */
  delayNs?: number;
  halted?: boolean;
}

/** Indices change with hot-plug: join samples by `name`. Seen from the guest. */
export interface InterfaceStats {
  index: number;
  /** On the host: `vnet0`. */
  name: string;
  rxBytes?: number;
  rxPackets?: number;
  rxErrors?: number;
  rxDropped?: number;
  txBytes?: number;
  txPackets?: number;
  txErrors?: number;
  txDropped?: number;
}

/** Indices change with hot-plug: join samples by `name`. */
export interface BlockStats {
  index: number;
  /** Target: `vda`. */
  name: string;
  path?: string;
  backingIndex?: number;
  readRequests?: number;
  readBytes?: number;
  readTimeNs?: number;
  writeRequests?: number;
  writeBytes?: number;
  writeTimeNs?: number;
  flushRequests?: number;
  flushTimeNs?: number;
  allocationBytes?: number;
  capacityBytes?: number;
  physicalBytes?: number;
  thresholdBytes?: number;
}

type Setter = (stats: DomainStats, value: ParameterValue) => void;

const balloonMembers: Readonly<Record<string, keyof BalloonStats>> = {
  current: 'currentKiB',
  maximum: 'maximumKiB',
  swap_in: 'swapInKiB',
  swap_out: 'swapOutKiB',
  major_fault: 'majorFaults',
  minor_fault: 'minorFaults',
  unused: 'unusedKiB',
  available: 'availableKiB',
  usable: 'usableKiB',
  disk_caches: 'diskCachesKiB',
  'last-update': 'lastUpdate',
  rss: 'rssKiB',
};

const cpuMembers: Readonly<Record<string, keyof CpuStats>> = { time: 'timeNs', user: 'userNs', system: 'systemNs' };

const vcpuMembers: Readonly<Record<string, 'state' | 'timeNs' | 'waitNs' | 'delayNs'>> = {
  state: 'state',
  time: 'timeNs',
  wait: 'waitNs',
  delay: 'delayNs',
};

const interfaceMembers: Readonly<Record<string, Exclude<keyof InterfaceStats, 'name'>>> = {
  'rx.bytes': 'rxBytes',
  'rx.pkts': 'rxPackets',
  'rx.errs': 'rxErrors',
  'rx.drop': 'rxDropped',
  'tx.bytes': 'txBytes',
  'tx.pkts': 'txPackets',
  'tx.errs': 'txErrors',
  'tx.drop': 'txDropped',
};

const blockMembers: Readonly<Record<string, Exclude<keyof BlockStats, 'name' | 'path'>>> = {
  backingIndex: 'backingIndex',
  'rd.reqs': 'readRequests',
  'rd.bytes': 'readBytes',
  'rd.times': 'readTimeNs',
  'wr.reqs': 'writeRequests',
  'wr.bytes': 'writeBytes',
  'wr.times': 'writeTimeNs',
  'fl.reqs': 'flushRequests',
  'fl.times': 'flushTimeNs',
  allocation: 'allocationBytes',
  capacity: 'capacityBytes',
  physical: 'physicalBytes',
  threshold: 'thresholdBytes',
};

/** Reads the reply of `connectGetAllDomainStats` into objects, without an object for each parameter in between. */
export function readDomainStats(reader: XdrReader, sampledAtMs: number): DomainStats[] {
  const records = new Array<DomainStats>(reader.count());
  for (let i = 0; i < records.length; i++) {
    const name = reader.string();
    const uuid = formatUuid(reader.fixed(16));
    const id = reader.i32();
    const stats: DomainStats = { uuid, name, id, sampledAtMs, vcpus: [], interfaces: [], blocks: [], other: {} };
    for (let left = reader.count(); left > 0; left--) {
      const key = reader.asciiString();
      setterOf(key)(stats, readParameterValue(reader));
    }
    records[i] = withoutGaps(stats);
  }
  return records;
}

/** Keys repeat in every record of every sweep, so that each is taken apart only once. */
const setters = new Map<string, Setter>();
/** Far above what a host has, and low enough that hot-plug over years cannot fill the memory. */
const MAX_SETTERS = 50_000;

function setterOf(key: string): Setter {
  let setter = setters.get(key);
  if (setter === undefined) {
    setter = compile(key);
    if (setters.size >= MAX_SETTERS) setters.clear();
    setters.set(key, setter);
  }
  return setter;
}

function compile(key: string): Setter {
  const dot = key.indexOf('.');
  const group = key.slice(0, dot);
  const rest = key.slice(dot + 1);
  const [, digits, member] = /^(\d+)\.(.+)$/.exec(rest) ?? [];
  const setter = digits === undefined ? compileSingle(group, rest) : compileIndexed(group, Number(digits), member!);
  return setter ?? ((stats, value) => void (stats.other[key] = value));
}

function compileSingle(group: string, member: string): Setter | undefined {
  switch (`${group}.${member}`) {
    case 'state.state':
      return (stats, value) => void (stats.state = Number(value));
    case 'state.reason':
      return (stats, value) => void (stats.stateReason = Number(value));
    case 'vcpu.current':
      return (stats, value) => void (stats.vcpuCurrent = Number(value));
    case 'vcpu.maximum':
      return (stats, value) => void (stats.vcpuMaximum = Number(value));
    case 'net.count':
    case 'block.count':
      // The length of the list says it.
      return () => {};
  }
  const cpuMember = group === 'cpu' ? cpuMembers[member] : undefined;
  if (cpuMember !== undefined) {
    return (stats, value) => {
      if (stats.id >= 0) (stats.cpu ??= {})[cpuMember] = Number(value);
    };
  }
  const balloonMember = group === 'balloon' ? balloonMembers[member] : undefined;
  if (balloonMember !== undefined) {
    return (stats, value) => void ((stats.balloon ??= {})[balloonMember] = Number(value));
  }
  return undefined;
}

function compileIndexed(group: string, index: number, member: string): Setter | undefined {
  switch (group) {
    case 'vcpu': {
      if (member === 'halted')
        return (stats, value) => void ((stats.vcpus[index] ??= { index }).halted = value === true);
      const name = vcpuMembers[member];
      return name && ((stats, value) => void ((stats.vcpus[index] ??= { index })[name] = Number(value)));
    }
    case 'net': {
      if (member === 'name') return (stats, value) => void (interfaceAt(stats, index).name = String(value));
      const name = interfaceMembers[member];
      return name && ((stats, value) => void (interfaceAt(stats, index)[name] = Number(value)));
    }
    case 'block': {
      if (member === 'name') return (stats, value) => void (blockAt(stats, index).name = String(value));
      if (member === 'path') return (stats, value) => void (blockAt(stats, index).path = String(value));
      const name = blockMembers[member];
      return name && ((stats, value) => void (blockAt(stats, index)[name] = Number(value)));
    }
    default:
      return undefined;
  }
}

function interfaceAt(stats: DomainStats, index: number): InterfaceStats {
  return (stats.interfaces[index] ??= { index, name: '' });
}

function blockAt(stats: DomainStats, index: number): BlockStats {
  return (stats.blocks[index] ??= { index, name: '' });
}

/** Indices can have gaps (offline vCPUs), which leave holes in the lists. */
function withoutGaps(stats: DomainStats): DomainStats {
  const present = (entry: unknown): boolean => entry !== undefined;
  if (stats.vcpus.includes(undefined as never)) stats.vcpus = stats.vcpus.filter(present);
  if (stats.interfaces.includes(undefined as never)) stats.interfaces = stats.interfaces.filter(present);
  if (stats.blocks.includes(undefined as never)) stats.blocks = stats.blocks.filter(present);
  return stats;
}
