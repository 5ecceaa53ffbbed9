import { Controller, Delete, Get, HttpCode, Param, Patch, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiTags } from '@nestjs/swagger';
import { Upload, UploadId } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { withLongBody } from '../http/long-bodies.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { answerTus, answerUpload, bytesIn, bytesOf, metadataIn, requireTus } from './tus-headers.ts';
import type { StoredUpload } from './upload-files.ts';
import { Uploads } from './uploads.ts';

/** What a client may know of it. */
const shown = ({ userId: _, metadata: __, ...upload }: StoredUpload): Upload => upload;

/** Uploads by the tus protocol: made, sent in parts, continued where the last part ended. A HEAD is a GET without body. */
@ApiTags('Uploads')
@Controller('uploads')
@RequirePermission('vm:create')
export class UploadController {
  constructor(private readonly uploads: Uploads) {}

  @Post()
  @HttpCode(201)
  @Changes('upload.create')
  @Answers({
    id: 'createUpload',
    summary: 'Begin an upload, by the tus protocol 1.0: of `Upload-Length` bytes, at the `Location` of the answer.',
    description:
      'Any tus client can send it: `Tus-Resumable: 1.0.0`, then `PATCH` with `Upload-Offset`, in one part or in many. An image is made of it by its id.',
    status: 201,
    schema: Upload,
    problems: ['version-not-supported', 'body-too-large', 'insufficient-capacity'],
  })
  async create(
    @Caller() { userId }: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Upload> {
    answerTus(reply, this.uploads.mostBytes);
    requireTus(request);
    const bytes = bytesIn(request, 'Upload-Length');
    const upload = await this.uploads.create({ userId, bytes, ...metadataIn(request) });
    answerUpload(reply, upload);
    void reply.header('location', `/api/v1/uploads/${upload.id}`);
    return shown(upload);
  }

  @Get(':uploadId')
  @Answers({
    id: 'getUpload',
    summary: 'How far an upload has come. HEAD answers with the headers alone, as tus has it.',
    schema: Upload,
    problems: ['upload-not-found'],
  })
  async get(
    @Param('uploadId', { schema: UploadId }) id: UploadId,
    @Caller() { userId }: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Upload> {
    answerTus(reply, this.uploads.mostBytes);
    const upload = await this.uploads.require(id, userId);
    answerUpload(reply, upload);
    return shown(upload);
  }

  @Patch(':uploadId')
  @HttpCode(204)
  @Changes('upload.send')
  @RouteConfig({ takesBytes: true })
  @Answers({
    id: 'sendUpload',
    summary: 'Send a part, as `application/offset+octet-stream`, from `Upload-Offset` on.',
    status: 204,
    problems: [
      ...(['version-not-supported', 'upload-not-found', 'wrong-state'] as const),
      ...(['body-too-large', 'unsupported-media-type', 'insufficient-capacity', 'unavailable'] as const),
    ],
  })
  async send(
    @Param('uploadId', { schema: UploadId }) id: UploadId,
    @Caller() { userId }: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    answerTus(reply, this.uploads.mostBytes);
    requireTus(request);
    const offset = bytesIn(request, 'Upload-Offset');
    const upload = await withLongBody(request.raw, () => this.uploads.receive(id, userId, offset, bytesOf(request)));
    answerUpload(reply, upload);
  }

  @Delete(':uploadId')
  @HttpCode(204)
  @Changes('upload.delete')
  @Answers({ id: 'deleteUpload', summary: 'Give an upload up.', status: 204, problems: ['upload-not-found'] })
  async remove(
    @Param('uploadId', { schema: UploadId }) id: UploadId,
    @Caller() { userId }: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    answerTus(reply, this.uploads.mostBytes);
    await this.uploads.remove(id, userId);
  }
}
