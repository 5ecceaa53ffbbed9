/** What Workstation cannot do, in the words in which the capabilities say so and a refusal does. */
export const noSnapshotWithoutMemory =
  'Workstation keeps the memory of a running VM with every snapshot. Stop it first, or ask for one with memory.';
export const noGrowthWithSnapshots =
  'A disk that stands on a snapshot, or on the disk of another VM, cannot grow. Delete its snapshots first, or make a full clone.';
export const onlyAtPowerOn =
  'Workstation reads the hardware of a VM at power-on only, so the change waits for its power-off.';
export const noBootOrderOfUefi =
  'UEFI firmware keeps its boot order in its variables, which Workstation changes in the firmware menu of the VM only.';
export const noAutostart =
  'Workstation starts VMs with their host by a service of its own, which only its window sets up: File, Configure Auto Start VMs.';
