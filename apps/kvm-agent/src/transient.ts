import { ProblemError } from '@polyvirt/contracts';
import type { Domain } from '@polyvirt/node-libvirt';

/** What may be meant to end it for good. */
const mayGo: ReadonlySet<string> = new Set(['stop', 'delete']);

/**
 * libvirt keeps no definition of a transient domain: it is forgotten as soon as it is off. Throws `wrong-state` for one, so
 * that what would end it is refused before anything happens. `what` completes "before you …".
 */
export async function refuseTransient(domain: Domain, what: string): Promise<void> {
  if (await domain.isPersistent()) return;
  const { name, uuid } = domain;
  throw new ProblemError(
    'wrong-state',
    `"${name}" is transient: libvirt forgets it as soon as it is off. Define it before you ${what} it, which keeps it: virsh dumpxml ${uuid} > vm.xml && virsh define vm.xml${mayGo.has(what) ? `. If it may go for good: virsh destroy ${uuid}` : ''}`,
  );
}
