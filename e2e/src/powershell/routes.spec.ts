import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { root } from '@polyvirt/tools';

interface Document {
  readonly paths: Record<string, Record<string, { readonly deprecated?: boolean }>>;
}

const { paths } = JSON.parse(readFileSync(join(root, 'api/openapi.json'), 'utf8')) as Document;
const methods = ['get', 'post', 'put', 'patch', 'delete'];
const routes = Object.entries(paths).flatMap(([path, operations]) =>
  Object.entries(operations)
    .filter(([method, { deprecated }]) => methods.includes(method) && !deprecated)
    .map(([method]) => `${method.toUpperCase()} ${path}`),
);

/** Routes that no person calls: probes, parts of uploads, tickets of browsers, what an agent that joins or the page behind a link calls. */
const isForPrograms = (route: string) =>
  [
    /^GET \/(healthz|readyz|metrics)$/,
    /^POST \/api\/v1\/auth\/links\/use$/,
    /\/ticket$/,
    / \/api\/v1\/uploads/,
    /^POST \/api\/v1\/hosts\/join$/,
  ].some((pattern) => pattern.test(route));

const module = join(root, 'clients/powershell/Polyvirt');
const called = new Set(
  globSync('*/*.ps1', { cwd: module }).flatMap((file) =>
    [...readFileSync(join(module, file), 'utf8').matchAll(/'((?:GET|POST|PUT|PATCH|DELETE) \/[^']+)'/g)].map(
      ([, route]) => route!,
    ),
  ),
);

describe('the commands of the PowerShell module', () => {
  it('leave no route of the API without one', () => {
    expect(routes.filter((route) => !isForPrograms(route) && !called.has(route))).toEqual([]);
  });

  it('call no route that the API does not have', () => {
    expect([...called].filter((route) => !routes.includes(route))).toEqual([]);
  });
});
