import type { Nic, NativeId } from '@polyvirt/contracts';
import type { Domain, Libvirt } from '@polyvirt/node-libvirt';
import { readDomain } from './domain-reader.ts';

export interface NicsOfVm {
  readonly name: string;
  readonly nics: Nic[];
}

/**
 * The interfaces of all domains but one: those of the next start, and those that it has now. A domain that cannot be read
 * keeps no other from getting an interface.
 */
export async function nicsOfOthers(
  libvirt: Libvirt,
  leases: ReadonlyMap<string, string[]>,
  except: NativeId | undefined,
): Promise<NicsOfVm[]> {
  const [domains, active] = await Promise.all([libvirt.domains.list(), libvirt.domains.list({ active: true })]);
  const isActive = new Set(active.map(({ uuid }) => uuid));
  const others = domains.filter(({ uuid }) => uuid !== except);
  const read = async (domain: Domain): Promise<NicsOfVm> => {
    const xml = [domain.xml({ inactive: true }), ...(isActive.has(domain.uuid) ? [domain.xml()] : [])];
    const nics = (await Promise.allSettled(xml.map((reading) => reading.then(readDomain)))).flatMap((definition) =>
      definition.status === 'fulfilled' ? definition.value.nics : [],
    );
    return {
      name: domain.name,
      nics: nics.map(({ mac, network }) => ({ mac, network, addresses: leases.get(mac) ?? [] })),
    };
  };
  return Promise.all(others.map(read));
}
