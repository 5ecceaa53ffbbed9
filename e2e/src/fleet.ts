import { broadcast, makeEvent, openBucket, publishEvent, type Bucket, type Bus } from '@polyvirt/bus';
import {
  buckets,
  capabilityNames,
  HostRecord,
  keys,
  subjects,
  vmIdOf,
  VmRecord,
  vmStopped,
  type Capabilities,
  type Heartbeat,
} from '@polyvirt/contracts';

const beatMs = 1_000;
/** Written at once. */
const atOnce = 500;
const incarnation = 'incarnation-1';
const health = { status: 'healthy', detail: 'It works.' } as const;
const now = () => new Date().toISOString();

/**
 * The agent of a host with very many machines, as far as a reader sees it: it says what there is and that it lives, and takes no
 * commands. A whole agent publishes several messages for each machine that it finds, which takes minutes for so many.
 */
export class Fleet {
  readonly #vms: Bucket<VmRecord>;
  readonly #startedAt = now();
  #beat: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: Bus,
    readonly host: string,
  ) {
    this.#vms = openBucket(bus, buckets.inventory, VmRecord);
  }

  /** Resolves when the bus has the machines, `fleet-00001` and on, every second of them running. */
  async appear(count: number): Promise<void> {
    const { bus, host } = this;
    const capabilities = Object.fromEntries(capabilityNames.map((name) => [name, { available: true }])) as Capabilities;
    const lists = { images: [], networks: [], templates: [], volumes: [] };
    await openBucket(bus, buckets.hosts, HostRecord).put(keys.host(host), {
      ...{ id: host, hypervisor: 'kvm', simulated: true, agentVersion: '0.0.0-fleet', incarnation, health },
      ...{ capabilities, capacity: {}, notes: [], observedAt: now(), ...lists },
    });
    const beat = () => {
      const alive = { host, incarnation, state: 'ready', health, startedAt: this.#startedAt, sentAt: now() } as const;
      broadcast(bus, subjects.heartbeat(host), alive satisfies Heartbeat);
    };
    beat();
    this.#beat = setInterval(beat, beatMs);
    for (let first = 1; first <= count; first += atOnce) {
      const numbers = Array.from({ length: Math.min(atOnce, count - first + 1) }, (_, n) => first + n);
      await Promise.all(numbers.map((number) => this.#put(this.#record(nameOf(number), number % 2 === 1))));
    }
  }

  /** Somebody stops a machine with another tool. */
  async stopByHand(name: string): Promise<void> {
    const vm = this.#record(name, false);
    const event = makeEvent(vmStopped, {
      ...{ id: `${vm.id}:stopped`, source: `/hosts/${this.host}/agent`, subject: vm.id, data: { vm } },
    });
    await publishEvent(this.bus, this.host, event);
    await this.#put(vm);
  }

  close(): void {
    clearInterval(this.#beat);
  }

  #put(vm: VmRecord): Promise<number> {
    return this.#vms.put(keys.vm(this.host, vm.nativeId), vm);
  }

  #record(name: string, isRunning: boolean): VmRecord {
    const { host } = this;
    return {
      ...{ id: vmIdOf(host, name), host, nativeId: name, name, hypervisor: 'kvm', simulated: true },
      ...{ state: isRunning ? 'running' : 'stopped', cpus: 2, memoryMiB: 1_024 },
      ...{ disks: [{ device: 'vda', sizeGiB: 10 }], nics: [], snapshots: [], createdAt: now(), observedAt: now() },
    };
  }
}

const nameOf = (number: number): string => `fleet-${String(number).padStart(5, '0')}`;
