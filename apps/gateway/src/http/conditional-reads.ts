import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { names } from './etag.ts';

/** Whoever asks again for what it has is told so instead of being sent it: reads carry an ETag and heed `If-None-Match`. */
export function answerConditionally(server: FastifyInstance): void {
  /** Pages and records are kept as bytes, and sent more often than they change. */
  const known = new WeakMap<Buffer, string>();
  const etagOf = (payload: string | Buffer): string => {
    if (typeof payload === 'string') return digest(payload);
    const tag = known.get(payload) ?? digest(payload);
    known.set(payload, tag);
    return tag;
  };
  server.addHook('onSend', (request, reply, payload, done) => {
    if (!isRead(request.method) || reply.statusCode !== 200) return done();
    let etag = reply.getHeader('etag') as string | undefined;
    // What is not in memory as a whole is a stream, and has no end to make a digest of.
    if (etag === undefined) {
      if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return done();
      etag = etagOf(payload);
      void reply.header('etag', etag);
    }
    const has = request.headers['if-none-match'];
    if (has === undefined || !names(has, etag)) return done();
    void reply.code(304).removeHeader('content-type').removeHeader('content-length');
    done(null, null);
  });
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** Weak, as it is of the text before a proxy or we ourselves compress it. */
const digest = (payload: string | Buffer): string =>
  `W/"${createHash('sha256').update(payload).digest('base64url').slice(0, 22)}"`;
