import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Libvirt } from '../libvirt.ts';
import { AddressSource, MetadataType } from '../protocol/enums.ts';
import { isNotFound } from '../protocol/errors.ts';
import {
  blockCommitFlags,
  blockCopyFlags,
  blockJobAbortFlags,
  consoleFlags,
  deviceFlags,
  flagsOf,
  guestInfoFlags,
  impact,
  memoryFlags,
  saveFlags,
  shutdownFlags,
  snapshotCreateFlags,
  snapshotListFlags,
  startFlags,
  undefineFlags,
  vcpuFlags,
  xmlFlags,
  type FlagOptions,
} from '../protocol/flags.ts';
import type { Struct } from '../protocol/schema.ts';
import { parametersToObject, type ParameterValue, type TypedParameter } from '../protocol/typed-parameters.ts';
import { orNull } from './lookup.ts';
import { Snapshot } from './snapshots.ts';

export interface DomainStatus {
  /** One of `DomainState`. */
  state: number;
  /** Its meaning depends on the state: `RunningReason`, `PausedReason`, `ShutoffReason`. */
  reason: number;
}

export interface DomainInfo {
  state: number;
  maxMemoryKiB: number;
  memoryKiB: number;
  vcpus: number;
  cpuTimeNs: bigint;
}

export interface InterfaceAddresses {
  name: string;
  mac: string | null;
  addresses: { family: 'ipv4' | 'ipv6'; address: string; prefix: number }[];
}

export interface BlockInfo {
  capacityBytes: number;
  allocationBytes: number;
  physicalBytes: number;
}

export interface BlockJobInfo {
  /** One of `BlockJobType`. */
  type: number;
  bandwidthBytesPerSecond: number;
  current: number;
  end: number;
}

export interface JobStats {
  /** One of `JobType`. */
  type: number;
  /** `memory_total`, `time_elapsed` and so on, as libvirt names them. */
  values: Record<string, ParameterValue>;
}

/** virDomainCheckpointListFlags */
const PARENTS_FIRST = 2;

/**
 * A domain of the daemon. It is found by its UUID only: `name` and `id` are what was last seen, and may be old. No
 * method looks before it acts, so that a call that is not allowed in the present state rejects with OPERATION_INVALID.
 */
export class Domain implements Struct<'domain'> {
  readonly uuid: string;
  readonly name: string;
  /** Of the running process; -1 when it was off. */
  readonly id: number;
  // Truly private: an object that is logged or serialized shows the domain, not the connection.
  readonly #libvirt: Libvirt;

  constructor(libvirt: Libvirt, dom: Struct<'domain'>) {
    this.#libvirt = libvirt;
    this.uuid = dom.uuid;
    this.name = dom.name;
    this.id = dom.id;
  }

