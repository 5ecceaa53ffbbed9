import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { generatePassword, Passwords } from '../auth/passwords.ts';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { isDuplicate } from '../database/database-errors.ts';
import { Database } from '../database/database.ts';
import { UserEntity } from './user.entity.ts';
import { newUser } from './users.ts';

const username = 'admin';

/** There is no default password: the first start makes the user `admin` with a given one, or one that it prints once. */
@Injectable()
export class FirstAdmin implements OnModuleInit {
  private readonly database: Database;
  private readonly passwords: Passwords;
  private readonly given: string | undefined;

  constructor(database: Database, passwords: Passwords, @Inject(CONFIG) { adminPassword }: GatewayConfig) {
    this.database = database;
    this.passwords = passwords;
    this.given = adminPassword;
  }

  async onModuleInit(): Promise<void> {
    if ((await this.database.repository(UserEntity).count()) > 0) return;
    const password = this.given ?? generatePassword();
    if (!(await this.insert(password)) || this.given !== undefined) return;
    // Not through the logger: logs are kept and sent around, and this is a secret.
    process.stderr.write(
      `\nFirst start. Log in as ${username} with this password, which is not shown again: ${password}\n\n`,
    );
  }

  /** False when another gateway, started at the same time, was first. */
  private async insert(password: string): Promise<boolean> {
    const user = newUser(username, await this.passwords.hash(password), 'admin');
    try {
      await this.database.transaction((manager) => manager.insert(UserEntity, user));
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }
}
