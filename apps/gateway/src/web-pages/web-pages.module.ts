import { Module } from '@nestjs/common';
import { RootController } from './root.controller.ts';
import { WebPages } from './web-pages.ts';

@Module({ controllers: [RootController], providers: [WebPages] })
export class WebPagesModule {}
