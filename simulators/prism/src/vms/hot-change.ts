import type { VmConfig } from '../state/records.ts';

type Difference = (before: VmConfig, after: VmConfig) => boolean;

const moved =
  <K extends keyof VmConfig>(key: K): Difference =>
  (before, after) =>
    JSON.stringify(before[key]) !== JSON.stringify(after[key]);

const count = (config: VmConfig, matches: (disk: VmConfig['disks'][number]) => boolean): number =>
  config.disks.filter(matches).length;

/** Changes for which maintained clients power the VM off first. Source: Terraform's `hotPlugChange = false` paths and the Ansible collection. */
const NEEDS_OFF: Readonly<Record<string, Difference>> = {
  num_vcpus_per_socket: moved('numVcpusPerSocket'),
  num_threads_per_core: moved('numThreadsPerCore'),
  num_sockets: (a, b) => b.numSockets < a.numSockets || (b.numSockets > a.numSockets && !a.cpuHotplug),
  memory_size_mib: (a, b) => b.memoryMiB < a.memoryMiB || (b.memoryMiB > a.memoryMiB && !a.cpuHotplug),
  enable_cpu_passthrough: moved('cpuPassthrough'),
  is_vcpu_hard_pinned: moved('vcpuHardPinned'),
  vnuma_config: moved('vnumaNodes'),
  hardware_clock_timezone: moved('timezone'),
  vga_console_enabled: moved('vgaConsole'),
  guest_customization: moved('guestCustomization'),
  serial_port_list: moved('serialPorts'),
  gpu_list: moved('gpus'),
  machine_type: moved('machineType'),
  boot_config: (a, b) => moved('bootType')(a, b) || moved('bootOrder')(a, b) || moved('bootDevice')(a, b),
  parent_reference: moved('parent'),
  vtpm_config: moved('vtpm'),
  'nic_list.num_queues': (a, b) =>
    b.nics.some((nic) => a.nics.some((old) => old.uuid === nic.uuid && old.queues !== nic.queues)),
  'disk_list (CDROM)': (a, b) =>
    count(a, ({ deviceType }) => deviceType === 'CDROM') !== count(b, ({ deviceType }) => deviceType === 'CDROM'),
  'disk_list (IDE, SATA)': (a, b) =>
    b.disks.some(
      (disk) => ['IDE', 'SATA'].includes(disk.adapterType) && !a.disks.some(({ uuid }) => uuid === disk.uuid),
    ) || a.disks.some((disk) => disk.adapterType !== 'SCSI' && !b.disks.some(({ uuid }) => uuid === disk.uuid)),
};

/** The parts of a change that a running VM does not take. */
export const changesThatNeedPowerOff = (before: VmConfig, after: VmConfig): string[] =>
  Object.entries(NEEDS_OFF).flatMap(([field, differs]) => (differs(before, after) ? [field] : []));
