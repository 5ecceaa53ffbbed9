import { Module, type DynamicModule } from '@nestjs/common';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { Consoles } from './console/consoles.ts';
import { LifecycleHandler } from './handlers/lifecycle.handler.ts';
import { PowerHandler } from './handlers/power.handler.ts';
import { QueryHandler } from './handlers/query.handler.ts';
import { SnapshotHandler } from './handlers/snapshot.handler.ts';
import { DRIVER, IDENTITY } from './handlers/tokens.ts';
import type { AgentIdentity } from './host/identity.ts';
import { Inventory } from './inventory/inventory.ts';
import { OperationRunner } from './operation/operation-runner.ts';

export interface AgentParts {
  readonly driver: HypervisorDriver;
  readonly identity: AgentIdentity;
  readonly inventory: Inventory;
  readonly operations: OperationRunner;
  readonly consoles: Consoles;
}

/** What answers on the bus; everything it stands on exists before Nest does. */
@Module({})
export class AgentModule {
  static of({ driver, identity, inventory, operations, consoles }: AgentParts): DynamicModule {
    return {
      module: AgentModule,
      controllers: [PowerHandler, LifecycleHandler, SnapshotHandler, QueryHandler],
      providers: [
        { provide: DRIVER, useValue: driver },
        { provide: IDENTITY, useValue: identity },
        { provide: Inventory, useValue: inventory },
        { provide: OperationRunner, useValue: operations },
        { provide: Consoles, useValue: consoles },
      ],
    };
  }
}
