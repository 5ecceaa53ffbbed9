import type { Libvirt } from '../libvirt.ts';

export interface NodeInfo {
  model: string;
  /** Sum of the NUMA cells, which can differ from what the host's kernel shows. */
  memoryKiB: number;
  cpus: number;
  mhz: number;
  numaNodes: number;
  sockets: number;
  cores: number;
  threads: number;
}

/** Nanoseconds since the host started, over all CPUs. */
export interface NodeCpuTimes {
  kernelNs: bigint;
  userNs: bigint;
  idleNs: bigint;
  ioWaitNs: bigint;
}

export interface NodeMemory {
  totalKiB: number;
  freeKiB: number;
  buffersKiB: number;
  cachedKiB: number;
}

export interface Version {
  major: number;
  minor: number;
  micro: number;
}

/** The machine that the daemon runs on, and the daemon itself. */
export class Host {
  private readonly libvirt: Libvirt;
  private cpuFields: number | undefined;
  private memoryFields: number | undefined;

  constructor(libvirt: Libvirt) {
    this.libvirt = libvirt;
  }

  /** XML. The first call may start QEMU to see what it can do. */
  async capabilities(): Promise<string> {
    return (await this.libvirt.call.connectGetCapabilities()).capabilities;
  }

  /** XML of what one emulator, architecture, machine and type (`kvm`, `qemu`) can do. Refused when read-only. */
  async domainCapabilities(
    options: { emulator?: string; arch?: string; machine?: string; type?: string } = {},
  ): Promise<string> {
    const { emulator = null, arch = null, machine = null, type = null } = options;
    const reply = await this.libvirt.call.connectGetDomainCapabilities({
      emulatorbin: emulator,
      arch,
      machine,
      virttype: type,
    });
    return reply.capabilities;
  }

  async info(): Promise<NodeInfo> {
    const info = await this.libvirt.call.nodeGetInfo();
    return {
      model: info.model,
      memoryKiB: Number(info.memory),
      cpus: info.cpus,
      mhz: info.mhz,
      numaNodes: info.nodes,
      sockets: info.sockets,
      cores: info.cores,
      threads: info.threads,
    };
  }

  async cpuTimes(): Promise<NodeCpuTimes> {
    // Drivers refuse any other number of fields than the one they have.
    this.cpuFields ??= (await this.libvirt.call.nodeGetCpuStats({ cpuNum: ALL, nparams: 0 })).nparams;
    const { params } = await this.libvirt.call.nodeGetCpuStats({ cpuNum: ALL, nparams: this.cpuFields });
    const value = (field: string): bigint => params.find((entry) => entry.field === field)?.value ?? 0n;
    return { kernelNs: value('kernel'), userNs: value('user'), idleNs: value('idle'), ioWaitNs: value('iowait') };
  }

  async memory(): Promise<NodeMemory> {
    this.memoryFields ??= (await this.libvirt.call.nodeGetMemoryStats({ cellNum: ALL, nparams: 0 })).nparams;
    const { params } = await this.libvirt.call.nodeGetMemoryStats({ cellNum: ALL, nparams: this.memoryFields });
    const value = (field: string): number => Number(params.find((entry) => entry.field === field)?.value ?? 0);
    return {
      totalKiB: value('total'),
      freeKiB: value('free'),
      buffersKiB: value('buffers'),
      cachedKiB: value('cached'),
    };
  }

  async hostname(): Promise<string> {
    return (await this.libvirt.call.connectGetHostname()).hostname;
  }

  /** Of the hypervisor: `QEMU`. */
  async type(): Promise<string> {
    return (await this.libvirt.call.connectGetType()).type;
  }

  async hypervisorVersion(): Promise<Version> {
    return version((await this.libvirt.call.connectGetVersion()).hvVer);
  }

  async libvirtVersion(): Promise<Version> {
    return version((await this.libvirt.call.connectGetLibVersion()).libVer);
  }

  /** SMBIOS as XML. Rejects with CONFIG_UNSUPPORTED on a host without. */
  async sysinfo(): Promise<string> {
    return (await this.libvirt.call.connectGetSysinfo()).sysinfo;
  }

  async cpuModels(arch: string): Promise<string[]> {
    return (await this.libvirt.call.connectGetCpuModelNames({ arch })).models;
  }

  /** One of the protocol's feature numbers. Asking for 10 would make the daemon expect answers to its keepalive. */
  async supportsFeature(feature: number): Promise<boolean> {
    return (await this.libvirt.call.connectSupportsFeature({ feature })).supported;
  }
}

const ALL = -1;

function version(coded: bigint): Version {
  const value = Number(coded);
  return { major: Math.floor(value / 1_000_000), minor: Math.floor(value / 1_000) % 1_000, micro: value % 1_000 };
}
