import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CreateUserInput, EditUserInput, pageOf, PageQuery, Session, User, type Page } from '@polyvirt/contracts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { NeedsFreshPassword, RequirePermission } from '../auth/permission.decorator.ts';
import { etagOf } from '../http/etag.ts';
import { Answers, TakesIfMatch } from '../openapi/answers.decorator.ts';
import { userPath, Users } from './users.ts';

const UserId = z.uuid().meta({ id: 'UserId' });
const UserPage = pageOf(User, 'UserPage');
const SessionPage = pageOf(Session, 'SessionPage');

@ApiTags('Identity')
@Controller('users')
export class UserController {
  private readonly users: Users;

  constructor(users: Users) {
    this.users = users;
  }

  @Get()
  @RequirePermission('user:manage')
  @Answers({ id: 'listUsers', summary: 'Users by name.', schema: UserPage })
  list(@Query({ schema: PageQuery }) query: PageQuery): Promise<Page<User>> {
    return this.users.list(query);
  }

  @Get(':id')
  @RequirePermission('user:manage')
  @Answers({ id: 'getUser', summary: 'One user.', schema: User, problems: ['user-not-found'] })
  async get(
    @Param('id', { schema: UserId }) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<User> {
    return tagged(await this.users.get(id), reply);
  }

  @Post()
  @RequirePermission('user:manage')
  @NeedsFreshPassword()
  @Changes('user.create')
  @Answers({ id: 'createUser', summary: 'Make a user.', status: 201, schema: User, problems: ['name-taken'] })
  async create(
    @Body({ schema: CreateUserInput }) input: CreateUserInput,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<User> {
    const user = await this.users.create(input, caller);
    void reply.header('Location', userPath(user.id));
    return tagged(user, reply);
  }

  @Patch(':id')
  @RequirePermission('user:manage')
  @NeedsFreshPassword()
  @Changes('user.edit')
  @TakesIfMatch()
  @Answers({
    id: 'editUser',
    summary: 'Change the role or the password of a user, or disable it.',
    description:
      'A new password and being disabled end all sessions of the user at once. A new password ends its API tokens too, unless `tokens` is `keep`.',
    schema: User,
    problems: ['user-not-found', 'wrong-state'],
  })
  async edit(
    @Param('id', { schema: UserId }) id: string,
    @Body({ schema: EditUserInput }) input: EditUserInput,
    @Headers('If-Match') ifMatch: string | undefined,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<User> {
    return tagged(await this.users.edit(id, input, ifMatch, caller), reply);
  }

  @Post(':id/unlock')
  @HttpCode(204)
  @RequirePermission('user:manage')
  @Changes('user.unlock', 'carried out')
  @Answers({
    id: 'unlockUser',
    summary: 'Let a user log in who has to wait after too many wrong passwords.',
    status: 204,
    problems: ['user-not-found'],
  })
  async unlock(@Param('id', { schema: UserId }) id: string, @Caller() caller: Caller): Promise<void> {
    await this.users.unlock(id, caller);
  }

  @Get(':id/sessions')
  @RequirePermission('user:manage')
  @Answers({
    id: 'listUserSessions',
    summary: 'Where a user is logged in: the session that was used last first.',
    schema: SessionPage,
    problems: ['user-not-found'],
  })
  listSessions(
    @Param('id', { schema: UserId }) id: string,
    @Query({ schema: PageQuery }) query: PageQuery,
    @Caller() caller: Caller,
  ): Promise<Page<Session>> {
    return this.users.listSessions(id, query, caller);
  }

  @Delete(':id/sessions')
  @HttpCode(204)
  @RequirePermission('user:manage')
  @Changes('user.sessions-end', 'carried out')
  @Answers({
    id: 'endUserSessions',
    summary: 'End all sessions of a user, who has to log in again. API tokens stay.',
    status: 204,
    problems: ['user-not-found'],
  })
  async endSessions(@Param('id', { schema: UserId }) id: string, @Caller() caller: Caller): Promise<void> {
    await this.users.endSessions(id, caller);
  }

  @Delete(':id')
  @HttpCode(204)
  @RequirePermission('user:manage')
  @NeedsFreshPassword()
  @Changes('user.delete', 'carried out')
  @TakesIfMatch()
  @Answers({
    id: 'deleteUser',
    summary: 'Delete a user with its sessions and tokens.',
    status: 204,
    problems: ['user-not-found', 'wrong-state'],
  })
  async remove(
    @Param('id', { schema: UserId }) id: string,
    @Headers('If-Match') ifMatch: string | undefined,
    @Caller() caller: Caller,
  ): Promise<void> {
    await this.users.remove(id, ifMatch, caller);
  }
}

function tagged(user: User, reply: FastifyReply): User {
  void reply.header('ETag', etagOf(user.revision));
  return user;
}
