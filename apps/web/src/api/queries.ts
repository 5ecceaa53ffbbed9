import { problemIn, type paths } from '@polyvirt/api-client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { VmFilter } from '../machines/filter-syntax.ts';
import { client } from './client.ts';
import { withoutBeats } from './hosts-heard.ts';

type Query<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Fields } } }
  ? NonNullable<Fields>
  : never;

interface OperationFilter {
  readonly vm?: string;
  readonly status?: string;
  readonly verb?: string;
  readonly requestedBy?: string;
  /** The batch that they are parts of. */
  readonly parent?: string;
}

/** Rows of a list that are fetched at once. */
export const pageSize = 200;

/** Machines whose load is asked for at once. */
export const mostMeasured = 200;
const loadSeconds = 60;

/** Of a file: what is longer is to be downloaded. */
export const mostTextBytes = 256 * 1_024;

/** Everything that is read, with its key. Events patch what these keys hold, so nothing is polled. */
export const queries = {
  me: () =>
    queryOptions({ queryKey: ['me'], queryFn: async () => (await client.GET('/api/v1/auth/me')).data }),
  summary: (filter: VmFilter = {}) =>
    queryOptions({
      queryKey: ['summary', filter],
      queryFn: async () =>
        (await client.GET('/api/v1/stats/summary', { params: { query: filter as Query<'/api/v1/stats/summary'> } })).data,
    }),
  vms: (filter: VmFilter, sort: string) =>
    infiniteQueryOptions({
      queryKey: ['vms', filter, sort],
      queryFn: async ({ pageParam, signal }) => {
        const query = { ...filter, sort, limit: pageSize, ...(pageParam !== undefined && { cursor: pageParam }) };
        return (await client.GET('/api/v1/vms', { params: { query: query as Query<'/api/v1/vms'> }, signal })).data;
      },
      initialPageParam: undefined as string | undefined,
      getNextPageParam: ({ nextCursor }) => nextCursor,
    }),
  /** The first of a host that something fits, to choose one of them. */
  machinesOf: (host: string, q: string) =>
    queryOptions({
      queryKey: ['machinesOf', host, q],
      queryFn: async ({ signal }) =>
        (await client.GET('/api/v1/vms', { params: { query: { host, limit: 50, ...(q !== '' && { q }) } }, signal })).data.items,
      staleTime: 0,
    }),
  vm: (vmId: string) =>
    queryOptions({
      queryKey: ['vm', vmId],
      queryFn: async () => (await client.GET('/api/v1/vms/{vmId}', { params: { path: { vmId } } })).data,
    }),
  /** As it is on the host, with the tag that says whether it still is when a change comes. */
  vmToEdit: (vmId: string) =>
    queryOptions({
      queryKey: ['edit', vmId],
      queryFn: async () => {
        const { data, response } = await client.GET('/api/v1/vms/{vmId}', { params: { path: { vmId } } });
        return { vm: data, etag: response.headers.get('etag') ?? undefined };
      },
      gcTime: 0,
    }),
  definition: (vmId: string) =>
    queryOptions({
      queryKey: ['vm', vmId, 'definition'],
      queryFn: async () =>
        (await client.GET('/api/v1/vms/{vmId}/definition', { params: { path: { vmId } } })).data,
    }),
  /** `known` is what the host knows of its addresses: when that changes, the guest has more to say. */
  guest: (vmId: string, known: string) =>
    queryOptions({
      queryKey: ['vm', vmId, 'guest', known],
      queryFn: async () => (await client.GET('/api/v1/vms/{vmId}/guest', { params: { path: { vmId } } })).data,
    }),
  snapshots: (vmId: string) =>
    queryOptions({
      queryKey: ['vm', vmId, 'snapshots'],
      queryFn: async () => (await client.GET('/api/v1/vms/{vmId}/snapshots', { params: { path: { vmId } } })).data.items,
    }),
  history: (vmId: string, range: { from: string; step: number; key: string }) =>
    queryOptions({
      queryKey: ['vm', vmId, 'history', range.key],
      queryFn: async () =>
        (
          await client.GET('/api/v1/vms/{vmId}/metrics/history', {
            params: { path: { vmId }, query: { from: range.from, step: range.step } },
          })
        ).data,
    }),
  /** Machines that run, as many as can be asked for at once, and what each needs. */
  runningLoads: () =>
    queryOptions({
      queryKey: ['runningLoads'],
      queryFn: async () => {
        const query = { state: 'running' as const, limit: mostMeasured };
        const vms = (await client.GET('/api/v1/vms', { params: { query } })).data.items;
        if (vms.length === 0) return { vms, loads: new Map() };
        const ids = vms.map(({ id }) => id).join(',');
        const recent = (await client.GET('/api/v1/metrics/recent', { params: { query: { ids, step: loadSeconds } } })).data;
        const loads = new Map(
          recent.items.flatMap(({ vmId, points }) => {
            const last = points.at(-1);
            return last ? [[vmId, { cpuPercent: last.cpuPercent?.average, memoryPercent: last.memoryPercent?.average }]] : [];
          }),
        );
        return { vms, loads };
      },
      staleTime: 60_000,
    }),
  hosts: () =>
    queryOptions({
      queryKey: ['hosts'],
      queryFn: async () => withoutBeats((await client.GET('/api/v1/hosts', { params: { query: { limit: 500 } } })).data.items),
    }),
  hostOffer: (hostId: string) =>
    queryOptions({
      queryKey: ['host', hostId, 'offer'],
      queryFn: async () => {
        const params = { path: { hostId } };
        const [images, networks, templates] = await Promise.all([
          client.GET('/api/v1/hosts/{hostId}/images', { params }),
          client.GET('/api/v1/hosts/{hostId}/networks', { params }),
          client.GET('/api/v1/hosts/{hostId}/templates', { params }),
        ]);
        return { images: images.data.items, networks: networks.data.items, templates: templates.data.items };
      },
      // No event says that there is another image.
      staleTime: 0,
    }),
  /** What disks and CD-ROM drives of a host are made of. */
  images: (hostId: string) =>
    queryOptions({
      queryKey: ['images', hostId],
      queryFn: async () =>
        (await client.GET('/api/v1/hosts/{hostId}/images', { params: { path: { hostId }, query: { limit: 500 } } })).data.items,
      staleTime: 0,
    }),
  /** Disks of a host that no machine has. */
  volumes: (hostId: string) =>
    queryOptions({
      queryKey: ['volumes', hostId],
      queryFn: async () =>
        (await client.GET('/api/v1/hosts/{hostId}/volumes', { params: { path: { hostId }, query: { limit: 500 } } })).data.items,
      staleTime: 0,
    }),
  operations: (filter: OperationFilter = {}) =>
    queryOptions({
      queryKey: ['operations', filter],
      queryFn: async () =>
        (await client.GET('/api/v1/operations', { params: { query: { ...filter, limit: filter.parent === undefined ? 100 : 500 } as Query<'/api/v1/operations'> } })).data.items,
    }),
  operation: (operationId: string) =>
    queryOptions({
      queryKey: ['operation', operationId],
      queryFn: async () =>
        (await client.GET('/api/v1/operations/{operationId}', { params: { path: { operationId } } })).data,
    }),
  archives: (q: string) =>
    queryOptions({
      queryKey: ['archives', q],
      queryFn: async () =>
        (await client.GET('/api/v1/archives', { params: { query: { limit: 200, ...(q && { q }) } } })).data.items,
    }),
  archive: (vmId: string) =>
    queryOptions({
      queryKey: ['archive', vmId],
      queryFn: async () => (await client.GET('/api/v1/archives/{vmId}', { params: { path: { vmId } } })).data,
    }),
  /** One file of an archive, and the beginning of it as text. */
  archiveFile: (vmId: string, path: string) =>
    queryOptions({
      queryKey: ['archive', vmId, 'file', path],
      queryFn: async () => {
        const encoded = path.split('/').map(encodeURIComponent).join('/');
        const url = `${client.url}/api/v1/archives/${encodeURIComponent(vmId)}/files/${encoded}`;
        const response = await client.send(new Request(url));
        if (!response.ok) throw await problemIn(response);
        const file = await response.blob();
        return { file, text: await file.slice(0, mostTextBytes).text() };
      },
      gcTime: 0,
    }),
  users: () =>
    queryOptions({
      queryKey: ['users'],
      queryFn: async () => (await client.GET('/api/v1/users', { params: { query: { limit: 500 } } })).data.items,
    }),
  tokens: () =>
    queryOptions({
      queryKey: ['tokens'],
      queryFn: async () => (await client.GET('/api/v1/tokens', { params: { query: { limit: 500 } } })).data.items,
    }),
  subscribers: () =>
    queryOptions({
      queryKey: ['subscribers'],
      queryFn: async () => (await client.GET('/api/v1/subscribers', { params: { query: { limit: 200 } } })).data.items,
    }),
  sessions: () =>
    queryOptions({
      queryKey: ['sessions'],
      queryFn: async () => (await client.GET('/api/v1/auth/sessions', { params: { query: { limit: 500 } } })).data.items,
    }),
  userSessions: (id: string) =>
    queryOptions({
      queryKey: ['users', id, 'sessions'],
      queryFn: async () =>
        (await client.GET('/api/v1/users/{id}/sessions', { params: { path: { id }, query: { limit: 200 } } })).data.items,
    }),
  audit: (filter: { actor?: string; outcome?: string }) =>
    queryOptions({
      queryKey: ['audit', filter],
      queryFn: async () =>
        (await client.GET('/api/v1/audit', { params: { query: { limit: 200, ...filter } as Query<'/api/v1/audit'> } })).data.items,
    }),
};
