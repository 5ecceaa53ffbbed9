import { Controller, Get, Req, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/permission.decorator.ts';
import { WebPages, wantsPage } from './web-pages.ts';

/** What the gateway is, to a program that asks for its root. */
const signpost = { name: 'Polyvirt', status: 'ok', api: '/api/v1', documentation: '/docs', health: '/healthz' };

@ApiExcludeController()
@Controller({ version: VERSION_NEUTRAL })
export class RootController {
  constructor(private readonly pages: WebPages) {}

  /** To a browser the web console; to a program JSON, as KVM Supervisor answered. */
  @Get()
  @Public()
  async root(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | typeof signpost> {
    if (wantsPage(request)) return this.pages.page(reply);
    void reply.header('Vary', 'Accept');
    return signpost;
  }
}
