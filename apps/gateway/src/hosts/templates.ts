import type { HostRecord, Template, VmRecord } from '@polyvirt/contracts';

/**
 * What a new VM of a host can be made from: what its driver lists, and the VMs that were made templates, which memory knows
 * before the driver lists them anew. `vms` are those of the host.
 */
export function templatesOf({ templates }: Pick<HostRecord, 'templates'>, vms: Iterable<VmRecord>): Template[] {
  const marked = new Map<string, string>();
  for (const { nativeId, name, template } of vms) if (template === true) marked.set(nativeId, name);
  const listed = templates.map((template) => ({ ...template, marked: marked.delete(template.nativeId) }));
  return [...listed, ...[...marked].map(([nativeId, name]) => ({ nativeId, name, marked: true }))];
}
