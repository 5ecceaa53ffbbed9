import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ApiToken, CreatedToken, CreateTokenInput, pageOf, PageQuery, type Page } from '@polyvirt/contracts';
import type { FastifyReply } from 'fastify';
import { Changes } from '../audit/changes.decorator.ts';
import { Caller } from '../auth/caller.decorator.ts';
import { NeedsFreshPassword, RequirePermission } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { TokenId, tokenPath, Tokens } from './tokens.ts';

const TokenPage = pageOf(ApiToken, 'TokenPage');

@ApiTags('Identity')
@Controller('tokens')
export class TokenController {
  private readonly tokens: Tokens;

  constructor(tokens: Tokens) {
    this.tokens = tokens;
  }

  @Get()
  @RequirePermission('token:manage')
  @Answers({
    id: 'listTokens',
    summary: 'Your API tokens; those of everybody for who manages users.',
    schema: TokenPage,
  })
  list(@Query({ schema: PageQuery }) query: PageQuery, @Caller() caller: Caller): Promise<Page<ApiToken>> {
    return this.tokens.list(query, caller);
  }

  @Get(':id')
  @RequirePermission('token:manage')
  @Answers({
    id: 'getToken',
    summary: 'One API token, without its secret.',
    schema: ApiToken,
    problems: ['token-not-found'],
  })
  get(@Param('id', { schema: TokenId }) id: string, @Caller() caller: Caller): Promise<ApiToken> {
    return this.tokens.get(id, caller);
  }

  @Post()
  @RequirePermission('token:manage')
  @NeedsFreshPassword()
  @Changes('token.create')
  @Answers({
    id: 'createToken',
    summary: 'Make an API token. Its secret is shown this once.',
    status: 201,
    schema: CreatedToken,
    problems: ['name-taken'],
  })
  async create(
    @Body({ schema: CreateTokenInput }) input: CreateTokenInput,
    @Caller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedToken> {
    const token = await this.tokens.create(input, caller);
    void reply.header('Location', tokenPath(token.id));
    return token;
  }

  @Delete(':id')
  @HttpCode(204)
  @RequirePermission('token:manage')
  @Changes('token.delete', 'carried out')
  @Answers({ id: 'deleteToken', summary: 'Revoke an API token.', status: 204, problems: ['token-not-found'] })
  async remove(@Param('id', { schema: TokenId }) id: string, @Caller() caller: Caller): Promise<void> {
    await this.tokens.remove(id, caller);
  }
}
