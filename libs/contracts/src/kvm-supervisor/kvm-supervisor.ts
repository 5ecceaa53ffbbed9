import { z } from 'zod';
import { HostId, OperationId, VmId } from '../ids.ts';
import type { VmState } from '../vm/vm.ts';

/**
 * The bodies of KVM Supervisor, as its clients know them: keys, their order and their types. Where it showed no body, this is the
 * one table that says what there is. A number that is not known is `null`: its key stays, and no value is made up.
 */

const known = z.int().nullable();
const percent = z.number().nullable();

/** Its three states. */
export const SupervisorState = z.enum(['running', 'stopped', 'paused']).meta({ id: 'SupervisorState' });
export type SupervisorState = z.infer<typeof SupervisorState>;

/** What each of our states is called there. Whether a machine may be running that is unknown cannot be said with its words. */
export const supervisorStates: Readonly<Record<VmState, SupervisorState>> = {
  running: 'running',
  paused: 'paused',
  stopped: 'stopped',
  suspended: 'stopped',
  crashed: 'stopped',
  unknown: 'stopped',
};

const machine = {
  name: z.string(),
  state: SupervisorState,
  vcpus: known,
  memory_mb: known,
  is_active: z.boolean(),
} as const;

export const SupervisorVm = z.object(machine).meta({ id: 'SupervisorVm' });
export type SupervisorVm = z.infer<typeof SupervisorVm>;

export const SupervisorVms = z.object({ count: z.int(), vms: z.array(SupervisorVm) }).meta({ id: 'SupervisorVms' });
export type SupervisorVms = z.infer<typeof SupervisorVms>;

export const SupervisorVmDetails = z
  .object({
    ...machine,
    uuid: z.string().describe('What its hypervisor calls it.'),
    id: VmId.describe('For `/api/v1`, and in place of a name that several VMs have.'),
    host: HostId,
    disks: z.array(z.object({ device: z.string(), path: z.string().nullable(), size_gb: z.number().nullable() })),
    interfaces: z.array(
      z.object({ mac: z.string().nullable(), network: z.string().nullable(), addresses: z.array(z.string()) }),
    ),
  })
  .meta({ id: 'SupervisorVmDetails' });
export type SupervisorVmDetails = z.infer<typeof SupervisorVmDetails>;

export const SupervisorMetrics = z
  .object({
    name: z.string(),
    state: SupervisorState,
    cpu_percent: percent,
    vcpus: known,
    memory_percent: percent,
    memory_used_mb: known,
    memory_total_mb: known,
    disk_io: z.array(z.object({ device: z.string(), read_bytes: known, write_bytes: known })),
    network_io: z.array(z.object({ interface: z.string(), rx_bytes: known, tx_bytes: known })),
  })
  .meta({ id: 'SupervisorMetrics' });
export type SupervisorMetrics = z.infer<typeof SupervisorMetrics>;

/** The message `all_metrics`. */
export interface SupervisorAllMetrics {
  readonly count: number;
  readonly metrics: readonly SupervisorMetrics[];
}

export const SupervisorSummary = z
  .object({
    total: z.int(),
    running: z.int(),
    stopped: z.int(),
    paused: z.int(),
    total_vcpus: z.int(),
    running_vcpus: z.int(),
    total_memory_mb: z.int(),
    running_memory_mb: z.int(),
  })
  .meta({ id: 'SupervisorSummary' });
export type SupervisorSummary = z.infer<typeof SupervisorSummary>;

export const SupervisorHealth = z
  .object({
    status: z.enum(['healthy', 'degraded']).describe('`degraded` when a libvirt is not connected.'),
    libvirt: z
      .enum(['connected', 'disconnected', 'none'])
      .describe('`connected` when that of every KVM host answers; `none` when there is no KVM host.'),
  })
  .meta({ id: 'SupervisorHealth' });
export type SupervisorHealth = z.infer<typeof SupervisorHealth>;

export const SupervisorPowerInput = z
  .object({ force: z.boolean().optional().describe('Pull the plug instead of asking the guest.') })
  .meta({ id: 'SupervisorPowerInput' });
export type SupervisorPowerInput = z.infer<typeof SupervisorPowerInput>;

export const SupervisorPowerAnswer = z
  .object({
    success: z.boolean(),
    message: z.string(),
    name: z.string(),
    state: SupervisorState,
    changed: z.boolean().describe('False when it already was as asked, or the operation has not ended.'),
    operation: OperationId.describe('Under `/api/v1/operations`.'),
  })
  .meta({ id: 'SupervisorPowerAnswer' });
export type SupervisorPowerAnswer = z.infer<typeof SupervisorPowerAnswer>;
