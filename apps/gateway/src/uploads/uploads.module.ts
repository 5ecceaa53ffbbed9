import { Module } from '@nestjs/common';
import { UploadContentController } from './upload-content.controller.ts';
import { UploadController } from './upload.controller.ts';
import { Uploads } from './uploads.ts';

@Module({ controllers: [UploadController, UploadContentController], providers: [Uploads], exports: [Uploads] })
export class UploadsModule {}
