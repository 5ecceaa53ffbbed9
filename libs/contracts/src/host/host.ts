import { z } from 'zod';
import { HostId, Timestamp } from '../ids.ts';
import { ImageKind } from '../image/image-name.ts';
import { Hypervisor } from '../vm/vm.ts';
import { Capabilities } from './capabilities.ts';

export const Health = z
  .object({
    status: z.enum(['healthy', 'unhealthy', 'undetected']).describe('`undetected`: there is no such hypervisor here.'),
    detail: z.string().describe('A sentence for the operator.'),
  })
  .meta({ id: 'Health' });
export type Health = z.infer<typeof Health>;

export const Image = z
  .object({
    name: z.string(),
    kind: ImageKind,
    sizeGiB: z.number().nonnegative().optional().describe('Size that a guest sees; absent when the host cannot tell.'),
    format: z.string().optional(),
    path: z.string().optional(),
  })
  .meta({ id: 'Image' });
export type Image = z.infer<typeof Image>;

export const Network = z
  .object({
    name: z.string(),
    kind: z.string().describe('In the words of the hypervisor: `nat`, `bridge`, `vlan`.'),
    active: z.boolean(),
    cluster: z.string().optional().describe('Cluster that it belongs to, where a host has several.'),
    cidr: z.string().optional().describe('Address of the network with its prefix: `192.168.122.0/24`.'),
    gateway: z.string().optional().describe('Address of its gateway.'),
    dhcp: z.boolean().optional(),
    fixedAddresses: z.boolean().describe('Whether a NIC can ask for a fixed address.'),
    ranges: z
      .array(z.object({ from: z.string(), to: z.string() }))
      .optional()
      .describe(
        'Fixed addresses that a NIC may ask for; absent: all of the network but its own address, broadcast and gateway.',
      ),
    reserved: z
      .array(z.object({ address: z.string(), mac: z.string().optional() }))
      .optional()
      .describe('Addresses that the host keeps for somebody already.'),
  })
  .meta({ id: 'Network' });
export type Network = z.infer<typeof Network>;

export const Template = z
  .object({
    nativeId: z.string(),
    name: z.string(),
    sizeGiB: z.number().nonnegative().optional(),
    marked: z
      .boolean()
      .optional()
      .describe('Whether it was made a template; others are VMs that are off, or that the host keeps for it.'),
  })
  .meta({ id: 'Template' });
export type Template = z.infer<typeof Template>;

/** A disk of a host that no VM has: one that was kept, was left behind, or was found there. */
export const Volume = z
  .object({
    id: z.string().describe('Opaque; by it the volume is attached or deleted.'),
    name: z.string(),
    sizeGiB: z.number().nonnegative().optional().describe('Size that a guest sees; absent when the host cannot tell.'),
    usedGiB: z.number().nonnegative().optional().describe('What it takes on the host.'),
    format: z.string().optional(),
    path: z.string().optional().describe('Where the host keeps it.'),
    modifiedAt: Timestamp.optional().describe('When it was last written to.'),
    lastVm: z
      .string()
      .optional()
      .describe('Native id of the VM that it was made for, where the host knows; the VM may be gone.'),
  })
  .meta({ id: 'Volume' });
export type Volume = z.infer<typeof Volume>;

export const Capacity = z.object({
  cpus: z.int().nonnegative().optional(),
  memoryMiB: z.number().nonnegative().optional(),
  memoryFreeMiB: z.number().nonnegative().optional(),
  storageGiB: z.number().nonnegative().optional(),
  storageFreeGiB: z.number().nonnegative().optional(),
});
export type Capacity = z.infer<typeof Capacity>;

/** What no VM of the host can exceed, as far as it is known. */
export const HostLimits = z
  .object({
    cpusPerVm: z.int().positive().optional(),
    cpusBeyondHost: z
      .boolean()
      .optional()
      .describe('Whether a VM can have more CPUs than the host, which its CPUs then share; absent: it cannot.'),
    memoryMiBPerVm: z.number().positive().optional(),
    userDataBytes: z.int().positive().optional().describe('Of cloud-init user data in UTF-8.'),
    macRanges: z
      .array(z.object({ from: z.string(), to: z.string() }))
      .optional()
      .describe('MAC addresses that a NIC may ask for; absent: every one that a single machine can have.'),
  })
  .meta({ id: 'HostLimits' });
