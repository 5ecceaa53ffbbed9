import { Module, type DynamicModule } from '@nestjs/common';
import type { Bus } from '@polyvirt/bus';
import type { Logger } from 'pino';
import type { Archive } from './archive/archive.ts';
import { ARCHIVE, BUS, LOGGER, Organizer } from './organizer.ts';

@Module({})
export class OrganizerModule {
  static of({ bus, archive, logger }: { bus: Bus; archive: Archive; logger: Logger }): DynamicModule {
    return {
      module: OrganizerModule,
      providers: [
        { provide: BUS, useValue: bus },
        { provide: ARCHIVE, useValue: archive },
        { provide: LOGGER, useValue: logger },
        Organizer,
      ],
    };
  }
}
