import { Module, type DynamicModule } from '@nestjs/common';
import type { Bus } from '@polyvirt/bus';
import type { Logger } from 'pino';
import type { Archive } from './archive/archive.ts';
import { ARCHIVE, BUS, LIFE_FILE, LOGGER, Organizer } from './organizer.ts';

export interface OrganizerParts {
  readonly bus: Bus;
  readonly archive: Archive;
  readonly logger: Logger;
  readonly lifeFile?: string | undefined;
}

@Module({})
export class OrganizerModule {
  static of({ bus, archive, logger, lifeFile }: OrganizerParts): DynamicModule {
    return {
      module: OrganizerModule,
      providers: [
        { provide: BUS, useValue: bus },
        { provide: ARCHIVE, useValue: archive },
        { provide: LOGGER, useValue: logger },
        { provide: LIFE_FILE, useValue: lifeFile },
        Organizer,
      ],
    };
  }
}
