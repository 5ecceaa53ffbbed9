import { Controller, Delete, Get, HttpCode, Param, Patch, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiTags } from '@nestjs/swagger';
import { Upload, UploadId } from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { answerTus, bytesIn, fileNameIn, requireTus } from './tus-headers.ts';
import type { StoredUpload } from './upload-files.ts';
import { Uploads } from './uploads.ts';

/** What a client may know of it. */
const shown = ({ userId: _, ticketHash: __, ...upload }: StoredUpload): Upload => upload;

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
      'Any tus client can send it: `Tus-Resumable: 1.0.0`, then `PATCH` with `Upload-Offset`. Let a part take less than a minute: 8 MiB, say. An image is made of it by its id.',
    status: 201,
    schema: Upload,
    problems: ['body-too-large', 'insufficient-capacity'],
  })
  async create(
    @Caller() { userId }: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Upload> {
    requireTus(request);
    const upload = await this.uploads.create(userId, bytesIn(request, 'Upload-Length'), fileNameIn(request));
    answerTus(reply, this.uploads.mostBytes, upload);
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
    const upload = await this.uploads.require(id, userId);
    answerTus(reply, this.uploads.mostBytes, upload);
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
    problems: ['upload-not-found', 'wrong-state', 'body-too-large', 'unsupported-media-type'],
  })
  async send(
    @Param('uploadId', { schema: UploadId }) id: UploadId,
    @Caller() { userId }: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    requireTus(request);
    const upload = await this.uploads.receive(id, userId, bytesIn(request, 'Upload-Offset'), request.body as Readable);
    answerTus(reply, this.uploads.mostBytes, upload);
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
    await this.uploads.remove(id, userId);
    answerTus(reply, this.uploads.mostBytes);
  }
}
