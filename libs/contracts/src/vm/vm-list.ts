import { z } from 'zod';
import { HostId } from '../ids.ts';
import { pageOf, paging } from '../page.ts';
import { Hypervisor, Vm, VmState } from './vm.ts';

const sortKeys = ['name', 'host', 'state', 'cpus', 'memoryMiB', 'createdAt', 'observedAt'] as const;

export const vmFilter = {
  host: HostId.optional(),
  hypervisor: Hypervisor.optional(),
  state: VmState.optional(),
  name: z.string().min(1).max(255).optional().describe('The whole name.'),
  label: z.string().min(1).max(320).optional().describe('`env=test`, or `env` for any value.'),
  q: z.string().min(1).max(255).optional().describe('Part of a name, id, address or label, in any case.'),
} as const;

/** Query of `GET /vms`. */
export const VmListQuery = z
  .strictObject({
    ...vmFilter,
    sort: z
      .enum([...sortKeys, ...sortKeys.map((key) => `-${key}` as const)])
      .default('name')
      .describe('`-` in front reverses.'),
    ...paging,
  })
  .meta({ id: 'VmListQuery' });
export type VmListQuery = z.infer<typeof VmListQuery>;

export const VmPage = pageOf(Vm, 'VmPage');

export const ConsoleTicket = z
  .object({
    url: z.string().describe('Path of the WebSocket, ticket included; it opens once.'),
    protocol: z.literal('rfb'),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'ConsoleTicket' });
export type ConsoleTicket = z.infer<typeof ConsoleTicket>;
