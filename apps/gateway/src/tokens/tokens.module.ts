import { Module } from '@nestjs/common';
import { RunToken } from './run-token.ts';
import { TokenController } from './token.controller.ts';
import { Tokens } from './tokens.ts';

@Module({ controllers: [TokenController], providers: [RunToken, Tokens] })
export class TokensModule {}
