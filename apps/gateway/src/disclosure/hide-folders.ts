import type { FastifyInstance, FastifyRequest } from 'fastify';
import { seesFolders, withoutFolders } from './host-folders.ts';

const json = /^application\/(?:problem\+)?json(?:;|$)/;

/** Takes the folders of hosts out of every answer to who may not know them. Call it before answers are given an ETag. */
export function hideFolders(server: FastifyInstance): void {
  /** Pages and records are kept as bytes, and sent more often than they change. */
  const known = new WeakMap<Buffer, Buffer>();
  server.addHook('onSend', (request, reply, payload, done) => {
    const isBytes = Buffer.isBuffer(payload);
    if ((!isBytes && typeof payload !== 'string') || !isMeant(request)) return done();
    if (!json.test(String(reply.getHeader('content-type')))) return done();
    if (!isBytes) return done(null, withoutFolders(payload));
    const shown = known.get(payload) ?? Buffer.from(withoutFolders(payload.toString()));
    known.set(payload, shown);
    done(null, shown);
  });
}

/** Public routes answer everybody alike; who has not said who they are elsewhere may at most see what a viewer sees. */
function isMeant({ principal, is404, routeOptions }: FastifyRequest): boolean {
  if (principal === null && (is404 || routeOptions.config.isPublic === true)) return false;
  return !seesFolders(principal);
}
