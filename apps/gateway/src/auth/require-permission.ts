import { ProblemError, type Permission } from '@polyvirt/contracts';
import type { Caller } from './caller.decorator.ts';

/** Throws `forbidden`. A route that leads to several actions demands the permission of each. */
export function requirePermission({ permissions }: Pick<Caller, 'permissions'>, permission: Permission): void {
  if (permissions.has(permission)) return;
  throw new ProblemError('forbidden', `This needs the permission ${permission}.`);
}
