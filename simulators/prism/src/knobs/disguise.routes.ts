import type { FastifyInstance } from 'fastify';
import { isObject, type Json } from '../json.ts';
import type { Disguises } from './disguises.ts';

const READS = /^\/api\/nutanix\/v3\//;
const LISTS = /\/(?:list|groups|poll)$/;

const uuidIn = (request: { params: unknown }): string => (request.params as { uuid: string }).uuid.toLowerCase();

/** How the control plane sets what entities look like. */
export function disguiseRoutes(control: FastifyInstance, disguises: Disguises): void {
  control.put('/entities/:uuid/shown', (request) => {
    disguises.set(uuidIn(request), isObject(request.body) ? request.body : {});
    return {};
  });
  control.delete('/entities/:uuid/shown', (request) => {
    disguises.remove(uuidIn(request));
    return {};
  });
}

/** Puts them over what reads of v3 answer. */
export function installDisguises(app: FastifyInstance, disguises: Disguises): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const path = request.url.split('?')[0] ?? '';
    const isRead = READS.test(path) && (request.method === 'GET' || LISTS.test(path));
    if (disguises.isEmpty || !isRead || reply.statusCode !== 200 || typeof payload !== 'string') return payload;
    return JSON.stringify(disguises.over(JSON.parse(payload) as Json));
  });
}
