import { Module, type DynamicModule } from '@nestjs/common';
import type { Capabilities } from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { Consoles } from './console/consoles.ts';
import { CommandHandler } from './handlers/command.handler.ts';
import { QueryHandler } from './handlers/query.handler.ts';
import { CAPABILITIES, DRIVER, IDENTITY } from './handlers/tokens.ts';
import type { AgentIdentity } from './host/identity.ts';
import { VolumeList } from './host/volume-list.ts';
import { HostImages } from './images/host-images.ts';
import { Inventory } from './inventory/inventory.ts';
import { OperationRunner } from './operation/operation-runner.ts';

export interface AgentParts {
  readonly driver: HypervisorDriver;
  readonly identity: AgentIdentity;
  readonly inventory: Inventory;
  readonly operations: OperationRunner;
  readonly consoles: Consoles;
  /** What the host can, as far as the last probe knew. */
  readonly capabilities: () => Capabilities;
  readonly volumes: VolumeList;
  readonly images: HostImages;
}

/** What answers on the bus; everything it stands on exists before Nest does. */
@Module({})
export class AgentModule {
  static of({ driver, identity, inventory, operations, consoles, ...rest }: AgentParts): DynamicModule {
    return {
      module: AgentModule,
      controllers: [CommandHandler, QueryHandler],
      providers: [
        { provide: DRIVER, useValue: driver },
        { provide: IDENTITY, useValue: identity },
        { provide: CAPABILITIES, useValue: rest.capabilities },
        { provide: VolumeList, useValue: rest.volumes },
        { provide: HostImages, useValue: rest.images },
        { provide: Inventory, useValue: inventory },
        { provide: OperationRunner, useValue: operations },
        { provide: Consoles, useValue: consoles },
      ],
    };
  }
}
