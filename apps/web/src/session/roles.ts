import type { Permission, Role } from '../api/client.ts';

/** What a viewer may do; an operator may do all but what only an administrator may. */
const ofViewer = new Set<Permission>([
  ...(['vm:read', 'host:read', 'operation:read', 'event:read', 'archive:read', 'metrics:read'] as const),
  'token:manage',
]);
const ofAdmin = new Set<Permission>(['user:manage', 'audit:read', 'subscriber:manage']);

/** The least role that has a permission: whom somebody asks for what they lack. */
export const roleFor = (permission: Permission): Role =>
  ofViewer.has(permission) ? 'viewer' : ofAdmin.has(permission) ? 'admin' : 'operator';
