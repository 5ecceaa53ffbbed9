import { Module } from '@nestjs/common';
import { TokenController } from './token.controller.ts';
import { Tokens } from './tokens.ts';

@Module({ controllers: [TokenController], providers: [Tokens] })
export class TokensModule {}
