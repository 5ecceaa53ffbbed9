import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { withPolicy } from '../http/page-policy.ts';

/** As the build of apps/web leaves it, as far from the sources here as from what is built of them. */
const builtHere = fileURLToPath(new URL('../../../web/dist', import.meta.url));
/** Where programs look: an address that does not exist there is a problem, however it is asked for. */
const notPages = /^\/(?:api|assets|docs|socket\.io)(?:\/|$)/;
const notBuilt = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Polyvirt</title>
  </head>
  <body>
    <h1>The web console is not built</h1>
    <p>Run <code>npm run build</code>, or set <code>POLYVIRT_WEB_ROOT</code> to the folder of a built one.
      The API is here: <a href="/docs">/docs</a>.</p>
  </body>
</html>
`;

/** The web console: one page for every address of its own, and the files that it loads. */
@Injectable()
export class WebPages implements OnModuleInit {
  private readonly folder: string;

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) { webRoot }: GatewayConfig,
  ) {
    this.folder = webRoot ?? builtHere;
  }

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    // Not awaited: that would boot Fastify before Nest has set its error handler.
    void server.register(fastifyStatic, {
      root: join(this.folder, 'assets'),
      prefix: '/assets/',
      decorateReply: false,
      index: false,
      preCompressed: true,
      // A file whose contents change has another name.
      immutable: true,
      maxAge: '1y',
    });
    server.addHook('onRequest', async (request, reply) => {
      if (request.is404 && request.method === 'GET' && wantsPage(request) && !notPages.test(pathOf(request)))
        return reply.send(await this.page(reply));
    });
  }

  /** The page, with a nonce of its own; sets the headers that go with it. */
  async page(reply: FastifyReply): Promise<string> {
    const { html, policy } = withPolicy(await readFile(join(this.folder, 'index.html'), 'utf8').catch(missing));
    void reply
      .type('text/html; charset=utf-8')
      .header('Content-Security-Policy', policy)
      .header('Cache-Control', 'no-store')
      .header('Vary', 'Accept');
    return html;
  }
}

/** A browser names the type when it shows an address; programs that take anything mean JSON. */
export const wantsPage = ({ headers: { accept } }: FastifyRequest): boolean =>
  accept !== undefined && /(?:^|,)\s*text\/html\s*(?:[;,]|$)/i.test(accept);

const pathOf = ({ url }: FastifyRequest): string => url.split('?', 1)[0]!;

function missing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return notBuilt;
  throw error;
}
