import type { JsonObject } from '../json.ts';
import type { PrismProcess } from './prism-process.ts';

export interface Site {
  readonly cluster: string;
  readonly managed: string;
  readonly unmanaged: string;
  readonly image: string;
}

export async function siteOf(prism: PrismProcess): Promise<Site> {
  return {
    cluster: await prism.named('cluster', 'cluster-a'),
    managed: await prism.named('subnet', 'vlan10'),
    unmanaged: await prism.named('subnet', 'vlan20-unmanaged'),
    image: await prism.named('image', 'tiny-linux'),
  };
}

/** A create request like that of G1. */
export function vmRequest(site: Site, name: string, resources: JsonObject = {}): JsonObject {
  return {
    metadata: { kind: 'vm' },
    spec: {
      name,
      description: 'demo',
      cluster_reference: { kind: 'cluster', uuid: site.cluster },
      resources: {
        num_sockets: 1,
        num_threads_per_core: 1,
        memory_size_mib: 1024,
        boot_config: { boot_type: 'UEFI' },
        disk_list: [{ disk_size_mib: 8192, data_source_reference: { kind: 'image', uuid: site.image } }],
        nic_list: [{ subnet_reference: { kind: 'subnet', uuid: site.managed } }],
        ...resources,
      },
    },
  };
}

/** Makes a VM and waits for it. */
export async function makeVm(
  prism: PrismProcess,
  site: Site,
  name: string,
  resources: JsonObject = {},
): Promise<string> {
  const answer = await prism.v3('POST', '/vms', vmRequest(site, name, resources));
  const task = await prism.done(answer);
  if (task['status'] !== 'SUCCEEDED') throw new Error(`create failed: ${JSON.stringify(task)}`);
  return String((answer.body['metadata'] as JsonObject)['uuid']);
}

export async function readVm(
  prism: PrismProcess,
  uuid: string,
): Promise<{ metadata: JsonObject; spec: JsonObject; status: JsonObject }> {
  const { body } = await prism.v3('GET', `/vms/${uuid}`);
  return body as unknown as { metadata: JsonObject; spec: JsonObject; status: JsonObject };
}

/** Sends a VM back as it was read, without its status, changed by `change`. */
export async function putVm(
  prism: PrismProcess,
  uuid: string,
  change: (spec: JsonObject, metadata: JsonObject) => void,
) {
  const { spec, metadata } = await readVm(prism, uuid);
  change(spec, metadata);
  return prism.v3('PUT', `/vms/${uuid}`, { spec, metadata, api_version: '3.1' });
}

export const resourcesOf = (part: JsonObject): JsonObject => part['resources'] as JsonObject;
