import { Body, Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { LoginInput, Me, ProblemError, RefreshInput, TokenPair } from '@polyvirt/contracts';
import type { FastifyRequest } from 'fastify';
import { Changes } from '../audit/changes.decorator.ts';
import { Database } from '../database/database.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { shownUser } from '../users/shown-user.ts';
import { UserEntity } from '../users/user.entity.ts';
import { Caller } from './caller.decorator.ts';
import { Logins, type Visitor } from './logins.ts';
import { Public, RequirePermission } from './permission.decorator.ts';

@ApiTags('Identity')
@Controller('auth')
export class AuthController {
  private readonly logins: Logins;
  private readonly database: Database;

  constructor(logins: Logins, database: Database) {
    this.logins = logins;
    this.database = database;
  }

  @Post('login')
  @HttpCode(200)
  @Public()
  @Changes('auth.login')
  @Answers({
    id: 'login',
    summary: 'Log in with a user name and a password.',
    schema: TokenPair,
    problems: ['unauthenticated'],
  })
  login(@Body({ schema: LoginInput }) input: LoginInput, @Req() request: FastifyRequest): Promise<TokenPair> {
    return this.logins.login(input, visitorOf(request));
  }

  @Post('refresh')
  @HttpCode(200)
  @Public()
  @Changes('auth.refresh')
  @Answers({
    id: 'refresh',
    summary: 'Trade a refresh token for a new pair.',
    description: 'A refresh token works once. Using it a second time ends the session: one of the two is a thief.',
    schema: TokenPair,
    problems: ['unauthenticated'],
  })
  refresh(
    @Body({ schema: RefreshInput }) { refreshToken }: RefreshInput,
    @Req() request: FastifyRequest,
  ): Promise<TokenPair> {
    return this.logins.refresh(refreshToken, visitorOf(request));
  }

  @Post('logout')
  @HttpCode(204)
  @Public()
  @Changes('auth.logout')
  @Answers({ id: 'logout', summary: 'End the session of a refresh token.', status: 204 })
  async logout(@Body({ schema: RefreshInput }) { refreshToken }: RefreshInput): Promise<void> {
    await this.logins.logout(refreshToken);
  }

  @Get('me')
  @RequirePermission('logged-in')
  @Answers({ id: 'whoAmI', summary: 'Who is asking, and what that allows.', schema: Me })
  async me(@Caller() caller: Caller): Promise<Me> {
    const user = await this.database.repository(UserEntity).findOneBy({ id: caller.userId });
    if (!user) throw new ProblemError('unauthenticated', 'The user is gone.');
    return {
      user: shownUser(user),
      permissions: [...caller.permissions],
      ...(caller.token && { token: caller.token }),
    };
  }
}

const visitorOf = ({ ip, id }: FastifyRequest): Visitor => ({ address: ip, requestId: id });
