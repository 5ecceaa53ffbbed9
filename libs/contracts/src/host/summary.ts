import { z } from 'zod';
import { HostId, Timestamp } from '../ids.ts';
import { Hypervisor, VmState } from '../vm/vm.ts';
import { Capabilities } from './capabilities.ts';
import { Health, HostState } from './host.ts';

/** Answer of `GET /stats/summary`: the numbers of a dashboard, from memory. */
export const StatsSummary = z
  .object({
    hosts: z.object({ total: z.int(), ready: z.int(), draining: z.int(), offline: z.int() }),
    vms: z.object({
      total: z.int(),
      byState: z.record(VmState, z.int()),
      byHypervisor: z.record(Hypervisor, z.int()),
    }),
    cpus: z
      .object({ allocated: z.int(), running: z.int() })
      .describe('Virtual CPUs of all VMs, and of the running ones.'),
    memoryMiB: z.object({ allocated: z.number(), running: z.number() }),
    load: z
      .object({ cpuPercent: z.number().optional(), memoryPercent: z.number().optional() })
      .describe('Over the VMs with a recent reading, weighted by their size; absent without any.'),
    operations: z.object({ pending: z.int(), running: z.int() }),
    observedAt: Timestamp,
  })
  .meta({ id: 'StatsSummary' });
export type StatsSummary = z.infer<typeof StatsSummary>;

/** Answer of `GET /providers/status`: one line for each host, as the dashboard of the hypervisors wants it. */
export const ProvidersStatus = z
  .object({
    providers: z.array(
      z.object({
        host: HostId,
        hypervisor: Hypervisor,
        state: HostState,
        health: Health,
        version: z.string().optional(),
        simulated: z.boolean(),
        vms: z.int(),
        capabilities: Capabilities,
        lastSeenAt: Timestamp.optional(),
      }),
    ),
  })
  .meta({ id: 'ProvidersStatus' });
export type ProvidersStatus = z.infer<typeof ProvidersStatus>;
