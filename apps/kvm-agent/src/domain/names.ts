import { nameKey, ProblemError, type NativeId } from '@polyvirt/contracts';
import type { Libvirt } from '@polyvirt/node-libvirt';

/** Throws `name-taken` if another machine has the name, in whatever case and spelling; libvirt itself compares bytes. */
export async function refuseTakenName(libvirt: Libvirt, name: string, own: NativeId): Promise<void> {
  const key = nameKey(name);
  const domains = await libvirt.domains.list();
  const namesake = domains.find((domain) => domain.uuid !== own && nameKey(domain.name) === key);
  if (namesake)
    throw new ProblemError(
      'name-taken',
      `A VM called "${namesake.name}" is already on this host: ${namesake.uuid}. Choose another name.`,
    );
}
