import { Body, Controller, Get, Patch } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { EditMeInput, Me, ProblemError } from '@polyvirt/contracts';
import { Changes } from '../audit/changes.decorator.ts';
import { isoTime } from '../database/columns.ts';
import { Database } from '../database/database.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { shownUser } from '../users/shown-user.ts';
import { UserEntity } from '../users/user.entity.ts';
import { Caller } from './caller.decorator.ts';
import { OnlyInSession, RequirePermission } from './permission.decorator.ts';
import { UserPreferences } from './user-preferences.ts';

@ApiTags('Identity')
@Controller('auth/me')
@RequirePermission('logged-in')
export class MeController {
  constructor(
    private readonly database: Database,
    private readonly preferences: UserPreferences,
  ) {}

  @Get()
  @Answers({ id: 'whoAmI', summary: 'Who is asking, what that allows, and what they prefer.', schema: Me })
  async me(@Caller() caller: Caller): Promise<Me> {
    const user = await this.database.repository(UserEntity).findOneBy({ id: caller.userId });
    if (!user) throw new ProblemError('unauthenticated', 'The user is gone.');
    return {
      user: shownUser(user),
      permissions: [...caller.permissions],
      preferences: await this.preferences.of(caller.userId),
      ...(caller.token && { token: caller.token }),
      ...((caller.confirmedUntil ?? 0) > Date.now() && { confirmedUntil: isoTime(caller.confirmedUntil!) }),
    };
  }

  @Patch()
  @OnlyInSession()
  @Changes('auth.edit')
  @Answers({
    id: 'editMe',
    summary: 'Keep language, theme, columns and saved views for every browser of the user who asks.',
    description: 'An API token cannot do this.',
    schema: Me,
  })
  async edit(@Body({ schema: EditMeInput }) { preferences }: EditMeInput, @Caller() caller: Caller): Promise<Me> {
    await this.preferences.edit(caller.userId, preferences);
    return this.me(caller);
  }
}
