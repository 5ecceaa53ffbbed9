import type { Metrics, VmState } from '@polyvirt/contracts';
import type { VmEntry } from '../inventory/vm-entry.ts';

const bytesPerMiB = 1024 * 1024;

interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly lines: string[];
}

/** Text exposition of every VM: https://prometheus.io/docs/instrumenting/exposition_formats/. What is unknown has no sample. */
export function prometheusText(vms: Iterable<VmEntry>, latest: (vmId: string) => Metrics | undefined): string {
  const families: Family[] = [];
  const family = (name: string, type: Family['type'], help: string) => {
    const one: Family = { name: `polyvirt_vm_${name}`, type, help, lines: [] };
    families.push(one);
    return (labels: string, value: number | undefined) => {
      if (value !== undefined && Number.isFinite(value)) one.lines.push(`${one.name}{${labels}} ${value}`);
    };
  };
  const state = family('state', 'gauge', 'State of the VM; 1 for the one it is in.');
  const cpus = family('cpus', 'gauge', 'Virtual CPUs.');
  const cpu = family('cpu_percent', 'gauge', 'CPU use of all virtual CPUs together, 0 to 100.');
  const memoryUsed = family('memory_used_bytes', 'gauge', 'Memory the guest uses.');
  const memoryTotal = family('memory_total_bytes', 'gauge', 'Memory the guest has.');
  const memory = family('memory_percent', 'gauge', 'Used of total memory.');
  const read = family('disk_read_bytes_total', 'counter', 'Bytes read since power-on.');
  const written = family('disk_written_bytes_total', 'counter', 'Bytes written since power-on.');
  const received = family('network_receive_bytes_total', 'counter', 'Bytes received by the guest since power-on.');
  const sent = family('network_transmit_bytes_total', 'counter', 'Bytes sent by the guest since power-on.');
  const observed = family('metrics_timestamp_seconds', 'gauge', 'When the readings were taken.');

  for (const { id, record } of vms) {
    const labels = `vm="${escapeLabel(id)}",host="${record.host}",hypervisor="${record.hypervisor}",name="${escapeLabel(record.name)}"`;
    state(`${labels},state="${record.state satisfies VmState}"`, 1);
    cpus(labels, record.cpus);
    const reading = latest(id);
    if (!reading) continue;
    cpu(labels, reading.cpuPercent);
    memory(labels, reading.memoryPercent);
    memoryUsed(labels, times(reading.memoryUsedMiB, bytesPerMiB));
    memoryTotal(labels, times(reading.memoryTotalMiB, bytesPerMiB));
    for (const disk of reading.disks) {
      const device = `${labels},device="${escapeLabel(disk.device)}"`;
      read(device, disk.readBytes);
      written(device, disk.writeBytes);
    }
    for (const network of reading.networks) {
      const device = `${labels},interface="${escapeLabel(network.interface)}"`;
      received(device, network.rxBytes);
      sent(device, network.txBytes);
    }
    observed(labels, Date.parse(reading.observedAt) / 1_000);
  }
  return families
    .filter(({ lines }) => lines.length > 0)
    .map(({ name, type, help, lines }) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`)
    .join('');
}

const times = (value: number | undefined, factor: number) => (value === undefined ? undefined : value * factor);

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** A VM name may hold anything; in a label these three would end it early. */
export const escapeLabel = (text: string): string => text.replaceAll(/[\\"\n]/g, (character) => escapes[character]!);
