import { ProblemError } from '@polyvirt/contracts';
import type { Domain } from '@polyvirt/node-libvirt';

/** How a transient machine becomes one like any other, without being stopped. */
const adviceFor = (domain: Domain) =>
  `Make it permanent first, which it survives: virsh dumpxml --security-info ${domain.uuid} > vm.xml && virsh define vm.xml`;

const consequences = {
  restart: 'it would be gone for good once it is off',
  suspend: 'it would be gone for good once its memory is saved',
  reconfigure: 'it has no definition that a change could be kept in',
  clone: 'it cannot be off, which a clone needs',
  snapshot: 'it has no definition that a snapshot could be kept with',
  delete: 'there is nothing to delete: it vanishes by itself when it is stopped, and its disks stay',
} as const;

/** libvirt forgets a transient domain when it ends, so whatever ends it is refused before anything happens. */
export async function refuseIfTransient(domain: Domain, action: keyof typeof consequences): Promise<void> {
  if (await domain.isPersistent()) return;
  const permanent = action === 'delete' ? '' : ` ${adviceFor(domain)}`;
  throw new ProblemError(
    'host-rejected',
    `The VM is transient (made with virsh create, and known only while it runs): ${consequences[action]}.${permanent}`,
  );
}
