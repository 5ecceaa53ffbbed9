import type { Clock } from './clock.ts';
import type { ConsoleTokens } from './console/console-tokens.ts';
import type { EntityService } from './entities/entity-service.ts';
import type { Sessions } from './http/sessions.ts';
import type { ImageFiles } from './images/image-files.ts';
import type { Disguises } from './knobs/disguises.ts';
import type { FaultRules } from './knobs/fault-rules.ts';
import type { KnobSettings } from './knobs/knob-settings.ts';
import type { Datacenter } from './state/datacenter.ts';
import type { Store } from './state/store.ts';
import type { TaskEngine } from './tasks/task-engine.ts';
import type { VmService } from './vms/vm-service.ts';

/** What the routes work with. */
export interface Prism {
  readonly clock: Clock;
  readonly store: Store;
  readonly site: Datacenter;
  readonly knobs: KnobSettings;
  readonly faults: FaultRules;
  readonly disguises: Disguises;
  readonly tasks: TaskEngine;
  readonly vms: VmService;
  readonly entities: EntityService;
  readonly files: ImageFiles;
  readonly sessions: Sessions;
  readonly consoleTokens: ConsoleTokens;
  readonly username: string;
}
