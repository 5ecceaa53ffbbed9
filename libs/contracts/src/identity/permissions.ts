/** Every permission a route can demand. `host:files` is to know where hosts keep files, and to read those of archives. */
export const permissions = [
  'vm:read',
  'vm:create',
  'vm:power',
  'vm:edit',
  'vm:delete',
  'vm:snapshot',
  'vm:console',
  'host:read',
  'host:files',
  'operation:read',
  'operation:control',
  'event:read',
  'archive:read',
  'metrics:read',
  'token:manage',
  'user:manage',
  'audit:read',
  'subscriber:manage',
  'host:manage',
] as const;
export type Permission = (typeof permissions)[number];

export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

const viewer: readonly Permission[] = [
  'vm:read',
  'host:read',
  'operation:read',
  'event:read',
  'archive:read',
  'metrics:read',
  'token:manage',
];
const operator: readonly Permission[] = [
  ...viewer,
  'vm:create',
  'vm:power',
  'vm:edit',
  'vm:delete',
  'vm:snapshot',
  'vm:console',
  'host:files',
  'operation:control',
];

/** What each role may do. A token has the intersection of its scopes and its owner's role. */
export const rolePermissions: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  viewer: new Set(viewer),
  operator: new Set(operator),
  admin: new Set(permissions),
};
