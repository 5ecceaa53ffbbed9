import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  ProblemError,
  weaknessOf,
  type CreateUserInput,
  type EditUserInput,
  type Page,
  type PageQuery,
  type User,
} from '@polyvirt/contracts';
import { MoreThan, Not, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { Audit } from '../audit/audit.ts';
import type { Caller } from '../auth/caller.decorator.ts';
import { IdentityChanges } from '../auth/identity-changes.ts';
import { Passwords } from '../auth/passwords.ts';
import { Sessions } from '../auth/sessions.ts';
import { UserPreferencesEntity } from '../auth/user-preferences.entity.ts';
import { KnownDevices } from '../auth/known-devices.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { Cursors } from '../http/cursor.ts';
import { etagOf, requireMatch } from '../http/etag.ts';
import { invalidInput } from '../http/faults.ts';
import { TokenEntity } from '../tokens/token.entity.ts';
import { shownUser } from './shown-user.ts';
import { UserEntity } from './user.entity.ts';

const notFound = () => new ProblemError('user-not-found', 'There is no such user.');

/** Who may log in. There is always one admin who can. */
@Injectable()
export class Users {
  private readonly database: Database;
  private readonly changes: IdentityChanges;
  private readonly sessions: Sessions;
  private readonly audit: Audit;
  private readonly cursors: Cursors;
  private readonly passwords: Passwords;
  private readonly devices: KnownDevices;

  constructor(
    database: Database,
    changes: IdentityChanges,
    sessions: Sessions,
    audit: Audit,
    cursors: Cursors,
    passwords: Passwords,
    devices: KnownDevices,
  ) {
    this.database = database;
    this.changes = changes;
    this.sessions = sessions;
    this.audit = audit;
    this.cursors = cursors;
    this.passwords = passwords;
    this.devices = devices;
  }

  /** By name. */
  async list({ limit, cursor }: PageQuery): Promise<Page<User>> {
    const after = cursor === undefined ? undefined : this.cursors.open('users', cursor, z.string());
    const found = await this.database.repository(UserEntity).find({
      ...(after !== undefined && { where: { usernameKey: MoreThan(after) } }),
      order: { usernameKey: 'ASC' },
      take: limit + 1,
    });
    const items = found.slice(0, limit).map(shownUser);
    const nextCursor = found.length > limit ? this.cursors.seal('users', found[limit - 1]!.usernameKey) : undefined;
    return { items, ...(nextCursor !== undefined && { nextCursor }) };
  }

  async get(id: string): Promise<User> {
    const user = await this.database.repository(UserEntity).findOneBy({ id });
    if (!user) throw notFound();
    return shownUser(user);
  }

  /** Throws `name-taken`; names that differ only in case are the same. */
  async create({ username, password, role }: CreateUserInput, caller: Caller): Promise<User> {
    const user = newUser(username, await this.passwords.hash(password), role);
    try {
      await this.database.transaction(async (manager) => {
        await manager.insert(UserEntity, user);
        await this.audit.record(manager, caller, {
          action: 'user.create',
          outcome: 'succeeded',
          target: username,
          detail: `role: ${role}`,
        });
        await caller.idempotency?.answer(manager, {
          status: 201,
          body: shownUser(user),
          headers: { location: userPath(user.id), etag: etagOf(user.revision) },
        });
      });
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw new ProblemError('name-taken', `There is a user ${username} already.`, { cause: error });
    }
    return shownUser(user);
  }

  /** A new password, and being disabled, end every session at once; a lower role applies to them at once. */
  async edit(id: string, input: EditUserInput, ifMatch: string | undefined, caller: Caller): Promise<User> {
    const passwordHash = input.password === undefined ? undefined : await this.passwords.hash(input.password);
    return this.changes.change(async (manager) => {
      const user = await manager.findOneBy(UserEntity, { id });
      if (!user) throw notFound();
      requireMatch(ifMatch, etagOf(user.revision));
      requireStrong(input.password, user.username);
      const { role = user.role, disabled = user.disabled, tokens = 'end' } = input;
      if (role !== 'admin' || disabled) await this.requireAnotherAdmin(manager, user);
      const edited = { role, disabled, revision: user.revision + 1, ...(passwordHash && { passwordHash }) };
      await manager.update(UserEntity, { id }, edited);
      if (passwordHash || disabled) {
        await this.sessions.end(manager, { userId: id });
        await this.devices.forget(manager, id);
      }
      const endsTokens = passwordHash !== undefined && tokens === 'end';
      const ended = endsTokens ? ((await manager.delete(TokenEntity, { userId: id })).affected ?? 0) : 0;
      await this.audit.record(manager, caller, {
        action: 'user.edit',
        outcome: 'succeeded',
        target: user.username,
        detail: changesOf(user, edited, endsTokens ? `, ${ended} API tokens ended` : ', API tokens kept'),
      });
      return shownUser({ ...user, ...edited });
    });
  }

  /** Failed log-ins up to now count no more, at any gateway. */
  async unlock(id: string, caller: Caller): Promise<void> {
    await this.changes.change(async (manager) => {
      const user = await manager.findOneBy(UserEntity, { id });
      if (!user) throw notFound();
      await manager.update(UserEntity, { id }, { unlockedAt: Date.now() });
      await this.audit.record(manager, caller, { action: 'user.unlock', outcome: 'succeeded', target: user.username });
    });
  }

  /** Sessions and tokens of the user go with it; the audit keeps the name. */
  async remove(id: string, ifMatch: string | undefined, caller: Caller): Promise<void> {
    await this.changes.change(async (manager) => {
      const user = await manager.findOneBy(UserEntity, { id });
      if (!user) throw notFound();
      requireMatch(ifMatch, etagOf(user.revision));
      await this.requireAnotherAdmin(manager, user);
      await manager.delete(UserPreferencesEntity, { userId: id });
      await this.devices.forget(manager, id);
      await manager.delete(UserEntity, { id });
      await this.audit.record(manager, caller, {
        action: 'user.delete',
        outcome: 'succeeded',
        target: user.username,
      });
    });
  }

  /** `IdentityChanges.change` lets one change through at a time, so two admins cannot remove each other. */
  private async requireAnotherAdmin(manager: EntityManager, user: UserEntity): Promise<void> {
    if (user.role !== 'admin' || user.disabled) return;
    const others = await manager.countBy(UserEntity, { role: 'admin', disabled: false, id: Not(user.id) });
    if (others > 0) return;
    throw new ProblemError('wrong-state', `${user.username} is the last admin who can log in; make another one first.`);
  }
}

function requireStrong(password: string | undefined, username: string): void {
  const weakness = password === undefined ? undefined : weaknessOf(password, username);
  if (weakness !== undefined) throw invalidInput('body', [{ pointer: '/password', detail: weakness }]);
}

/** What was and what is, in the words of the API. */
function changesOf(
  before: UserEntity,
  after: Pick<UserEntity, 'role' | 'disabled'> & { passwordHash?: string },
  tokens: string,
): string {
  return [
    ...(before.role === after.role ? [] : [`role: ${before.role} → ${after.role}`]),
    ...(before.disabled === after.disabled ? [] : [`disabled: ${before.disabled} → ${after.disabled}`]),
    ...(after.passwordHash === undefined ? [] : [`password: new${tokens}`]),
  ].join('; ');
}

export const userPath = (id: string): string => `/api/v1/users/${id}`;

export function newUser(username: string, passwordHash: string, role: User['role']): UserEntity {
  return {
    id: randomUUID(),
    username,
    usernameKey: username.toLowerCase(),
    passwordHash,
    role,
    disabled: false,
    createdAt: Date.now(),
    lastLoginAt: null,
    unlockedAt: null,
    revision: 1,
  };
}
