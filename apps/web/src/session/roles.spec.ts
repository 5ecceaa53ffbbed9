import { describe, expect, it } from '@jest/globals';
import { permissions, rolePermissions, roles } from '@polyvirt/contracts';
import { roleFor } from './roles.ts';

describe('the role that somebody lacks', () => {
  it.each(permissions)('for %s is the least that the gateway gives it to', (permission) => {
    expect(roleFor(permission)).toBe(roles.find((role) => rolePermissions[role].has(permission)));
  });
});
