import type { Domain } from '@polyvirt/node-libvirt';
import { buildXml } from '../xml.ts';
import { readDomain } from './domain-reader.ts';
import { METADATA_PREFIX, METADATA_URI } from './domain-xml.ts';

/** What we keep in the metadata of a domain, also of one that another tool made. */
export interface OwnMetadata {
  readonly pendingName: string | undefined;
  readonly crashSettled: boolean;
  readonly template: boolean;
  readonly leaving: readonly { readonly mac: string; readonly network: string }[];
  readonly doomed: readonly string[];
}

/** Changes a part of it; a domain of which we have nothing to keep has no metadata of ours. */
export async function changeOwnMetadata(domain: Domain, change: Partial<OwnMetadata>): Promise<void> {
  const before = readDomain(await domain.xml());
  const { createdAt, pendingName, crashSettled, template, leaving, doomed, bases } = { ...before, ...change };
  const isSame = (one: OwnMetadata, other: OwnMetadata) =>
    one.pendingName === other.pendingName &&
    one.crashSettled === other.crashSettled &&
    one.template === other.template &&
    JSON.stringify([one.leaving, one.doomed]) === JSON.stringify([other.leaving, other.doomed]);
  if (isSame(before, { pendingName, crashSettled, template, leaving, doomed })) return;
  const kept = {
    ...(createdAt === undefined ? {} : { created: createdAt }),
    ...(pendingName === undefined ? {} : { pendingName }),
    ...(crashSettled ? { crashSettled: 'yes' } : {}),
    ...(template ? { template: 'yes' } : {}),
    ...(leaving.length === 0 ? {} : { leaving: leaving.map(({ mac, network }) => `${mac} ${network}`) }),
    ...(doomed.length === 0 ? {} : { doomed: [...doomed] }),
    ...(bases.length === 0 ? {} : { base: [...bases] }),
  };
  const element = Object.keys(kept).length === 0 ? null : buildXml({ vm: kept });
  const [live, config] = await Promise.all([domain.isActive(), domain.isPersistent()]);
  await domain.setMetadataElement(METADATA_URI, METADATA_PREFIX, element, { live, config });
}
