import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { OnCommand } from '@polyvirt/bus';
import {
  pauseVm,
  resetVm,
  restartVm,
  resumeVm,
  startVm,
  stopVm,
  suspendVm,
  vmReset,
  vmRestarted,
  type CommandOf,
} from '@polyvirt/contracts';
import type { HypervisorDriver } from '@polyvirt/hypervisor';
import { requireFacet } from '../host/facets.ts';
import { OperationRunner } from '../operation/operation-runner.ts';
import { vmOf } from '../operation/targets.ts';
import { DRIVER } from './tokens.ts';

@Controller()
export class PowerHandler {
  constructor(
    @Inject(DRIVER) private readonly driver: HypervisorDriver,
    private readonly operations: OperationRunner,
  ) {}

  @OnCommand(startVm)
  start(@Payload() command: CommandOf<typeof startVm>) {
    return this.operations.run(command, async (context) => ({
      effect: await this.driver.start(vmOf(command), context),
    }));
  }

  @OnCommand(stopVm)
  stop(@Payload() command: CommandOf<typeof stopVm>) {
    return this.operations.run(command, async (context) => ({
      effect: await this.driver.stop(vmOf(command), command.input, context),
    }));
  }

  @OnCommand(restartVm)
  restart(@Payload() command: CommandOf<typeof restartVm>) {
    return this.operations.run(command, async (context) => ({
      effect: await this.driver.restart(vmOf(command), command.input, context),
      alsoHappened: [{ definition: vmRestarted }],
    }));
  }

  @OnCommand(resetVm)
  reset(@Payload() command: CommandOf<typeof resetVm>) {
    return this.operations.run(command, async (context) => ({
      effect: await this.driver.reset(vmOf(command), context),
      alsoHappened: [{ definition: vmReset }],
    }));
  }

  @OnCommand(suspendVm)
  suspend(@Payload() command: CommandOf<typeof suspendVm>) {
    return this.operations.run(command, async (context) => ({
      effect: await (await requireFacet(this.driver, 'suspend')).suspend(vmOf(command), context),
    }));
  }

  @OnCommand(pauseVm)
  pause(@Payload() command: CommandOf<typeof pauseVm>) {
    return this.operations.run(command, async (context) => ({
      effect: await (await requireFacet(this.driver, 'suspend')).pause(vmOf(command), context),
    }));
  }

  @OnCommand(resumeVm)
  resume(@Payload() command: CommandOf<typeof resumeVm>) {
    return this.operations.run(command, async (context) => ({
      effect: await (await requireFacet(this.driver, 'suspend')).resume(vmOf(command), context),
    }));
  }
}
