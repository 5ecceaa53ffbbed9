import type { FastifyInstance } from 'fastify';
import type { CreateRate } from '../http/rate-limit.ts';
import type { Prism } from '../prism.ts';
import { batchRoutes } from './batch.routes.ts';
import { categoryRoutes } from './category.routes.ts';
import { clusterRoutes } from './cluster.routes.ts';
import { groupRoutes } from './group.routes.ts';
import { hostRoutes } from './host.routes.ts';
import { identifierRoutes } from './identifier.routes.ts';
import { imageRoutes } from './image.routes.ts';
import { prismCentralRoutes } from './prism-central.routes.ts';
import { projectRoutes, volumeGroupRoutes } from './project.routes.ts';
import { recoveryPointRoutes } from './recovery-point.routes.ts';
import { subnetRoutes } from './subnet.routes.ts';
import { taskRoutes } from './task.routes.ts';
import { userRoutes } from './user.routes.ts';
import { vmActionRoutes } from './vm-action.routes.ts';
import { vmRoutes } from './vm.routes.ts';
import { webhookRoutes } from './webhook.routes.ts';

const V3_PREFIX = '/api/nutanix/v3';

export function v3Routes(app: FastifyInstance, prism: Prism, createRate: CreateRate): void {
  void app.register(
    async (scope) => {
      vmRoutes(scope, prism, createRate);
      vmActionRoutes(scope, prism);
      taskRoutes(scope, prism);
      imageRoutes(scope, prism);
      subnetRoutes(scope, prism);
      clusterRoutes(scope, prism);
      hostRoutes(scope, prism);
      projectRoutes(scope, prism);
      volumeGroupRoutes(scope, prism);
      categoryRoutes(scope, prism);
      groupRoutes(scope, prism);
      userRoutes(scope, prism);
      identifierRoutes(scope, prism);
      batchRoutes(scope, prism);
      prismCentralRoutes(scope, prism);
      // Their hooks are theirs alone, so each has a scope of its own.
      await scope.register(async (own) => recoveryPointRoutes(own, prism), { prefix: '/vm_recovery_points' });
      await scope.register(async (own) => webhookRoutes(own, prism));
    },
    { prefix: V3_PREFIX },
  );
}
