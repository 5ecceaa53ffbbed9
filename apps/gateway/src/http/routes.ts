import type { FastifyInstance, RouteOptions } from 'fastify';

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
}

const routesOf = new WeakMap<object, Route[]>();

/** Keeps a list of the routes, which the router does not give out. Call it before the first one is added. */
export function collectRoutes(server: FastifyInstance): void {
  const routes: Route[] = [];
  routesOf.set(server.server, routes);
  server.addHook('onRoute', ({ method, url }: RouteOptions) => {
    for (const name of [method].flat()) routes.push({ method: name, pattern: patternOf(url) });
  });
}

/** The methods that a path takes; none when there is nothing at that path. */
export function allowedMethods(server: FastifyInstance, path: string): string[] {
  const routes = routesOf.get(server.server) ?? [];
  return [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort();
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) =>
      part === '*' ? '.*' : part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('/');
  return new RegExp(`^${source}/?$`);
}
