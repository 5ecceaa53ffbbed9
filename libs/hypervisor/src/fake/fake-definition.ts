import type { Hypervisor, NativeDefinition } from '@polyvirt/contracts';
import type { FakeMachine } from './fake-machine.ts';

/** The definition of a fake machine, in the format that products of its kind use. */
export function definitionOf(machine: FakeMachine, hypervisor: Hypervisor): NativeDefinition {
  const files = machine.disks.map(({ path }) => path);
  switch (hypervisor) {
    case 'kvm':
      return { format: 'libvirt-xml', text: asXml(machine), files };
    case 'vmware':
      return { format: 'vmx', text: asVmx(machine), files };
    case 'nutanix':
      return { format: 'prism-spec', text: asSpec(machine), files: [] };
  }
}

function asXml({ nativeId, name, cpus, memoryMiB, disks }: FakeMachine): string {
  const devices = disks.map(
    ({ device, path }) => `<disk><source file='${xml(path)}'/><target dev='${device}'/></disk>`,
  );
  return [
    `<domain type='qemu'>`,
    `  <name>${xml(name)}</name>`,
    `  <uuid>${xml(nativeId)}</uuid>`,
    `  <memory unit='MiB'>${memoryMiB}</memory>`,
    `  <vcpu>${cpus}</vcpu>`,
    `  <devices>${devices.join('')}</devices>`,
    `</domain>`,
    '',
  ].join('\n');
}

function asVmx({ name, cpus, memoryMiB, disks }: FakeMachine): string {
  const lines = [`displayName = "${name.replaceAll('"', '|22')}"`, `numvcpus = "${cpus}"`, `memsize = "${memoryMiB}"`];
  for (const [index, { path }] of disks.entries()) lines.push(`scsi0:${index}.fileName = "${path}"`);
  return `${lines.join('\n')}\n`;
}

function asSpec({ name, cpus, memoryMiB }: FakeMachine): string {
  const resources = { num_sockets: cpus, num_vcpus_per_socket: 1, memory_size_mib: memoryMiB };
  return `${JSON.stringify({ spec: { name, resources }, metadata: { kind: 'vm' } }, null, 2)}\n`;
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll("'", '&apos;')
    .replaceAll('"', '&quot;');
}
