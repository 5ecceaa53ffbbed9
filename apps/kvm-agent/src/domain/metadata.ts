import { buildXml, child, texts, text, type Xml } from '../xml.ts';

/** Namespace of what we keep in the metadata of a domain. */
export const METADATA_URI = 'https://polyvirt.dev/libvirt/1';
export const METADATA_PREFIX = 'polyvirt';

/** What we keep about a machine in its own definition. */
export interface OwnMetadata {
  readonly createdAt: string | undefined;
  /** The name that it is to get once it is off. */
  readonly pendingName: string | undefined;
  /** Files below its disks that were a disk of a machine before a linked clone was made: with the last user they go too. */
  readonly bases: readonly string[];
}

export function readMetadata(domain: Xml | undefined): OwnMetadata {
  const own = child(child(domain, 'metadata'), `${METADATA_PREFIX}:vm`);
  return {
    createdAt: text(own, `${METADATA_PREFIX}:created`),
    pendingName: text(own, `${METADATA_PREFIX}:pendingName`),
    bases: texts(own, `${METADATA_PREFIX}:base`),
  };
}

/** The element as libvirt takes it, which adds the prefix by itself. */
export function buildMetadata({ createdAt, pendingName, bases }: OwnMetadata): string {
  return buildXml({
    vm: {
      ...(createdAt === undefined ? {} : { created: createdAt }),
      ...(pendingName === undefined ? {} : { pendingName }),
      ...(bases.length > 0 ? { base: [...bases] } : {}),
    },
  });
}
