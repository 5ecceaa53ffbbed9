import { z } from 'zod';
import { isSeen, unseenFault } from '../given-name.ts';
import { HostId, NativeId, OperationId, Timestamp, VmId } from '../ids.ts';
import { PendingChange } from '../plan/plan.ts';
import { unique } from '../unique.ts';

export const Hypervisor = z.enum(['kvm', 'vmware', 'nutanix']).meta({ id: 'Hypervisor' });
export type Hypervisor = z.infer<typeof Hypervisor>;

/** What the hypervisor shows. "Starting" is no state: it is `stopped` plus a running operation. */
export const VmState = z
  .enum(['running', 'stopped', 'paused', 'suspended', 'crashed', 'unknown'])
  .meta({ id: 'VmState' });
export type VmState = z.infer<typeof VmState>;

export const Firmware = z.enum(['bios', 'uefi']).meta({ id: 'Firmware' });
export type Firmware = z.infer<typeof Firmware>;

/** A name we give. Names of machines that other tools made may be anything the hypervisor allows. */
export const VmName = z
  .string()
  .min(1, 'A VM needs a name.')
  .refine((name) => [...name].length <= 80, 'A name has at most 80 characters.')
  .refine((name) => name === name.trim(), 'A name does not begin or end with white space.')
  .refine(
    (name) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}/\\]/u.test(name),
    'A name has no slash, backslash or control character.',
  )
  .refine(isSeen, unseenFault)
  .refine((name) => name !== '.' && name !== '..', 'A name is not a dot or two.')
  .describe('Up to 80 characters; spaces, quotes, accents and emoji are fine, slashes and control characters are not.')
  .meta({ id: 'VmName' });
export type VmName = z.infer<typeof VmName>;

export const Disk = z
  .object({
    device: z.string().describe('Name of the device on the host: `vda`, `scsi0:0`.'),
    sizeGiB: z
      .number()
      .nonnegative()
      .optional()
      .describe('Size that the guest sees; absent when the host cannot tell.'),
    path: z.string().optional().describe('Where the host keeps it; absent when that is not on the host itself.'),
  })
  .meta({ id: 'Disk' });
export type Disk = z.infer<typeof Disk>;

export const Nic = z
  .object({
    mac: z
      .string()
      .optional()
      .describe('Lower-case, with colons; absent while it has none, as before its first power-on.'),
    network: z
      .string()
      .optional()
      .describe('Name of the network on the host; absent when it is on none, or the host does not say on which.'),
    addresses: z.array(z.string()).describe('IP addresses that the host knows of; empty while unknown.'),
    connected: z.boolean().optional().describe('Whether its cable is plugged in; absent when the host cannot tell.'),
  })
  .meta({ id: 'Nic' });
export type Nic = z.infer<typeof Nic>;

export const BootDevice = z.enum(['disk', 'cdrom', 'network']).meta({ id: 'BootDevice' });
export type BootDevice = z.infer<typeof BootDevice>;

export const BootOrder = z
  .array(BootDevice)
  .min(1)
  .superRefine(unique((device) => device, 'This device is in the list already.'))
  .describe('What a VM tries to boot from, one after the other; what is not in it is not tried.');
export type BootOrder = z.infer<typeof BootOrder>;

export const Guest = z
  .object({
    hostname: z.string().optional(),
    os: z.string().optional().describe('Operating system, as the guest says.'),
    agent: z.boolean().describe('Whether a guest agent answers.'),
  })
  .meta({ id: 'Guest' });
export type Guest = z.infer<typeof Guest>;

/** What the guest says of itself when it is asked. */
export const GuestReport = Guest.extend({
  addresses: z.array(z.string()).describe('IP addresses that it has; empty while unknown.'),
}).meta({ id: 'GuestReport' });
export type GuestReport = z.infer<typeof GuestReport>;

/** One snapshot; `parent` makes the list a tree. */
export const Snapshot = z
  .object({
    id: z.string().describe('Id of the snapshot within its VM; used in the URL.'),
    name: z.string(),
    description: z.string().optional(),
    parent: z.string().nullable().describe('Id of the parent, null for a root.'),
    current: z.boolean().describe('Whether the VM runs on top of this one.'),
    memory: z.boolean().describe('Whether it holds the memory of the VM beside its disks.'),
    state: VmState.describe('State of the VM when it was taken.'),
    createdAt: Timestamp.optional().describe('Absent when the hypervisor does not know.'),
  })
  .meta({ id: 'Snapshot' });