export type HostLimits = z.infer<typeof HostLimits>;

/** What a driver's probe says of its hypervisor. */
export const HostStatus = z.object({
  health: Health,
  version: z.string().optional().describe('Of the hypervisor.'),
  capabilities: Capabilities,
  capacity: Capacity,
  limits: HostLimits.optional(),
  notes: z.array(z.string()).describe('Facts the operator should know, such as which acceleration is used and why.'),
});
export type HostStatus = z.infer<typeof HostStatus>;

/** The record of a host in `polyvirt_hosts`. */
export const HostRecord = HostStatus.extend({
  id: HostId,
  hypervisor: Hypervisor,
  simulated: z.boolean(),
  agentVersion: z.string(),
  incarnation: z.string().describe('Changes with every start of the agent.'),
  images: z.array(Image),
  networks: z.array(Network),
  templates: z.array(Template),
  volumes: z.array(Volume).default([]),
  reconciledAt: Timestamp.optional().describe('When the whole inventory was last compared with the host.'),
  observedAt: Timestamp,
}).meta({ id: 'HostRecord' });
export type HostRecord = z.infer<typeof HostRecord>;

export const HostState = z.enum(['ready', 'draining', 'offline']).meta({ id: 'HostState' });
export type HostState = z.infer<typeof HostState>;

/** Whether a host that joins, or has joined, is there. */
export const ShownHostState = z.enum([...HostState.options, 'joining']).meta({ id: 'ShownHostState' });
export type ShownHostState = z.infer<typeof ShownHostState>;

/** How a host came in by a join token. */
export const HostJoin = z
  .object({
    tokenExpiresAt: Timestamp.optional().describe(
      'Until when somebody may join by the token that was made last; absent once it was used.',
    ),
    joinedAt: Timestamp.optional().describe('When the machine joined; absent before.'),
    joinedFrom: z.string().optional().describe('Address that it joined from.'),
  })
  .meta({ id: 'HostJoin' });
export type HostJoin = z.infer<typeof HostJoin>;

/** A host as the API shows it. Images, networks, templates and volumes have lists of their own. */
export const Host = HostRecord.omit({ images: true, networks: true, templates: true, volumes: true, incarnation: true })
  .extend({
    agentVersion: HostRecord.shape.agentVersion.optional().describe('Absent until the agent has been there.'),
    observedAt: Timestamp.optional().describe('When the agent last looked; absent until it has been there.'),
    state: ShownHostState.describe(
      '`joining`: it was added, and its agent has not been there yet. `draining`: it takes nothing new.',
    ),
    join: HostJoin.optional().describe('Absent for a host that has its credential from whoever starts it.'),
    drain: z
      .object({ since: Timestamp, by: z.string() })
      .optional()
      .describe('Who told it to take nothing new; it takes commands to stop, suspend and delete.'),
    lastSeenAt: Timestamp.optional().describe('Last heartbeat.'),
    totals: z
      .object({ vms: z.int(), running: z.int(), cpus: z.int(), memoryMiB: z.number() })
      .describe('Over its VMs.'),
  })
  .meta({ id: 'Host' });
export type Host = z.infer<typeof Host>;

export const heartbeatEveryMs = 3_000;
/** A host that has been silent for so long is offline. */
export const offlineAfterMs = 10_000;

/** `polyvirt.v1.heartbeat.<host>` */
export const Heartbeat = z
  .object({
    host: HostId,
    incarnation: z.string(),
    state: z.enum(['ready', 'draining']),
    health: Health,
    startedAt: Timestamp,
    sentAt: Timestamp,
    brokerAheadMs: z
      .int()
      .optional()
      .describe('By how much the clock of the bus is ahead of that of the agent; absent until it is known.'),
  })
  .meta({ id: 'Heartbeat' });
export type Heartbeat = z.infer<typeof Heartbeat>;
