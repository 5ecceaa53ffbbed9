import type { Domain } from '@polyvirt/node-libvirt';
import { METADATA_URI } from './domain/domain-xml.ts';
import { readDomain } from './domain/domain-reader.ts';
import { buildXml } from './xml.ts';

/** libvirt renames no running machine. The new name waits in its metadata and is applied once the machine is off. */
export class PendingNames {
  /** Notes the name that a running machine is to get; undefined forgets it. */
  async note(domain: Domain, name: string | undefined): Promise<void> {
    const { createdAt } = readDomain(await domain.xml());
    const element = buildXml({
      vm: {
        ...(createdAt === undefined ? {} : { created: createdAt }),
        ...(name === undefined ? {} : { pendingName: name }),
      },
    });
    await domain.setMetadataElement(METADATA_URI, 'polyvirt', element, { live: await domain.isActive(), config: true });
  }

  /** Gives a machine that is off the name that waits for it. Returns whether there was one. */
  async apply(domain: Domain): Promise<boolean> {
    if (await domain.isActive()) return false;
    const { name, pendingName } = readDomain(await domain.xml({ inactive: true }));
    if (pendingName === undefined) return false;
    if (pendingName !== name) await domain.rename(pendingName);
    await this.note(domain, undefined);
    return true;
  }
}
