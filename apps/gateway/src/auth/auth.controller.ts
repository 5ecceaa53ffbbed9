import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  ChangePasswordInput,
  Confirmation,
  ConfirmInput,
  foreignText,
  LinkedUser,
  LoginInput,
  LogInLink,
  LogInLinkInput,
  ProblemError,
  RefreshInput,
  SessionAnswer,
  UseLinkInput,
} from '@polyvirt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChangesByCredential } from '../audit/changes.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Caller } from './caller.decorator.ts';
import { deviceOf, keepDevice } from './known-devices.ts';
import { LogInLinks } from './log-in-links.ts';
import { Logins, type Visitor } from './logins.ts';
import { OwnPassword } from './own-password.ts';
import { OnlyInSession, Public, RequirePermission } from './permission.decorator.ts';
import { dropCookie, keepInCookie, tokenInCookie } from './session-cookie.ts';

@ApiTags('Identity')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly logins: Logins,
    private readonly passwords: OwnPassword,
    private readonly links: LogInLinks,
  ) {}

  @Post('login')
  @HttpCode(200)
  @Public()
  @ChangesByCredential('auth.login', 'carried out')
  @Answers({
    id: 'login',
    summary: 'Log in with a user name and a password.',
    schema: SessionAnswer,
    problems: ['unauthenticated'],
  })
  async login(
    @Body({ schema: LoginInput }) input: LoginInput,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionAnswer> {
    const { pair, device } = await this.logins.login(input, visitorOf(request));
    if (input.session !== 'cookie') return pair;
    const answer = keepInCookie(pair, request, reply);
    keepDevice(device, request, reply);
    return answer;
  }

  @Post('refresh')
  @HttpCode(200)
  @Public()
  @ChangesByCredential('auth.refresh', 'carried out')
  @Answers({
    id: 'refresh',
    summary: 'Trade a refresh token for a new pair.',
    description:
      'A refresh token works once. Using it a second time ends the session: one of the two is a thief. ' +
      'A session that began with `session: "cookie"` sends no body; its cookie is renewed.',
    schema: SessionAnswer,
    problems: ['unauthenticated', 'forbidden'],
  })
  async refresh(
    @Body({ schema: RefreshInput }) { refreshToken }: RefreshInput,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionAnswer> {
    if (refreshToken !== undefined) return this.logins.refresh(refreshToken, visitorOf(request));
    const kept = tokenInCookie(request);
    if (kept === undefined)
      throw new ProblemError('unauthenticated', 'There is no session: neither a refreshToken nor a cookie. Log in.');
    try {
      return keepInCookie(await this.logins.refresh(kept, visitorOf(request)), request, reply);
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'unauthenticated') dropCookie(request, reply);
      throw error;
    }
  }

  @Post('logout')
  @HttpCode(204)
  @Public()
  @ChangesByCredential('auth.logout', 'carried out')
  @Answers({
    id: 'logout',
    summary: 'End the session of a refresh token, or of the cookie.',
    status: 204,
    problems: ['forbidden'],
  })
  async logout(
    @Body({ schema: RefreshInput }) { refreshToken }: RefreshInput,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const kept = refreshToken === undefined ? tokenInCookie(request) : undefined;
    if (kept !== undefined) dropCookie(request, reply);
    const token = refreshToken ?? kept;
    if (token !== undefined) await this.logins.logout(token, visitorOf(request));
  }

  @Post('password')
  @HttpCode(204)
  @RequirePermission('logged-in')
  @OnlyInSession()
  @ChangesByCredential('auth.password')
  @Answers({
    id: 'changePassword',
    summary: 'Change the password of the user who asks.',
    description: 'Every other session of the user ends. An API token cannot do this.',
    status: 204,
    problems: ['invalid-input'],
  })
  async changePassword(
    @Body({ schema: ChangePasswordInput }) input: ChangePasswordInput,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    await this.passwords.change(input, caller, visitorOf(request));
  }

  @Post('confirm')
  @HttpCode(200)
  @RequirePermission('logged-in')
  @OnlyInSession()
  @ChangesByCredential('auth.confirm', 'carried out')
  @Answers({
    id: 'confirmPassword',
    summary: 'Give the password again, before users, tokens or sessions are changed.',
    description: 'It is good for 10 minutes, as it is after a log-in. An API token cannot do this.',
    schema: Confirmation,
  })
  confirm(
    @Body({ schema: ConfirmInput }) { password }: ConfirmInput,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<Confirmation> {
    return this.passwords.confirm(password, caller, visitorOf(request));
  }

  @Post('links')
  @HttpCode(200)
  @RequirePermission('logged-in')
  @OnlyInSession()
  @ChangesByCredential('auth.link')
  @Answers({
    id: 'createLogInLink',
    summary: 'Make a link with which you set a new password without the one you have.',
    description:
      'It is good once, for a day, and only until the password changes: `npm start` prints one for the first log-in. ' +
      'An API token cannot do this.',
    schema: LogInLink,
  })
  createLink(
    @Body({ schema: LogInLinkInput }) { password }: LogInLinkInput,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<LogInLink> {
    return this.links.issue(password, caller, visitorOf(request));
  }

  @Post('links/use')
  @HttpCode(200)
  @Public()
  @ChangesByCredential('auth.link-use')
  @Answers({
    id: 'useLogInLink',
    summary: 'Set the password of the user whose link that is; log in with it afterwards.',
    description: 'All sessions of the user end.',
    schema: LinkedUser,
    problems: ['unauthenticated', 'invalid-input'],
  })
  useLink(@Body({ schema: UseLinkInput }) input: UseLinkInput, @Req() request: FastifyRequest): Promise<LinkedUser> {
    return this.links.use(input, visitorOf(request));
  }
}

const longestClient = 200;

const visitorOf = (request: FastifyRequest): Visitor => ({
  address: request.ip,
  requestId: request.id,
  clientRequestId: request.clientRequestId,
  client: foreignText(request.headers['user-agent'] ?? '', { most: longestClient }) || null,
  device: deviceOf(request),
});
