import { Injectable } from '@nestjs/common';
import { ProblemError, rolePermissions, type Permission } from '@polyvirt/contracts';
import { Database } from '../database/database.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { UserEntity } from '../users/user.entity.ts';
import type { CredentialId } from './caller.decorator.ts';

/** Whether somebody may still do what they asked for a while ago and what is still being done. */
@Injectable()
export class AuthorRights {
  constructor(private readonly database: Database) {}

  /**
   * Throws `forbidden` once the user is gone, disabled or of a lower role, or the token was revoked. That a session has ended means
   * nothing: who goes home has not changed their mind.
   */
  async require({ userId, tokenId }: Pick<CredentialId, 'userId' | 'tokenId'>, permission: Permission): Promise<void> {
    const user = await this.database.repository(UserEntity).findOneBy({ id: userId, disabled: false });
    const token =
      tokenId === null ? undefined : await this.database.repository(TokenEntity).findOneBy({ id: tokenId, userId });
    const may =
      user !== null &&
      token !== null &&
      rolePermissions[user.role].has(permission) &&
      (token === undefined || token.scopes.includes(permission));
    if (!may)
      throw new ProblemError(
        'forbidden',
        `Whoever asked for this may no longer: it needs the permission ${permission}.`,
      );
  }
}