export type Snapshot = z.infer<typeof Snapshot>;

/** What a driver knows of a VM: everything but the names the control plane gives. */
export const DriverVm = z.object({
  nativeId: NativeId,
  name: z.string(),
  state: VmState,
  cpus: z.int().positive().optional().describe('Absent when the host cannot tell.'),
  memoryMiB: z.number().positive().optional().describe('Absent when the host cannot tell.'),
  firmware: Firmware.optional(),
  disks: z.array(Disk),
  nics: z.array(Nic),
  cdrom: z
    .string()
    .nullable()
    .optional()
    .describe('Image in its CD-ROM drive, null while that is empty; absent when it has no drive.'),
  bootOrder: z
    .array(BootDevice)
    .optional()
    .describe('What it tries to boot from, one after the other; absent when the host cannot tell.'),
  template: z
    .boolean()
    .optional()
    .describe('Whether it is a template: it does not start, and is there to be cloned. Absent when its host has none.'),
  autostart: z
    .boolean()
    .optional()
    .describe('Whether it is powered on when its host starts; absent when the host cannot tell.'),
  guest: Guest.optional(),
  snapshots: z.array(Snapshot),
  pendingChanges: z.array(PendingChange).optional().describe('What applies at the next power-off, with its values.'),
  transient: z
    .boolean()
    .optional()
    .describe('Whether its host forgets it as soon as it is off; what would switch it off is refused then.'),
  display: z
    .boolean()
    .optional()
    .describe('Whether it has a display that a console can show; absent when the host cannot tell.'),
  serialPort: z
    .boolean()
    .optional()
    .describe('Whether it has a serial port that a text console can open; absent when the host cannot tell.'),
  unreadable: z.string().optional().describe('Why the host could not read it now; everything else is as last known.'),
  createdAt: Timestamp.optional().describe(
    'Absent when the hypervisor does not know; the time of first sight stands in.',
  ),
});
export type DriverVm = z.infer<typeof DriverVm>;

/** The record of a VM in `polyvirt_inventory` and in events. */
export const VmRecord = DriverVm.extend({
  id: VmId,
  host: HostId,
  hypervisor: Hypervisor,
  simulated: z.boolean().describe('Whether the host is a simulator.'),
  createdAt: Timestamp,
  observedAt: Timestamp.describe('When the agent saw what this record says.'),
}).meta({ id: 'VmRecord' });
export type VmRecord = z.infer<typeof VmRecord>;

export const labelKey = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/,
    'A label key has 1 to 63 letters, digits, dots, hyphens, underscores and slashes.',
  );
export const Labels = z
  .record(labelKey, z.string().max(256))
  .refine((labels) => Object.keys(labels).length <= 64, 'At most 64 labels.')
  .meta({ id: 'Labels' });
export type Labels = z.infer<typeof Labels>;

export const Notes = z.string().max(16_384).describe('Free text.');

/** A VM as the API shows it. Snapshots have a list of their own. */
export const Vm = VmRecord.omit({ snapshots: true })
  .extend({
    operation: OperationId.optional().describe('The operation that is running on it.'),
    snapshotCount: z.int().nonnegative(),
    labels: Labels,
    notes: z.string(),
    protected: z.boolean().describe('A protected VM cannot be deleted.'),
    revision: z
      .int()
      .describe(
        'Grows with every change of the record. It is not the ETag: send back the `ETag` header of the answer in `If-Match`, not this number.',
      ),
  })
  .meta({ id: 'Vm' });
export type Vm = z.infer<typeof Vm>;

/** The definition of a machine in the words of its hypervisor, and the files that make it up. */
export const NativeDefinition = z
  .object({
    format: z.enum(['libvirt-xml', 'vmx', 'prism-spec']),
    text: z.string().describe('The document, without passwords and keys.'),
    files: z.array(z.string()).describe('Absolute paths on the host.'),
  })
  .meta({ id: 'NativeDefinition' });
export type NativeDefinition = z.infer<typeof NativeDefinition>;
