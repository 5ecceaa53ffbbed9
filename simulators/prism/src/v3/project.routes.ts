import type { FastifyInstance } from 'fastify';
import type { Prism } from '../prism.ts';
import { entityRoutes } from './entity.routes.ts';
import { projectIntent, volumeGroupIntent } from './schemas/infrastructure.ts';

export function projectRoutes(app: FastifyInstance, prism: Prism): void {
  entityRoutes(app, prism, {
    kind: 'project',
    path: 'projects',
    schema: projectIntent,
    live: (project) => ({ is_default: project.name === '_internal' || project.name === 'default' }),
  });
}

export function volumeGroupRoutes(app: FastifyInstance, prism: Prism): void {
  entityRoutes(app, prism, { kind: 'volume_group', path: 'volume_groups', schema: volumeGroupIntent });
}
