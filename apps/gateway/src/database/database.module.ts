import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type GatewayConfig } from '../config.ts';
import { Database } from './database.ts';
import { openDatabase } from './open-database.ts';

@Global()
@Module({
  providers: [
    { provide: Database, inject: [CONFIG], useFactory: ({ databaseUrl }: GatewayConfig) => openDatabase(databaseUrl) },
  ],
  exports: [Database],
})
export class DatabaseModule implements OnApplicationShutdown {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /** Nest calls this after the HTTP server and the modules in front of it have closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}
