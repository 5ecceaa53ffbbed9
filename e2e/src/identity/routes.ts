import type { components } from '@polyvirt/api-client';

export type Permission = components['schemas']['Permission'];
export type Role = components['schemas']['Role'];
export type Access = Permission | 'logged-in' | 'public';

/** What each role may do, as the handbook promises it. */
const viewer: readonly Permission[] = [
  ...(['vm:read', 'host:read', 'operation:read', 'event:read'] as const),
  ...(['archive:read', 'metrics:read', 'token:manage'] as const),
];
const operator: readonly Permission[] = [
  ...viewer,
  ...(['vm:create', 'vm:power', 'vm:edit', 'vm:delete'] as const),
  ...(['vm:snapshot', 'vm:console', 'host:files', 'operation:control'] as const),
];
const admin: readonly Permission[] = [...operator, 'user:manage', 'audit:read', 'subscriber:manage', 'host:manage'];
export const mayOf: Readonly<Record<Role, readonly Permission[]>> = { viewer, operator, admin };
export const permissions = admin;

/** Every route of the API, and whom it is for. Nothing has these ids, so that no call changes anything. */
const routesOf: Readonly<Record<Access, readonly `${string} /${string}`[]>> = {
  public: [
    'POST /auth/login',
    'POST /auth/logout',
    'POST /auth/refresh',
    'POST /auth/links/use',
    'POST /hosts/join',
    'OPTIONS /uploads',
    // For whoever shows a ticket, which nobody here has.
    'GET /uploads/{uploadId}/content',
  ],
  'logged-in': [
    'GET /auth/me',
    'PATCH /auth/me',
    'POST /auth/password',
    'POST /auth/confirm',
    'POST /auth/links',
    'GET /auth/sessions',
    'DELETE /auth/sessions',
    'DELETE /auth/sessions/{id}',
  ],
  'vm:read': [
    'GET /vms',
    'GET /vms/{vmId}',
    'GET /vms/{vmId}/snapshots',
    'GET /vms/{vmId}/guest',
    'GET /vms/{vmId}/definition',
    'POST /vms/batch',
    'GET /stats/summary',
  ],
  'vm:create': [
    'POST /vms',
    'POST /vms/{vmId}/clone',
    'POST /hosts/{hostId}/images',
    'POST /uploads',
    'GET /uploads/{uploadId}',
    'PATCH /uploads/{uploadId}',
    'DELETE /uploads/{uploadId}',
  ],
  'vm:power': ['start', 'stop', 'restart', 'suspend', 'resume', 'pause', 'reset'].map(
    (action) => `POST /vms/{vmId}/${action}` as const,
  ),
  'vm:edit': [
    'PATCH /vms/{vmId}',
    'DELETE /vms/{vmId}/pending-changes',
    'POST /vms/{vmId}/disks',
    'PATCH /vms/{vmId}/disks/{device}',
    'DELETE /vms/{vmId}/disks/{device}',
    'POST /vms/{vmId}/nics',
    'PATCH /vms/{vmId}/nics/{mac}',
    'DELETE /vms/{vmId}/nics/{mac}',
    'PUT /vms/{vmId}/cdrom',
  ],
  'vm:delete': [
    'DELETE /vms/{vmId}',
    'DELETE /hosts/{hostId}/volumes/{volume}',
    'DELETE /hosts/{hostId}/images/{image}',
  ],
  'vm:snapshot': [
    'POST /vms/{vmId}/snapshots',
    'POST /vms/{vmId}/snapshots/{snapshot}/revert',
    'DELETE /vms/{vmId}/snapshots/{snapshot}',
  ],
  'vm:console': ['POST /vms/{vmId}/console'],
  'host:read': [
    'GET /hosts',
    'GET /hosts/{hostId}',
    ...['images', 'networks', 'templates', 'volumes'].map((what) => `GET /hosts/{hostId}/${what}` as const),
    'GET /providers/status',
  ],
  'operation:read': ['GET /operations', 'GET /operations/{operationId}'],
  'operation:control': ['POST /operations/{operationId}/cancel', 'POST /operations/{operationId}/retry'],
  'event:read': ['GET /events', 'POST /events/ticket'],
  'archive:read': ['GET /archives', 'GET /archives/{vmId}'],
  'host:files': ['GET /archives/{vmId}/files/{path}'],
  'metrics:read': ['GET /vms/{vmId}/metrics', 'GET /vms/{vmId}/metrics/history', 'GET /metrics/recent'],
  'token:manage': ['GET /tokens', 'GET /tokens/{id}', 'POST /tokens', 'DELETE /tokens/{id}'],
  'user:manage': [
    'GET /users',
    'POST /users',
    'GET /users/{id}',
    'PATCH /users/{id}',
    'DELETE /users/{id}',
    'POST /users/{id}/unlock',
    'GET /users/{id}/sessions',
    'DELETE /users/{id}/sessions',
  ],
  'audit:read': ['GET /audit', 'GET /audit/verify', 'GET /audit/export'],
  'subscriber:manage': ['GET /subscribers', 'POST /subscribers', 'GET /subscribers/{id}', 'DELETE /subscribers/{id}'],
  'host:manage': ['POST /hosts', 'POST /hosts/{hostId}/rotate', 'POST /hosts/{hostId}/drain', 'DELETE /hosts/{hostId}'],
};

