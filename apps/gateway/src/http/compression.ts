import compress from '@fastify/compress';
import type { FastifyInstance } from 'fastify';

/** Texts that are sent whole. Of a stream of events each has to leave at once. */
const whole = /^(?:application\/(?:problem\+)?json|text\/(?:html|css|javascript|plain))(?:;|$)/;
/** Below this the headers cost more than is saved. */
const leastBytes = 1_400;

/** Answers in the encoding that the client prefers of `br` and `gzip`. Call it before the first route is added. */
export function compressAnswers(server: FastifyInstance): void {
  // Not awaited: that would boot Fastify before Nest has set its error handler.
  void server.register(compress, {
    encodings: ['br', 'gzip'],
    threshold: leastBytes,
    customTypes: whole,
    globalDecompression: false,
  });
}
