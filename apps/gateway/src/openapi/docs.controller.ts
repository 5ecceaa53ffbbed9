import { Controller, Get, Header, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/permission.decorator.ts';
import { withPolicy } from '../http/page-policy.ts';
import { ApiDocument } from './api-document.ts';
import { docsPage, docsScript, problemsPage } from './pages.ts';

/** The API to read and to try, without a byte from elsewhere. */
@ApiExcludeController()
@Controller({ version: VERSION_NEUTRAL })
export class DocsController {
  private readonly document: ApiDocument;

  constructor(document: ApiDocument) {
    this.document = document;
  }

  @Get('api/v1/openapi.json')
  @Public()
  @Header('Content-Type', 'application/json; charset=utf-8')
  openApi(): string {
    return this.document.json();
  }

  @Get('docs')
  @Public()
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    return show(docsPage, reply);
  }

  @Get('docs/start.js')
  @Public()
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return docsScript;
  }

  @Get('docs/problems')
  @Public()
  problems(@Res({ passthrough: true }) reply: FastifyReply): string {
    return show(problemsPage, reply);
  }
}

function show(page: string, reply: FastifyReply): string {
  const { html, policy } = withPolicy(page);
  void reply.type('text/html; charset=utf-8').header('Content-Security-Policy', policy);
  return html;
}
