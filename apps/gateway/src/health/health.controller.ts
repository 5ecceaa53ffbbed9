import { Controller, Get, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ProblemError } from '@polyvirt/contracts';
import { z } from 'zod';
import { Public } from '../auth/permission.decorator.ts';
import { Answers } from '../openapi/answers.decorator.ts';
import { Readiness } from './readiness.ts';

const Alive = z.object({ status: z.literal('alive') }).meta({ id: 'Alive' });
const Ready = z.object({ status: z.literal('ready'), checks: z.record(z.string(), z.string()) }).meta({ id: 'Ready' });

@ApiTags('Health')
@Controller({ version: VERSION_NEUTRAL })
export class HealthController {
  private readonly readiness: Readiness;

  constructor(readiness: Readiness) {
    this.readiness = readiness;
  }

  @Get('healthz')
  @Public()
  @Answers({ id: 'isAlive', summary: 'Whether the process runs.', schema: Alive })
  alive() {
    return { status: 'alive' };
  }

  @Get('readyz')
  @Public()
  @Answers({
    id: 'isReady',
    summary: 'Whether the database and the bus answer and the inventory is complete.',
    schema: Ready,
    problems: ['unavailable'],
  })
  async ready() {
    const checks = await this.readiness.look();
    const faults = Object.entries(checks).filter(([, state]) => state !== 'ok');
    if (faults.length === 0) return { status: 'ready', checks };
    throw new ProblemError(
      'unavailable',
      `Not ready. ${faults.map(([name, fault]) => `${name}: ${fault}`).join('; ')}`,
    );
  }
}
