import type { CloudInit } from '@polyvirt/contracts';
import { buildIso, type IsoFile } from './iso9660.ts';

/** What cloud-init needs to know of the machine it runs on. */
export interface SeedFacts {
  /** Changes with every VM: cloud-init runs again when it sees a new one. */
  readonly instanceId: string;
  readonly name: string;
}

/**
 * The volume `cidata` that cloud-init's NoCloud source looks for.
 * https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
 */
export function buildSeedIso({ instanceId, name }: SeedFacts, cloudInit: CloudInit): Buffer {
  const metaData = `instance-id: ${JSON.stringify(instanceId)}\nlocal-hostname: ${JSON.stringify(hostnameFrom(name))}\n`;
  const files: IsoFile[] = [
    { name: 'meta-data', content: Buffer.from(metaData) },
    { name: 'user-data', content: Buffer.from(cloudInit.userData) },
  ];
  if (cloudInit.networkConfig !== undefined)
    files.push({ name: 'network-config', content: Buffer.from(cloudInit.networkConfig) });
  return buildIso('cidata', files);
}

/** The nearest legal host name (RFC 1123) to the name of a VM; `vm` when nothing of it is legal. */
export function hostnameFrom(name: string): string {
  const label = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return label || 'vm';
}
