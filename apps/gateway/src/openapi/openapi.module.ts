import fastifyStatic from '@fastify/static';
import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import swaggerUiFolder from 'swagger-ui-dist/absolute-path.js';
import { ApiDocument } from './api-document.ts';
import { DocsController } from './docs.controller.ts';

const servedFiles = /^\/(?:swagger-ui\.css|swagger-ui-bundle\.js|favicon-32x32\.png)$/;

@Module({ controllers: [DocsController], providers: [ApiDocument], exports: [ApiDocument] })
export class OpenApiModule implements OnModuleInit {
  private readonly host: HttpAdapterHost;

  constructor(host: HttpAdapterHost) {
    this.host = host;
  }

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    // Nest takes the slash off the path of a route.
    server.get('/docs/', (_request, reply) => reply.redirect('/docs', 308));
    // Not awaited: that would boot Fastify before Nest has set its error handler.
    void server.register(fastifyStatic, {
      root: swaggerUiFolder(),
      prefix: '/docs/assets/',
      decorateReply: false,
      index: false,
      allowedPath: (path) => servedFiles.test(path),
      maxAge: '1h',
    });
  }
}
