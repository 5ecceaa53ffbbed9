import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../auth/permission.decorator.ts';
import { ApiDocument } from './api-document.ts';
import { docsPage, docsPolicy, docsScript, problemsPage } from './pages.ts';

/** The API to read and to try, without a byte from elsewhere. */
@ApiExcludeController()
@Controller()
export class DocsController {
  private readonly document: ApiDocument;

  constructor(document: ApiDocument) {
    this.document = document;
  }

  @Get('openapi.json')
  @Public()
  @Header('Content-Type', 'application/json; charset=utf-8')
  openApi(): string {
    return this.document.json();
  }

  @Get('docs')
  @Public()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', docsPolicy)
  page(): string {
    return docsPage;
  }

  @Get('docs/start.js')
  @Public()
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return docsScript;
  }

  @Get('docs/problems')
  @Public()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', docsPolicy)
  problems(): string {
    return problemsPage;
  }
}
