import type {
  AddDiskInput,
  AddImageInput,
  BatchInput,
  ChangeNicInput,
  CreateVmInput,
  EditVmInput,
  Image,
  NicInput,
} from './client.ts';

export const powerVerbs = ['start', 'stop', 'restart', 'suspend', 'resume', 'pause', 'reset'] as const;
export type PowerVerb = (typeof powerVerbs)[number];

/** A request that changes something, as it can be shown and copied. */
export interface Call {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

const imagesPath = (host: string) => `/api/v1/hosts/${encodeURIComponent(host)}/images`;
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
  addDisk: (id: string, body: AddDiskInput): Call => ({ method: 'POST', path: vmPath(id, '/disks'), body }),
  growDisk: (id: string, device: string, sizeGiB: number): Call => ({
    method: 'PATCH',
    path: vmPath(id, `/disks/${encodeURIComponent(device)}`),
    body: { sizeGiB },
  }),
  detachDisk: (id: string, device: string, keep: boolean): Call => ({
    method: 'DELETE',
    path: vmPath(id, `/disks/${encodeURIComponent(device)}?keep=${keep}`),
  }),
  cdrom: (id: string, image: string | null): Call => ({ method: 'PUT', path: vmPath(id, '/cdrom'), body: { image } }),
  addNic: (id: string, body: NicInput): Call => ({ method: 'POST', path: vmPath(id, '/nics'), body }),
  changeNic: (id: string, mac: string, body: ChangeNicInput): Call => ({
    method: 'PATCH',
    path: vmPath(id, `/nics/${encodeURIComponent(mac)}`),
    body,
  }),
  removeNic: (id: string, mac: string): Call => ({
    method: 'DELETE',
    path: vmPath(id, `/nics/${encodeURIComponent(mac)}`),
  }),
  removeVolume: (host: string, volume: string): Call => ({
    method: 'DELETE',
    path: `/api/v1/hosts/${encodeURIComponent(host)}/volumes/${volume}`,
  }),
  addImage: (host: string, body: AddImageInput): Call => ({ method: 'POST', path: imagesPath(host), body }),
  removeImage: (host: string, { name, kind }: Pick<Image, 'name' | 'kind'>): Call => ({
    method: 'DELETE',
    path: `${imagesPath(host)}/${encodeURIComponent(name)}?kind=${kind}`,
  }),
  batch: (body: BatchInput): Call => ({ method: 'POST', path: '/api/v1/vms/batch', body }),
  cancel: (id: string): Call => ({ method: 'POST', path: `/api/v1/operations/${id}/cancel`, body: {} }),
  retry: (id: string): Call => ({ method: 'POST', path: `/api/v1/operations/${id}/retry`, body: {} }),
};
