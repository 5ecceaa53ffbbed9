import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import type { Certificate } from '../certificate.ts';
import { consoleRoutes } from '../console/console.routes.ts';
import type { Prism } from '../prism.ts';
import { v3Routes } from '../v3/routes.ts';
import { v4Routes } from '../v4/routes.ts';
import { Authentication, type Credentials } from './authentication.ts';
import { sendError, sendForbidden, sendNoSuchPath, sendStatus } from './errors.ts';
import { installDisguises } from '../knobs/disguise.routes.ts';
import { installFaults } from './fault-hook.ts';
import { pathOf } from './caller.ts';
import { CreateRate, TokenBucket } from './rate-limit.ts';
import type { CallCounter } from './call-counter.ts';

const LOGIN_PATH = '/PrismGateway/j_spring_security_check';

export interface ServerOptions {
  readonly prism: Prism;
  readonly certificate: Certificate;
  readonly credentials: Credentials;
  readonly calls: CallCounter;
  readonly report: (error: unknown) => void;
}

/** The HTTPS face of Prism Central. */
export async function createServer({
  prism,
  certificate,
  credentials,
  calls,
  report,
}: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    https: { key: certificate.key, cert: certificate.certificate },
    bodyLimit: 16 * 1024 * 1024,
    // Long enough for a client that polls once a minute to keep its connection.
    keepAliveTimeout: 75_000,
    forceCloseConnections: true,
    // Clients may write the dollar signs of v4 paths as escapes.
    rewriteUrl: (request) => (request.url ?? '/').replaceAll('/%24actions/', '/$actions/'),
    routerOptions: { maxParamLength: 500 },
  }) as unknown as FastifyInstance;

  await app.register(websocket, { options: { maxPayload: 16 * 1024 * 1024 } });
  readBodies(app);

  const authentication = new Authentication(prism, credentials);
  const bucket = new TokenBucket();

  app.addHook('onRequest', async (request, reply) => {
    calls.count(request.method, pathOf(request));
    authentication.arrives(request, reply);
    reply.headers({
      server: prism.knobs.get('server.header'),
      'x-ntnx-env': prism.knobs.get('profile') === '5.10.3' ? 'PC' : 'pc',
      'x-ntnx-product': prism.knobs.get('profile'),
      'strict-transport-security': 'max-age=8640000:includeSubdomains',
      'x-frame-options': 'SAMEORIGIN',
      'x-content-type-options': 'nosniff',
      'x-xss-protection': '1; mode=block',
      'x-permitted-cross-domain-policies': 'master-only',
      'x-dns-prefetch-control': 'off',
      vary: 'Origin, Accept-Encoding',
    });
    const ms = prism.site.lateness('latency.request');
    reply.header('x-envoy-upstream-service-time', ms);
    if (ms > 0) await prism.clock.sleep(ms);
  });

  // Fastify adds a charset to JSON, and Prism does not.
  app.addHook('onSend', async (_request, reply, payload) => {
    if (reply.getHeader('content-type') === 'application/json; charset=utf-8')
      reply.header('content-type', 'application/json');
    return payload;
  });

  installDisguises(app, prism.disguises);
  installFaults(app, prism);

  app.addHook('preValidation', async (request, reply) => {
    if (reply.sent) return;
    if (!bucket.take(prism.knobs.get('limits.requestsPerSecond'), prism.clock.now()))
      return sendStatus(prism, request, reply, 429);
    if (pathOf(request) === LOGIN_PATH) return;
    const verdict = authentication.judge(request, reply);
    if (verdict === 'unauthenticated') return sendStatus(prism, request, reply, 401);
    if (verdict === 'forbidden') return sendForbidden(prism, request, reply);
  });

  app.setErrorHandler((error, request, reply) => sendError(prism, error, request, reply, report));
  app.setNotFoundHandler((request, reply) => sendNoSuchPath(request, reply));

  app.post(LOGIN_PATH, (request, reply) => {
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    const given = { username: form.get('j_username') ?? '', password: form.get('j_password') ?? '' };
    if (!authentication.accepts(given)) return sendStatus(prism, request, reply, 401);
    authentication.sendSession(reply, ['JSESSIONID']);
    return reply.code(200).send();
  });

  const createRate = new CreateRate(prism.knobs, prism.clock);
  v3Routes(app, prism, createRate);
  v4Routes(app, prism, createRate);
  consoleRoutes(app, prism);
  return app;
}

/** JSON is read as text first, for an empty body with a JSON type is no error: many clients send that with actions. */
function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    const text = body.toString();
    if (text.trim() === '') return done(null, undefined);
    try {
      done(null, JSON.parse(text));
    } catch {
      done(Object.assign(new Error('The body is not valid JSON.'), { statusCode: 400 }));
    }
  });
  app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body));
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
}
