import { ProblemError, requireFits, type HardwareChange } from '@polyvirt/contracts';
import type { DomainDefinition } from '../domain/domain-reader.ts';
import type { HostLimits } from '../host-limits.ts';

/** Whether a definition can have other CPUs and another memory, on this host and by itself. */
export class SizeCheck {
  readonly #limits: HostLimits;

  constructor(limits: HostLimits) {
    this.#limits = limits;
  }

  async check(
    definition: DomainDefinition,
    { cpus, memoryMiB }: Pick<HardwareChange, 'cpus' | 'memoryMiB'>,
  ): Promise<void> {
    await this.#cpus(definition, cpus);
    await this.#memory(definition, memoryMiB);
  }

  async #cpus({ machine, cpus: now, maximumCpus, topology }: DomainDefinition, cpus?: number): Promise<void> {
    if (cpus === undefined || cpus === now) return;
    if (cpus > now) requireFits({ cpus }, { limits: await this.#limits.of(machine), capacity: {} });
    if (cpus <= maximumCpus || !topology) return;
    const { sockets, dies, cores, threads } = topology;
    const parts = [
      counted(sockets, 'socket'),
      counted(dies, 'die'),
      counted(cores, 'core'),
      counted(threads, 'thread'),
    ];
    const detail = `The VM has room for ${maximumCpus} CPUs: its topology is ${parts.join(' × ')}. For more, change the topology with virsh edit.`;
    throw new ProblemError('invalid-input', detail, { errors: [{ pointer: '/cpus', detail }] });
  }

  async #memory(definition: DomainDefinition, memoryMiB?: number): Promise<void> {
    const { machine, memoryMiB: now, maximumMemoryMiB, numaCellsMiB, name } = definition;
    if (memoryMiB === undefined || (memoryMiB === now && memoryMiB === maximumMemoryMiB)) return;
    if (numaCellsMiB.length > 0)
      throw new ProblemError(
        'host-rejected',
        `The memory of "${name}" is divided among ${numaCellsMiB.length} NUMA cells (${numaCellsMiB.join(' + ')} MiB), and libvirt cannot change the sum. Change the cells with virsh edit; the VM takes them over at its next start.`,
      );
    if (memoryMiB > maximumMemoryMiB)
      requireFits({ memoryMiB }, { limits: await this.#limits.of(machine), capacity: {} });
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
