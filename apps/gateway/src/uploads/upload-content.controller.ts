import { Controller, Get, HttpCode, Options, Param, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import send from '@fastify/send';
import { ProblemError, UploadId, uploadTicketHeader } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { basename, dirname } from 'node:path';
import { Door } from '../auth/door.ts';
import { Public } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { answerTus } from './tus-headers.ts';
import { Uploads } from './uploads.ts';

/** For whoever is no user: agents, which show a ticket that came with their command, and clients that ask how to speak to us. */
@ApiTags('Uploads')
@Controller('uploads')
export class UploadContentController {
  constructor(
    private readonly uploads: Uploads,
    private readonly door: Door,
  ) {}

  @Options()
  @HttpCode(204)
  @Public()
  @Answers({
    id: 'getUploadOptions',
    summary: 'Which version of the tus protocol is spoken here, with what.',
    status: 204,
  })
  options(@Res({ passthrough: true }) reply: FastifyReply): void {
    answerTus(reply, this.uploads.mostBytes);
  }

  @Get(':uploadId/content')
  @Public()
  @Answers({
    id: 'getUploadContent',
    summary: 'What was uploaded, for the agent that makes an image of it.',
    description: 'Takes `Range`. The ticket of the agent is in the header `Polyvirt-Upload-Ticket`.',
    mediaType: 'application/octet-stream',
    problems: ['upload-not-found', 'range-not-satisfiable'],
  })
  async content(
    @Param('uploadId', { schema: UploadId }) id: UploadId,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const ticket = request.headers[uploadTicketHeader];
    const { path } = await this.door.redeem(request, () =>
      this.uploads.contentBy(id, typeof ticket === 'string' ? ticket : undefined),
    );
    const answer = await send(request.raw, basename(path), {
      root: dirname(path),
      cacheControl: false,
      contentType: false,
    });
    if (answer.statusCode === 416)
      throw new ProblemError(
        'range-not-satisfiable',
        'The upload does not reach as far as the range that is asked for.',
      );
    if (answer.type !== 'file') throw new ProblemError('upload-not-found', `There is no upload ${id} any more.`);
    void reply
      .code(answer.statusCode)
      .headers(answer.headers)
      .header('content-type', 'application/octet-stream')
      .send(answer.stream);
  }
}
