import { Module } from '@nestjs/common';
import { FirstAdmin } from './first-admin.ts';
import { UserController } from './user.controller.ts';
import { Users } from './users.ts';

@Module({ controllers: [UserController], providers: [Users, FirstAdmin] })
export class UsersModule {}
