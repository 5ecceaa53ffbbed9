import { client, type BatchInput, type CreateVmInput, type EditVmInput, type Operation, type Plan, type Preferences } from './client.ts';

export const powerVerbs = ['start', 'stop', 'restart', 'suspend', 'resume', 'pause', 'reset'] as const;
export type PowerVerb = (typeof powerVerbs)[number];

/** A request that changes something, as it can be shown and copied. */
export interface Call {
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

const vmPath = (id: string, rest = '') => `/api/v1/vms/${encodeURIComponent(id)}${rest}`;

/** Every change of a machine, as data: what is sent and what is copied are the same. */
export const calls = {
  power: (id: string, verb: PowerVerb, body: { force?: boolean } = {}): Call => ({
    method: 'POST',
    path: vmPath(id, `/${verb}`),
    body,
  }),
  create: (body: CreateVmInput): Call => ({ method: 'POST', path: '/api/v1/vms', body }),
  edit: (id: string, body: EditVmInput): Call => ({ method: 'PATCH', path: vmPath(id), body }),
  dropPending: (id: string): Call => ({ method: 'DELETE', path: vmPath(id, '/pending-changes') }),
  remove: (id: string, disks: 'delete' | 'keep'): Call => ({ method: 'DELETE', path: vmPath(id, `?disks=${disks}`) }),
  clone: (id: string, body: { name: string; linked?: boolean; snapshot?: string; start?: boolean }): Call => ({
    method: 'POST',
    path: vmPath(id, '/clone'),
    body,
  }),
  snapshot: (id: string, body: { name: string; description?: string; memory?: boolean }): Call => ({
    method: 'POST',
    path: vmPath(id, '/snapshots'),
    body,
  }),
  revert: (id: string, snapshot: string): Call => ({
    method: 'POST',
    path: vmPath(id, `/snapshots/${encodeURIComponent(snapshot)}/revert`),
    body: {},
  }),
  removeSnapshot: (id: string, snapshot: string): Call => ({
    method: 'DELETE',
    path: vmPath(id, `/snapshots/${encodeURIComponent(snapshot)}`),
  }),
  batch: (body: BatchInput): Call => ({ method: 'POST', path: '/api/v1/vms/batch', body }),
  cancel: (id: string): Call => ({ method: 'POST', path: `/api/v1/operations/${id}/cancel`, body: {} }),
  retry: (id: string): Call => ({ method: 'POST', path: `/api/v1/operations/${id}/retry`, body: {} }),
};

/** Sends a change. Throws an `ApiProblem`. */
export const send = (call: Call, ifMatch?: string): Promise<Operation> => request<Operation>(call, ifMatch);

/** What a change would do; nothing is changed. Throws the `ApiProblem` that the change would end with. */
export const planOf = ({ path, ...call }: Call, ifMatch?: string): Promise<Plan> =>
  request<Plan>({ ...call, path: `${path}${path.includes('?') ? '&' : '?'}dryRun=true` }, ifMatch);

async function request<Answer>({ method, path, body }: Call, ifMatch?: string): Promise<Answer> {
  // The paths are those of the client; only here are they put together, so that a call can be shown before it is made.
  const call = client[method] as unknown as (path: string, init: object) => Promise<{ data: Answer }>;
  const { data } = await call(path, {
    ...(body !== undefined && { body }),
    ...(ifMatch !== undefined && { headers: { 'If-Match': ifMatch } }),
  });
  return data;
}

export const savePreferences = async (preferences: Preferences) =>
  (await client.PATCH('/api/v1/auth/me', { body: { preferences } })).data;
