import {
  isOn,
  supervisorStates,
  type Metrics,
  type SupervisorMetrics,
  type SupervisorVm,
  type SupervisorVmDetails,
  type VmRecord,
} from '@polyvirt/contracts';

// TypeScript does not know it yet.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Python writes 12.0 where JavaScript writes 12, and typed clients take the one for a float and the other for an integer. */
const decimal = (value: number | undefined): number | null =>
  value === undefined ? null : (rawJSON(value.toFixed(1)) as number);

const whole = (value: number | undefined): number | null => (value === undefined ? null : Math.round(value));

export const vmBody = (vm: VmRecord): SupervisorVm => ({
  name: vm.name,
  state: supervisorStates[vm.state],
  vcpus: vm.cpus ?? null,
  memory_mb: whole(vm.memoryMiB),
  is_active: isOn(vm),
});

export const detailsBody = (vm: VmRecord): SupervisorVmDetails => ({
  ...vmBody(vm),
  uuid: vm.nativeId,
  id: vm.id,
  host: vm.host,
  disks: vm.disks.map(({ device, path, sizeGiB }) => ({ device, path: path ?? null, size_gb: decimal(sizeGiB) })),
  interfaces: vm.nics.map(({ mac, network, addresses }) => ({
    mac: mac ?? null,
    network: network ?? null,
    addresses: [...addresses],
  })),
});

/** A VM that is off uses nothing; of one that is on and has no reading nothing is known. */
export function metricsBody(vm: VmRecord, reading: Metrics | undefined): SupervisorMetrics {
  const isOff = !isOn(vm);
  const { cpuPercent, memoryPercent, memoryUsedMiB }: Partial<Metrics> = isOff
    ? { cpuPercent: 0, memoryPercent: 0, memoryUsedMiB: 0 }
    : (reading ?? {});
  const { disks, networks } = isOff || !reading ? { disks: [], networks: [] } : reading;
  return {
    name: vm.name,
    state: supervisorStates[vm.state],
    cpu_percent: decimal(cpuPercent),
    vcpus: vm.cpus ?? null,
    memory_percent: decimal(memoryPercent),
    memory_used_mb: whole(memoryUsedMiB),
    memory_total_mb: whole(reading?.memoryTotalMiB ?? vm.memoryMiB),
    disk_io: disks.map(({ device, readBytes, writeBytes }) => ({
      device,
      read_bytes: whole(readBytes),
      write_bytes: whole(writeBytes),
    })),
    network_io: networks.map((network) => ({
      interface: network.interface,
      rx_bytes: whole(network.rxBytes),
      tx_bytes: whole(network.txBytes),
    })),
  };
}