/** About a person or who may do what: for no API token, whatever its scopes. */
const personal = new Set([
  ...['PATCH /auth/me', 'POST /auth/password', 'POST /auth/confirm', 'POST /auth/links'],
  ...['GET /auth/sessions', 'DELETE /auth/sessions', 'DELETE /auth/sessions/{id}'],
  ...['POST /users', 'PATCH /users/{id}', 'DELETE /users/{id}', 'POST /tokens', 'POST /subscribers'],
  ...['POST /hosts', 'POST /hosts/{hostId}/rotate'],
]);

/** Those that the earlier programs had, at their addresses. */
const earlierRoutesOf: Partial<typeof routesOf> = {
  public: ['GET /health'],
  'vm:read': ['GET /vms', 'GET /vm/{name}', 'GET /stats/summary'],
  'vm:power': ['POST /vm/{name}/start', 'POST /vm/{name}/stop', 'POST /vm/{name}/restart'],
  'metrics:read': ['GET /vm/{name}/metrics'],
  'host:read': ['GET /api/providers/status'],
};

export interface Route {
  readonly isPersonal: boolean;
  readonly access: Access;
  readonly method: string;
  /** As the API document has it: `/api/v1/vms/{vmId}`. */
  readonly path: string;
}

const rowsOf = (table: Partial<typeof routesOf>, prefix: string): Route[] =>
  Object.entries(table).flatMap(([access, requests]) =>
    requests.map((request) => {
      const [method, path] = request.split(' ') as [string, string];
      return { access: access as Access, method, path: `${prefix}${path}`, isPersonal: personal.has(request) };
    }),
  );

export const routes: readonly Route[] = [...rowsOf(routesOf, '/api/v1'), ...rowsOf(earlierRoutesOf, '')];

const nothing: Readonly<Record<string, string>> = {
  vmId: 'fake-a~nothing',
  hostId: 'nowhere',
  name: 'nothing',
  snapshot: 'nothing',
  device: 'vda',
  mac: '52:54:00:00:00:01',
  volume: 'nothing',
  image: 'nothing',
  uploadId: 'nothing-of-24-characters',
  operationId: '01a20173-ed2a-7034-8e94-ab5d5aad14c5',
  path: 'nothing',
  id: '5f0c2b1e-8a44-4d0b-9a55-2f1d6c3e7b90',
};

/** A request of the route that asks for nothing. */
export function emptyRequest(url: string, { method, path }: Route): Request {
  const address = `${url}${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => nothing[name]!)}`;
  if (method === 'GET' || method === 'DELETE') return new Request(address, { method });
  // Not even a body that is none of JSON's objects gets past somebody who may not.
  return new Request(address, { method, body: '[]', headers: { 'content-type': 'application/json' } });
}
