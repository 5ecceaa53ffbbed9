import type { Permission, Role } from '../api/client.ts';

/**
 * The least role that has a permission: whom somebody asks for what they lack. What is read is everybody's but the audit, what is
 * managed is the administrator's but one's own tokens, and the rest is work.
 */
export function roleFor(permission: Permission): Role {
  if (permission === 'token:manage') return 'viewer';
  if (permission === 'audit:read' || permission.endsWith(':manage')) return 'admin';
  return permission.endsWith(':read') ? 'viewer' : 'operator';
}
