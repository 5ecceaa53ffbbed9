import { z } from 'zod';
import { HostId } from '../ids.ts';
import { pageOf, paging, severalOf } from '../page.ts';
import { Hypervisor, Vm, VmState } from './vm.ts';

const sortKeys = ['name', 'host', 'state', 'cpus', 'memoryMiB', 'createdAt', 'observedAt'] as const;

/**
 * Filters of VMs. All that are given have to fit; of several values of one filter, any: `state=running,paused`. Of labels
 * all, as a VM has many of them. What nothing fits, a host that there is not for one, finds nothing.
 */
export const vmFilter = {
  host: severalOf(HostId).optional().describe('Ids of hosts: `kvm-lab1,kvm-lab2`.'),
  hypervisor: severalOf(Hypervisor).optional().describe('Hypervisors: `kvm,vmware`.'),
  state: severalOf(VmState).optional().describe('States: `running,paused`.'),
  name: severalOf(z.string().min(1).max(255)).optional().describe('Whole names; a comma within one is `\\,`.'),
  label: severalOf(z.string().min(1).max(320))
    .optional()
    .describe('Labels that it has to have: `env=test,team`; without a value, whatever that is.'),
  template: z
    .union([z.boolean(), z.stringbool()])
    .optional()
    .describe('`true`: templates only; `false`: everything else.'),
  q: z.string().min(1).max(255).optional().describe('Part of a name, id, address or label, in any case.'),
} as const;

/** Query of `GET /stats/summary`. */
export const VmFilterQuery = z.strictObject(vmFilter).meta({ id: 'VmFilterQuery' });
export type VmFilterQuery = z.infer<typeof VmFilterQuery>;

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
