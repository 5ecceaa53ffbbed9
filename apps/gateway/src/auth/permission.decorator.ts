import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { Permission } from '@polyvirt/contracts';

export const ACCESS = 'polyvirt:access';

/** What a route demands. A route without one is refused to everybody. */
export type Access = { readonly permission: Permission } | 'authenticated' | 'public';

const demand = (access: Access) => SetMetadata(ACCESS, access);

/** Only for callers whose role, and whose token if one asks, has the permission. */
export const RequirePermission = (permission: Permission) =>
  applyDecorators(demand({ permission }), ApiBearerAuth(), ApiExtension('x-permission', permission));

/** For everybody who is logged in, whatever the role. */
export const Authenticated = () => applyDecorators(demand('authenticated'), ApiBearerAuth());

/** For anyone. */
export const Public = () => demand('public');
