import type { FastifyInstance } from 'fastify';
import type { CreateRate } from '../http/rate-limit.ts';
import { sendJson } from '../http/reply.ts';
import type { Prism } from '../prism.ts';
import { categoryRoutes } from './category.routes.ts';
import { clusterRoutes } from './cluster.routes.ts';
import { listed } from './envelope.ts';
import { VersionNotServed } from './errors.ts';
import { imageRoutes } from './image.routes.ts';
import { recoveryPointRoutes } from './recovery-point.routes.ts';
import { statsRoutes } from './stats.routes.ts';
import { subnetRoutes } from './subnet.routes.ts';
import { taskRoutes } from './task.routes.ts';
import { vmActionRoutes } from './vm-action.routes.ts';
import { vmPartRoutes } from './vm-part.routes.ts';
import { vmRoutes } from './vm.routes.ts';

/** Finished versions are numbered; the newest of them is what a client should use. */
const newest = (versions: readonly string[]): string =>
  versions
    .filter((version) => /^v4\.\d+$/.test(version))
    .sort()
    .at(-1) ?? 'v4.0';

export function v4Routes(app: FastifyInstance, prism: Prism, createRate: CreateRate): void {
  const service = (name: string, routes: (scope: FastifyInstance) => void): void => {
    void app.register(
      async (scope) => {
        scope.addHook('preHandler', async (request) => {
          const { version } = request.params as { version: string };
          if (!prism.knobs.get('v4.versions').includes(version)) throw new VersionNotServed();
        });
        routes(scope);
      },
      { prefix: `/api/${name}/:version` },
    );
    app.options(`/api/${name}/unversioned/info`, (_request, reply) => {
      const versions = prism.knobs.get('v4.versions');
      if (versions.length === 0) throw new VersionNotServed();
      return sendJson(reply, 200, { data: newest(versions) });
    });
  };

  service('vmm', (scope) => {
    vmRoutes(scope, prism, createRate);
    vmActionRoutes(scope, prism);
    vmPartRoutes(scope, prism);
    statsRoutes(scope, prism);
    imageRoutes(scope, prism);
  });
  service('prism', (scope) => {
    taskRoutes(scope, prism);
    categoryRoutes(scope, prism);
    scope.get('/config/domain-managers', (request, reply) => {
      const central = prism.site.prismCentral;
      const view = (): {
        $objectType: string;
        extId: string;
        config: { name: string; buildInfo: { version: string } };
      } => ({
        $objectType: 'prism.v4.config.DomainManager',
        extId: central.uuid,
        config: { name: central.name, buildInfo: { version: prism.knobs.get('profile') } },
      });
      return sendJson(
        reply,
        200,
        listed(prism, request, [central], view, 'prism.v4.config.ListDomainManagerApiResponse'),
      );
    });
  });
  service('clustermgmt', (scope) => clusterRoutes(scope, prism));
  service('networking', (scope) => subnetRoutes(scope, prism));
  service('dataprotection', (scope) => recoveryPointRoutes(scope, prism));
}
