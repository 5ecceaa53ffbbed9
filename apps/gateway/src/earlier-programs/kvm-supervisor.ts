import { Injectable } from '@nestjs/common';
import {
  isEnded,
  isOn,
  nameKey,
  ProblemError,
  supervisorStates,
  type CommandDefinition,
  type HostId,
  type Operation,
  type SupervisorAllMetrics,
  type SupervisorHealth,
  type SupervisorMetrics,
  type SupervisorPowerAnswer,
  type SupervisorSummary,
  type SupervisorVmDetails,
  type SupervisorVms,
  type VmRecord,
} from '@polyvirt/contracts';
import type { Caller } from '../auth/caller.decorator.ts';
import { Hosts } from '../hosts/hosts.ts';
import { Inventory } from '../inventory/inventory.ts';
import type { VmEntry } from '../inventory/vm-entry.ts';
import { MetricsMemory } from '../metrics/metrics-memory.ts';
import { OperationWaiter } from '../operations/operation-waiter.ts';
import { Commands, wantedOf } from '../vms/commands.ts';
import { detailsBody, metricsBody, vmBody } from './supervisor-bodies.ts';

/** Its clients wait for an answer; a guest that shuts down slower than that is reported as still being at it. */
const waitMs = 30_000;

/** What KVM Supervisor did, for the VMs of all hosts. It knew a VM by its name alone. */
@Injectable()
export class KvmSupervisor {
  constructor(
    private readonly inventory: Inventory,
    private readonly hosts: Hosts,
    private readonly metrics: MetricsMemory,
    private readonly commands: Commands,
    private readonly waiter: OperationWaiter,
  ) {}

  /** By name. */
  list(host?: HostId): SupervisorVms {
    const vms = this.sorted(host).map(({ record }) => vmBody(record));
    return { count: vms.length, vms };
  }

  details(name: string, host?: HostId): SupervisorVmDetails {
    return detailsBody(this.require(name, host).record);
  }

  metricsOf(name: string, host?: HostId): SupervisorMetrics {
    return this.reading(this.require(name, host).record);
  }

  allMetrics(): SupervisorAllMetrics {
    const metrics = this.sorted().map(({ record }) => this.reading(record));
    return { count: metrics.length, metrics };
  }

  summary(host?: HostId): SupervisorSummary {
    const summary = {
      total: 0,
      running: 0,
      stopped: 0,
      paused: 0,
      total_vcpus: 0,
      running_vcpus: 0,
      total_memory_mb: 0,
      running_memory_mb: 0,
    };
    for (const { record } of this.entries(host)) {
      const { cpus = 0, memoryMiB = 0 } = record;
      summary.total += 1;
      summary[supervisorStates[record.state]] += 1;
      summary.total_vcpus += cpus;
      summary.total_memory_mb += Math.round(memoryMiB);
      if (!isOn(record)) continue;
      summary.running_vcpus += cpus;
      summary.running_memory_mb += Math.round(memoryMiB);
    }
    return summary;
  }

  /** Names nothing: anybody may ask. */
  health(): SupervisorHealth {
    const libvirts = this.hosts.all().filter(({ hypervisor }) => hypervisor === 'kvm');
    const isConnected = libvirts.every((record) => {
      const { state, health } = this.hosts.view(record);
      return state !== 'offline' && health.status === 'healthy';
    });
    return {
      status: isConnected ? 'healthy' : 'degraded',
      libvirt: libvirts.length === 0 ? 'none' : isConnected ? 'connected' : 'disconnected',
    };
  }

  /** Throws what the command is refused with, or ends with. */
  async power(
    definition: CommandDefinition,
    name: string,
    host: HostId | undefined,
    input: { readonly force?: boolean | undefined },
    author: Caller,
    signal: AbortSignal,
  ): Promise<SupervisorPowerAnswer & { readonly isEnded: boolean }> {
    const { id: vmId, record } = this.require(name, host);
    const wanted = wantedOf(definition, definition.input.parse(input) as Record<string, unknown>);
    const options = { whenOffline: 'fail' } as const;
    const asked = await this.commands.ask(definition, { vmId }, wanted, { author, options });
    const operation = await this.waiter.wait(asked, waitMs, signal);
    if (operation.error) throw ProblemError.from(operation.error);
    if (operation.status === 'cancelled')
      throw new ProblemError('wrong-state', `The operation ${operation.id} was cancelled.`, {
        operationId: operation.id,
      });
    return {
      success: true,
      message: messageOf(record.name, definition, operation),
      name: record.name,
      state: supervisorStates[this.inventory.vms.get(vmId)?.record.state ?? record.state],
      changed: operation.changed === true,
      operation: operation.id,
      isEnded: isEnded(operation.status),
    };
  }

  private reading(vm: VmRecord): SupervisorMetrics {
    return metricsBody(vm, this.metrics.latest(vm.id, Date.now()));
  }

  private *entries(host?: HostId): Iterable<VmEntry> {
    if (host !== undefined) this.hosts.require(host);
    for (const entry of this.inventory.vms.all()) if (host === undefined || entry.record.host === host) yield entry;
  }

  private sorted(host?: HostId): VmEntry[] {
    return [...this.entries(host)].sort((one, other) =>
      one.nameKey === other.nameKey ? (one.id < other.id ? -1 : 1) : one.nameKey < other.nameKey ? -1 : 1,
    );
  }

  /** The VM of a name, or of an id. Throws `vm-not-found`, `host-not-found` or `name-ambiguous`. */
  private require(name: string, host: HostId | undefined): VmEntry {
    const byId = this.inventory.vms.get(name);
    if (byId) return byId;
    const key = nameKey(name);
    const alike = [...this.entries(host)].filter((entry) => entry.nameKey === key);
    const exact = alike.filter(({ record }) => record.name === name);
    const found = exact.length > 0 ? exact : alike;
    if (found.length === 1) return found[0]!;
    const where = host === undefined ? '' : ` on ${host}`;
    if (found.length === 0) throw new ProblemError('vm-not-found', `There is no VM named "${name}"${where}.`);
    const hosts = new Set(found.map(({ record }) => record.host));
    // Of two on one host only the id tells them apart.
    const [pointer, ways] =
      hosts.size === found.length
        ? ['host', found.map(({ record }) => record.host)]
        : ['name', found.map(({ id }) => id)];
    const advice = pointer === 'host' ? `Add ?host=${ways[0]!}` : `Use its id, such as ${ways[0]!}, as the name`;
    throw new ProblemError(
      'name-ambiguous',
      `${found.length} VMs are named "${name}"${where}. ${advice} to say which you mean.`,
      { errors: ways.sort().map((detail) => ({ pointer: pointer as string, detail })) },
    );
  }
}

const past: Readonly<Record<string, string>> = {
  'vm.start': 'started',
  'vm.stop': 'stopped',
  'vm.restart': 'restarted',
};

function messageOf(name: string, { verb }: CommandDefinition, { status, changed, id }: Operation): string {
  if (!isEnded(status))
    return `VM '${name}' is still being ${past[verb]!}; /api/v1/operations/${id} shows how far it is`;
  return changed === false ? `VM '${name}' was already ${past[verb]!}` : `VM '${name}' ${past[verb]!}`;
}
