import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from './client/json.ts';
import { Pages } from './client/paging.ts';
import type { PrismClient } from './client/prism-client.ts';
import { PrismError } from './client/prism-error.ts';
import { Clusters } from './clusters.ts';
import { Hosts, userDataBytes } from './hosts.ts';
import { Probe } from './probe.ts';

const GIB = 1024 ** 3;
const host = (resources: JsonObject) => ({ metadata: { uuid: JSON.stringify(resources) }, status: { resources } });
const container = (id: string, cluster: string, capacity?: string, free?: string) => ({
  entity_id: id,
  data: Object.entries({
    cluster,
    'storage.user_capacity_bytes': capacity,
    'storage.user_free_bytes': free,
  }).map(([name, value]) => ({ name, values: value === undefined ? [] : [{ time: 1, values: [value] }] })),
});

/** What the probe makes of hosts and storage containers. */
async function capacityOf(hosts: JsonObject[], containers: JsonObject[]) {
  const answers: Record<string, JsonObject> = {
    '/prism_central': { resources: { version: 'pc.7.5' } },
    '/clusters/list': { entities: [], metadata: { total_matches: 0 } },
    '/hosts/list': { entities: hosts, metadata: { total_matches: hosts.length } },
    '/groups': { filtered_entity_count: containers.length, group_results: [{ entity_results: containers }] },
  };
  const client = { v3: async (_method: string, path: string) => answers[path] } as unknown as PrismClient;
  const pages = new Pages(client);
  const { health, capacity } = await new Probe(client, new Hosts(pages), new Clusters(pages, undefined)).status(
    new AbortController().signal,
  );
  expect(health.status).toBe('healthy');
  return capacity;
}

describe('the capacity of a Prism Central', () => {
  it('is that of all hosts, and of the storage of each cluster once', async () => {
    const hosts = [
      host({ num_cpu_cores: 32, memory_capacity_mib: 1_024 }),
      host({ num_cpu_cores: 16, memory_capacity_mib: 512 }),
      host({}),
    ];
    const [all, free] = [String(10 * GIB), String(4 * GIB)];
    const containers = [container('a', 'x'), container('b', 'x', all, free), container('c', 'y', all, free)];
    expect(await capacityOf(hosts, containers)).toEqual({
      cpus: 48,
      memoryMiB: 1_536,
      storageGiB: 20,
      storageFreeGiB: 8,
    });
  });

  it('is absent where nothing is known, and never zero', async () => {
    expect(await capacityOf([], [])).toEqual({});
    expect(await capacityOf([host({})], [container('a', 'x'), container('b', 'y', '-1', '')])).toEqual({});
  });

  it('is absent for storage when one cluster is not known', async () => {
    const known = container('a', 'x', String(GIB), '0');
    expect(await capacityOf([], [known])).toEqual({ storageGiB: 1, storageFreeGiB: 0 });
    expect(await capacityOf([], [known, container('b', 'y')])).toEqual({});
  });
});

describe('the limits of VMs', () => {
  const limitsOf = (status: number) => {
    const v3 = () => Promise.reject(new PrismError(status, undefined, 'no', 'host'));
    return new Hosts(new Pages({ v3 } as unknown as PrismClient)).limits(new AbortController().signal);
  };

  it.each([403, 404, 405, 422])(
    'are not known of a Prism that answers %i to who asks for its hosts',
    async (status) => {
      expect(await limitsOf(status)).toEqual({ userDataBytes });
    },
  );

  it.each([429, 500, 503])('are not taken for none where it answers %i now', async (status) => {
    await expect(limitsOf(status)).rejects.toThrow('no');
  });
});
