import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { pageOf, PageQuery, ProblemError, Session, type Page } from '@polyvirt/contracts';
import { Audit } from '../audit/audit.ts';
import { Changes } from '../audit/changes.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Caller } from './caller.decorator.ts';
import { IdentityChanges } from './identity-changes.ts';
import { OnlyInSession, RequirePermission } from './permission.decorator.ts';
import { SessionId, Sessions } from './sessions.ts';

const SessionPage = pageOf(Session, 'SessionPage');

/** Where the user who asks is logged in. Ending a session needs no fresh password: it makes nobody stronger. */
@ApiTags('Identity')
@Controller('auth/sessions')
export class SessionController {
  constructor(
    private readonly sessions: Sessions,
    private readonly changes: IdentityChanges,
    private readonly audit: Audit,
  ) {}

  @Get()
  @RequirePermission('logged-in')
  @OnlyInSession()
  @Answers({
    id: 'listSessions',
    summary: 'Where you are logged in: the session that was used last first.',
    description: 'An API token cannot do this.',
    schema: SessionPage,
  })
  list(@Query({ schema: PageQuery }) query: PageQuery, @Caller() caller: Caller): Promise<Page<Session>> {
    return this.sessions.list(caller.userId, caller.sessionId, query);
  }

  @Delete()
  @HttpCode(204)
  @RequirePermission('logged-in')
  @OnlyInSession()
  @Changes('auth.sessions-end', 'carried out')
  @Answers({
    id: 'endOtherSessions',
    summary: 'End all your sessions but the one that asks.',
    description: 'An API token cannot do this.',
    status: 204,
  })
  async endOthers(@Caller() caller: Caller): Promise<void> {
    await this.changes.change(async (manager) => {
      await this.sessions.endOthers(manager, caller.userId, caller.sessionId!);
      await this.audit.record(manager, caller, { action: 'auth.sessions-end', outcome: 'succeeded' });
    });
  }

  @Delete(':id')
  @HttpCode(204)
  @RequirePermission('logged-in')
  @OnlyInSession()
  @Changes('auth.session-end', 'carried out')
  @Answers({
    id: 'endSession',
    summary: 'End one of your sessions.',
    description: 'An API token cannot do this.',
    status: 204,
    problems: ['session-not-found'],
  })
  async end(@Param('id', { schema: SessionId }) id: string, @Caller() caller: Caller): Promise<void> {
    await this.changes.change(async (manager) => {
      if (!(await this.sessions.end(manager, { id, userId: caller.userId })))
        throw new ProblemError('session-not-found', 'You have no such session; it may have ended.');
      await this.audit.record(manager, caller, { action: 'auth.session-end', outcome: 'succeeded', target: id });
    });
  }
}