  /** The live definition, or with `inactive` the one of the next start. `secure` shows passwords: never log that. */
  async xml(options: FlagOptions<typeof xmlFlags> = {}): Promise<string> {
    return (await this.#libvirt.call.domainGetXmlDesc({ dom: this, flags: flagsOf(xmlFlags, options) })).xml;
  }

  state(): Promise<DomainStatus> {
    return this.#libvirt.call.domainGetState({ dom: this });
  }

  async info(): Promise<DomainInfo> {
    const info = await this.#libvirt.call.domainGetInfo({ dom: this });
    return {
      state: info.state,
      maxMemoryKiB: Number(info.maxMem),
      memoryKiB: Number(info.memory),
      vcpus: info.nrVirtCpu,
      cpuTimeNs: info.cpuTime,
    };
  }

  async isActive(): Promise<boolean> {
    return (await this.#libvirt.call.domainIsActive({ dom: this })).active;
  }

  async isPersistent(): Promise<boolean> {
    return (await this.#libvirt.call.domainIsPersistent({ dom: this })).persistent;
  }

  /** Whether the running domain differs from what the next start would give. */
  async isUpdated(): Promise<boolean> {
    return (await this.#libvirt.call.domainIsUpdated({ dom: this })).updated;
  }

  /** Starts it, from its managed save image where there is one. The result carries the new id. */
  async start(options: FlagOptions<typeof startFlags> = {}): Promise<Domain> {
    const reply = await this.#libvirt.call.domainCreateWithFlags(
      { dom: this, flags: flagsOf(startFlags, options) },
      // From a saved image it takes as long as the memory is large.
      { timeoutMs: 0, channel: 'transfers' },
    );
    return new Domain(this.#libvirt, reply.dom);
  }

  /** Asks the guest to shut down and returns at once; a STOPPED event tells when it has. */
  shutdown(options: FlagOptions<typeof shutdownFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainShutdownFlags({ dom: this, flags: flagsOf(shutdownFlags, options) });
  }

  /** Asks the guest to reboot and returns at once. */
  reboot(options: FlagOptions<typeof shutdownFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainReboot({ dom: this, flags: flagsOf(shutdownFlags, options) });
  }

  /** Presses the reset button. */
  reset(): Promise<void> {
    return this.#libvirt.call.domainReset({ dom: this });
  }

  /** Takes the power away. With `graceful` QEMU is asked first, and code 38 comes if it stays alive. */
  destroy(options: { graceful?: boolean } = {}): Promise<void> {
    return this.#libvirt.call.domainDestroyFlags(
      { dom: this, flags: options.graceful ? 1 : 0 },
      // The way out when other calls hang must not queue behind them.
      { priority: 'high' },
    );
  }

  /** Stops its CPUs; its memory stays. */
  suspend(): Promise<void> {
    return this.#libvirt.call.domainSuspend({ dom: this });
  }

  resume(): Promise<void> {
    return this.#libvirt.call.domainResume({ dom: this });
  }

  /** Wakes a guest that has put itself to sleep. */
  wakeUp(): Promise<void> {
    return this.#libvirt.call.domainPmWakeup({ dom: this, flags: 0 });
  }

  /** Saves memory to disk and stops; the next start restores it. */
  managedSave(options: FlagOptions<typeof saveFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainManagedSave({ dom: this, flags: flagsOf(saveFlags, options) });
  }

  async hasManagedSave(): Promise<boolean> {
    return (await this.#libvirt.call.domainHasManagedSaveImage({ dom: this })).result;
  }

  /** The definition that its managed save image starts with. Rejects with a not-found or invalid-operation error without one. */
  async managedSaveXml(): Promise<string> {
    return (await this.#libvirt.call.domainManagedSaveGetXmlDesc({ dom: this, flags: 0 })).xml;
  }

  removeManagedSave(): Promise<void> {
    return this.#libvirt.call.domainManagedSaveRemove({ dom: this });
  }

  /**
   * Removes the definition. A running domain stays and becomes transient, snapshots or not, so check the state first.
   */
  undefine(options: FlagOptions<typeof undefineFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainUndefineFlags({ dom: this, flags: flagsOf(undefineFlags, options) });
  }

  /** Only while it is off. */
  async rename(newName: string): Promise<void> {
    await this.#libvirt.call.domainRename({ dom: this, newName });
  }

  async autostart(): Promise<boolean> {
    return (await this.#libvirt.call.domainGetAutostart({ dom: this })).autostart;
  }

  setAutostart(autostart: boolean): Promise<void> {
    return this.#libvirt.call.domainSetAutostart({ dom: this, autostart });
  }

  async title(options: FlagOptions<typeof impact> = {}): Promise<string | null> {
    return this.metadata(MetadataType.TITLE, null, options);
  }

  async description(options: FlagOptions<typeof impact> = {}): Promise<string | null> {
    return this.metadata(MetadataType.DESCRIPTION, null, options);
  }

  /** The XML element kept under a namespace; null when there is none. */
  metadataElement(uri: string, options: FlagOptions<typeof impact> = {}): Promise<string | null> {
    return this.metadata(MetadataType.ELEMENT, uri, options);
  }

  setTitle(title: string | null, options: FlagOptions<typeof impact> = {}): Promise<void> {
    return this.setMetadata(MetadataType.TITLE, title, null, null, options);
  }

  setDescription(description: string | null, options: FlagOptions<typeof impact> = {}): Promise<void> {
    return this.setMetadata(MetadataType.DESCRIPTION, description, null, null, options);
  }

  /** Keeps an XML element under a namespace, written with `prefix`; null removes it. */
  setMetadataElement(
    uri: string,
    prefix: string,
    element: string | null,
    options: FlagOptions<typeof impact> = {},
  ): Promise<void> {
    return this.setMetadata(MetadataType.ELEMENT, element, prefix, uri, options);
  }

  attachDevice(xml: string, options: FlagOptions<typeof deviceFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainAttachDeviceFlags({ dom: this, xml, flags: flagsOf(deviceFlags, options) });
  }

  /** A live detach is a request to the guest: `deviceRemoved` tells when it is done. */
  detachDevice(xml: string, options: FlagOptions<typeof deviceFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainDetachDeviceFlags({ dom: this, xml, flags: flagsOf(deviceFlags, options) });
  }

  updateDevice(xml: string, options: FlagOptions<typeof deviceFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainUpdateDeviceFlags({ dom: this, xml, flags: flagsOf(deviceFlags, options) });
  }

  setVcpus(count: number, options: FlagOptions<typeof vcpuFlags> = {}): Promise<void> {
    return this.#libvirt.call.domainSetVcpusFlags({ dom: this, nvcpus: count, flags: flagsOf(vcpuFlags, options) });
  }

  async vcpus(options: FlagOptions<typeof vcpuFlags> = {}): Promise<number> {
    return (await this.#libvirt.call.domainGetVcpusFlags({ dom: this, flags: flagsOf(vcpuFlags, options) })).num;
  }

  setMemory(memoryKiB: number, options: FlagOptions<typeof memoryFlags> = {}): Promise<void> {
    const flags = flagsOf(memoryFlags, options);
    return this.#libvirt.call.domainSetMemoryFlags({ dom: this, memory: memoryKiB, flags });
  }

  /** Seconds between the balloon's reports of guest memory; without one there are no guest numbers. */
  setMemoryStatsPeriod(seconds: number, options: FlagOptions<typeof impact> = {}): Promise<void> {
    return this.#libvirt.call.domainSetMemoryStatsPeriod({
      dom: this,
      period: seconds,
      flags: flagsOf(impact, options),
    });
  }

  /** By tag, see `MemoryStatTag`. */
  async memoryStats(): Promise<Map<number, number>> {
    const reply = await this.#libvirt.call.domainMemoryStats({ dom: this, maxStats: MEMORY_STATS_LIMIT });
    return new Map(reply.stats.map(({ tag, val }) => [tag, Number(val)]));
  }

  /** `disk`: target (`vda`) or source path. */
  async blockInfo(disk: string): Promise<BlockInfo> {
    const info = await this.#libvirt.call.domainGetBlockInfo({ dom: this, path: disk });
    return {
      capacityBytes: Number(info.capacity),
      allocationBytes: Number(info.allocation),
      physicalBytes: Number(info.physical),
    };
  }

  /** Changes the size of a disk of a running domain; the guest sees it at once. */
  blockResize(disk: string, sizeBytes: number): Promise<void> {
    return this.#libvirt.call.domainBlockResize({ dom: this, disk, size: sizeBytes, flags: BLOCK_RESIZE_BYTES });
  }

  /** Merges an overlay into its base. An active commit ends with `blockJobAbort(disk, { pivot: true })` once READY. */
  blockCommit(
    disk: string,
    options: FlagOptions<typeof blockCommitFlags> & { base?: string; top?: string; bandwidth?: number } = {},
  ): Promise<void> {
    const { base = null, top = null, bandwidth = 0 } = options;
    const flags = flagsOf(blockCommitFlags, options);
    return this.#libvirt.call.domainBlockCommit({ dom: this, disk, base, top, bandwidth, flags });
  }

  /** Copies the base into the overlay, which then stands alone. */
  blockPull(disk: string, options: { bandwidthMiBPerSecond?: number } = {}): Promise<void> {
    const bandwidth = options.bandwidthMiBPerSecond ?? 0;
    return this.#libvirt.call.domainBlockPull({ dom: this, path: disk, bandwidth });
  }

  /** Mirrors a disk to `destinationXml` (a <disk> element). */
  blockCopy(
    disk: string,
    destinationXml: string,
    options: FlagOptions<typeof blockCopyFlags> & { params?: TypedParameter[] } = {},
  ): Promise<void> {
    const flags = flagsOf(blockCopyFlags, options);
    const params = options.params ?? [];
    return this.#libvirt.call.domainBlockCopy({ dom: this, path: disk, destxml: destinationXml, params, flags });
  }

  /** Null when no job runs on the disk. */
  async blockJob(disk: string): Promise<BlockJobInfo | null> {
    const info = await this.#libvirt.call.domainGetBlockJobInfo({ dom: this, path: disk, flags: 1 });
    if (!info.found) return null;
    const { type, bandwidth, cur, end } = info;
    return { type, bandwidthBytesPerSecond: Number(bandwidth), current: Number(cur), end: Number(end) };
  }

  blockJobAbort(disk: string, options: FlagOptions<typeof blockJobAbortFlags> = {}): Promise<void> {
    const flags = flagsOf(blockJobAbortFlags, options);
    return this.#libvirt.call.domainBlockJobAbort({ dom: this, path: disk, flags });
  }

  /** Progress of a save, migration, dump or backup; with `completed` the numbers of the last one. */
  async jobStats(options: { completed?: boolean } = {}): Promise<JobStats> {
    const flags = options.completed ? 1 : 0;
    const { type, params } = await this.#libvirt.call.domainGetJobStats({ dom: this, flags });
    return { type, values: parametersToObject(params) };
  }

  abortJob(): Promise<void> {
    return this.#libvirt.call.domainAbortJob({ dom: this });
  }

  async createSnapshot(xml: string, options: FlagOptions<typeof snapshotCreateFlags> = {}): Promise<Snapshot> {
    const flags = flagsOf(snapshotCreateFlags, options);
    const reply = await this.#libvirt.call.domainSnapshotCreateXml({ dom: this, xmlDesc: xml, flags });
    return new Snapshot(this.#libvirt, reply.snap);
  }

  async snapshots(options: FlagOptions<typeof snapshotListFlags> = {}): Promise<Snapshot[]> {
    const flags = flagsOf(snapshotListFlags, options);
    const reply = await this.#libvirt.call.domainListAllSnapshots({ dom: this, flags });
    return reply.snapshots.map((snapshot) => new Snapshot(this.#libvirt, snapshot));
  }

  /** Rejects with a not-found error. */
  async snapshot(name: string): Promise<Snapshot> {
    return new Snapshot(this.#libvirt, (await this.#libvirt.call.domainSnapshotLookupByName({ dom: this, name })).snap);
  }

  /** Null when there is none. */
  async currentSnapshot(): Promise<Snapshot | null> {
    const reply = await orNull(this.#libvirt.call.domainSnapshotCurrent({ dom: this }));
    return reply === null ? null : new Snapshot(this.#libvirt, reply.snap);
  }

  /** Names of the checkpoints that incremental backups begin at, parents first. */
  async checkpointNames(): Promise<string[]> {
    const { checkpoints } = await this.#libvirt.call.domainListAllCheckpoints({ dom: this, flags: PARENTS_FIRST });
    return checkpoints.map(({ name }) => name);
  }

  /** One of `AddressSource`: `LEASE` (default), `AGENT` or `ARP`. */
  async interfaceAddresses(source: number = AddressSource.LEASE): Promise<InterfaceAddresses[]> {
    const { ifaces } = await this.#libvirt.call.domainInterfaceAddresses({ dom: this, source });
    return ifaces.map(({ name, hwaddr, addrs }) => ({
      name,
      mac: hwaddr,
      addresses: addrs.map(({ type, addr, prefix }) => ({
        family: type === 0 ? 'ipv4' : 'ipv6',
        address: addr,
        prefix,
      })),
    }));
  }

  /** What the guest agent tells, by libvirt's keys (`os.id`, `hostname`, `fs.0.mountpoint`). */
  async guestInfo(options: FlagOptions<typeof guestInfoFlags> = {}): Promise<Record<string, ParameterValue>> {
    const reply = await this.#libvirt.call.domainGetGuestInfo({ dom: this, types: flagsOf(guestInfoFlags, options) });
    return parametersToObject(reply.params);
  }

  /**
   * One command of the guest agent's own protocol; resolves with what it returned. An agent that does not answer fails
   * after 5 s whatever the timeout, which only bounds the command itself: seconds, -1 default, -2 for ever.
   */
  async agentCommand(command: object, timeoutSeconds = -1): Promise<unknown> {
    const { result } = await this.#libvirt.call.qemuDomainAgentCommand({
      dom: this,
      cmd: JSON.stringify(command),
      timeout: timeoutSeconds,
    });
    return result === null ? null : (JSON.parse(result) as { return?: unknown }).return;
  }

  /** One QMP command. It marks the domain as tainted. `unbounded` is for a QEMU that may be busy with a job for long. */
  async monitorCommand(command: object, { unbounded = false }: { unbounded?: boolean } = {}): Promise<unknown> {
    const reply = await this.#libvirt.call.qemuDomainMonitorCommand(
      { dom: this, cmd: JSON.stringify(command) },
      unbounded ? { timeoutMs: 0, channel: 'transfers' } : {},
    );
    return JSON.parse(reply.result);
  }

  /** Presses keys together; codes are Linux input codes (Ctrl 29, Alt 56, Del 111, Enter 28). */
  sendKeys(keycodes: readonly number[], holdMs = 50): Promise<void> {
    return this.#libvirt.call.domainSendKey({ dom: this, codeset: 0, holdtime: holdMs, keycodes });
  }

  /**
   * The serial console, both ways. A console that is in use is refused (code 9) unless `force` takes it over. It ends
   * when the domain stops; destroying it disconnects.
   *
   * @param device alias of the console; the first one without it
   */
  async openConsole(options: FlagOptions<typeof consoleFlags> & { device?: string } = {}): Promise<Duplex> {
    const flags = flagsOf(consoleFlags, options);
    const args = { dom: this, devName: options.device ?? null, flags };
    return (await this.#libvirt.openStream('domainOpenConsole', args)).stream;
  }

  /** A virtio channel, both ways; the first one without a name. */
  async openChannel(name?: string, options: { force?: boolean } = {}): Promise<Duplex> {
    const args = { dom: this, name: name ?? null, flags: options.force ? 1 : 0 };
    return (await this.#libvirt.openStream('domainOpenChannel', args)).stream;
  }

  /** What its display shows. The image is PNG or, with an older QEMU, PPM. */
  async screenshot(screen = 0): Promise<{ mime: string; data: Buffer }> {
    const { stream, result } = await this.#libvirt.openStream('domainScreenshot', { dom: this, screen });
    return { mime: result.mime ?? 'application/octet-stream', data: await buffer(stream) };
  }

  private async metadata(
    type: number,
    uri: string | null,
    options: FlagOptions<typeof impact>,
  ): Promise<string | null> {
    try {
      const flags = flagsOf(impact, options);
      return (await this.#libvirt.call.domainGetMetadata({ dom: this, type, uri, flags })).metadata;
    } catch (error) {
      if (isNotFound(error) && error.code === NO_METADATA) return null;
      throw error;
    }
  }

  private setMetadata(
    type: number,
    metadata: string | null,
    key: string | null,
    uri: string | null,
    options: FlagOptions<typeof impact>,
  ): Promise<void> {
    const flags = flagsOf(impact, options);
    return this.#libvirt.call.domainSetMetadata({ dom: this, type, metadata, key, uri, flags });
  }
}

const MEMORY_STATS_LIMIT = 32;
const BLOCK_RESIZE_BYTES = 1;
const NO_METADATA = 80;
