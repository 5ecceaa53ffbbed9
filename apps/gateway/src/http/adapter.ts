import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ProblemError, problems } from '@polyvirt/contracts';
import {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../config.ts';
import { hideFolders } from '../disclosure/hide-folders.ts';
import type { GatewayTimes } from '../times.ts';
import { trustedProxies } from './caller-address.ts';
import { compressAnswers } from './compression.ts';
import { answerConditionally } from './conditional-reads.ts';
import { connectionTimes } from './connection-times.ts';
import { nameTest, requireName } from './exposure.ts';
import { parseJsonBody } from './json-body.ts';
import { mayTakeLong } from './long-bodies.ts';
import { sendProblem } from './problem.filter.ts';
import { clientRequestIdFrom, traceparentFrom } from './request-context.ts';
import { collectRoutes } from './routes.ts';
import { securityHeaders } from './security-headers.ts';
import type { TlsFiles } from './tls.ts';

/** Where a request keeps its trace context once somebody has asked for it; most reads never do. */
const trace = Symbol('trace');
const bodyLimit = 1024 * 1024;
/** Of what anybody may send: a name, a password, a token. */
const publicBodyLimit = 16 * 1024;
/** Longer than any id that we give out or take. */
const maxParamLength = 512;

/** Fastify, as the API needs it: ids on every request, JSON bodies only, and problems for what never reaches Nest. */
export function createAdapter(
  config: GatewayConfig,
  logger: Logger,
  { requestWithinMs }: Pick<GatewayTimes, 'requestWithinMs'>,
  tls: TlsFiles | undefined,
): FastifyAdapter {
  // Whether there is TLS in front is not ours to know, unless a proxy is named.
  const headers = securityHeaders({ tls: tls !== undefined || config.trustProxy !== undefined });
  const adapter = new FastifyAdapter({
    loggerInstance: logger,
    // A logger of its own for every request costs more than the request id that our lines carry anyway.
    childLoggerFactory: (parent: FastifyBaseLogger) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    requestTimeout: requestWithinMs,
    http: connectionTimes(requestWithinMs),
    ...(tls && { https: { ...connectionTimes(requestWithinMs), ...tls.pair } }),
    trustProxy: trustedProxies(config.trustProxy),
    requestIdHeader: false,
    // Ours alone: an id that a client chose would let it pass its requests off as those of others.
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength, ignoreTrailingSlash: false },
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      reply.headers(headers).header('X-Request-Id', request.id);
      const fault = new ProblemError('invalid-input', 'The address is not valid.', { cause: error });
      sendProblem(reply, fault, request);
    },
    clientErrorHandler(error, socket) {
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && mayTakeLong(socket)) return;
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
      // Whoever handles this error has to let go of the socket: a client that is gone would hold up the shutdown.
      if (socket.writable && error.code !== 'ECONNRESET') socket.end(malformed(status), () => socket.destroy());
      else socket.destroy();
    },
  });
  const server = adapter.getInstance();

  server.addHook('onRoute', (route) => {
    if (route.config?.isPublic) route.bodyLimit = publicBodyLimit;
  });
  collectRoutes(server);
  hideFolders(server);
  // An ETag is of what an answer says, so it is made before that is compressed.
  answerConditionally(server);
  compressAnswers(server);
  server.decorateRequest('principal', null);
  server.decorateRequest('idempotency', null);
  server.decorateRequest('action', null);
  server.decorateRequest('counted', false);
  server.decorateRequest('clientRequestId', {
    getter(this: FastifyRequest) {
      return clientRequestIdFrom(this.headers['x-request-id']);
    },
  });
  server.decorateRequest('traceparent', {
    getter(this: FastifyRequest & { [trace]?: string }) {
      return (this[trace] ??= traceparentFrom(this.headers.traceparent));
    },
  });
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('X-Request-Id', request.id);
    if (request.url.startsWith('/api/')) reply.header('Cache-Control', 'no-store');
    done(hasOneHost(request) ? undefined : new ProblemError('invalid-input', 'A request names one Host.'));
  });
  requireName(server as never, nameTest(config, tls));

  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });

  // What is sent in parts is nothing to parse: whoever takes it reads it as it comes.
  server.addContentTypeParser('application/offset+octet-stream', (request, body, done) => {
    if (request.routeOptions.config.takesBytes === true) done(null, body);
    else done(new ProblemError('unsupported-media-type', 'Send JSON here, as `application/json`.'));
  });

  return adapter;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body is a stream of bytes, and not JSON. */
    takesBytes?: true;
  }
}

/** Two would let a proxy and us see two requests in one. Node shows the first alone. */
function hasOneHost({ raw }: FastifyRequest): boolean {
  let count = 0;
  for (let at = 0; at < raw.rawHeaders.length; at += 2)
    if (raw.rawHeaders[at]!.length === 4 && raw.rawHeaders[at]!.toLowerCase() === 'host') count += 1;
  return count <= 1;
}

/** Answer to bytes that are not HTTP; there is neither a request nor a reply for them. */
function malformed(status: number): string {
  const { code, title } = { code: 'invalid-input', title: problems['invalid-input'].title };
  const body = JSON.stringify({
    type: `/docs/problems#${code}`,
    title,
    status,
    detail: 'This is not a valid HTTP request.',
    code,
    retryable: false,
    requestId: randomUUID(),
  });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
