import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from '@polyvirt/bus';
import { commands, defineCommand, planVm, ProblemError, type CommandDefinition, type Verb } from '@polyvirt/contracts';
import { acts, type Done } from '@polyvirt/hypervisor';
import { z } from 'zod';
import type { AgentBench } from '../testing/agent-bench.ts';

/** All that there is to say of it on this side of the bus: `docs/checklists/new-command.md`. */
const blinkVm = defineCommand({
  verb: 'vm.blink',
  summary: 'Blink with the light of a VM.',
  route: 'POST /vms/{vmId}/blink',
  permission: 'vm:power',
  action: 'reset',
  locks: ['vm'],
  input: { times: z.int().max(3).default(1) },
  outline: ({ times }) => ({ changes: [{ pointer: '/blinks', to: times, when: 'now' }] }),
  asksHost: true,
  limitSeconds: 60,
  problems: ['vm-not-found'],
});

describe('a new command', () => {
  let bench: AgentBench;
  let nativeId: string;
  const blinks: number[] = [];
  const verb = blinkVm.verb as string as Verb;
  const plan = (input: object) =>
    ask(bench.gateway, planVm, 'fake-a', { verb, nativeId, input }, { deadlineMs: 30_000 });

  beforeAll(async () => {
    (commands as unknown as CommandDefinition[]).push(blinkVm);
    Object.assign(acts, {
      'vm.blink': async ({ input }: { input: { times: number } }): Promise<Done> => {
        blinks.push(input.times);
        return { effect: 'changed' };
      },
    });
    const { AgentBench: Bench } = await import('../testing/agent-bench.ts');
    bench = await Bench.open();
    const { driver } = await bench.startAgent();
    Object.assign(driver.plans, {
      'vm.blink': async ({ input }: { input: { times: number } }) => {
        if (input.times === 3) throw new ProblemError('host-rejected', 'The lamp gets too hot.');
        return { steps: [{ name: 'blink', native: 'lamp' }] };
      },
    });
    const made = await bench.carryOut(bench.create('lamp', { start: true }));
    nativeId = made.result!.vmId!.split('~')[1]!;
  });
  afterAll(() => bench.close());

  it('is carried out', async () => {
    const operation = await bench.carryOut(bench.command(verb, nativeId, { times: 2 }));
    expect(operation).toMatchObject({ verb: 'vm.blink', status: 'succeeded', changed: true });
    expect(blinks).toEqual([2]);
  });

  it('is planned, by what it says of itself and what the driver adds', async () => {
    expect(await plan({ times: 1 })).toEqual({
      changes: [{ pointer: '/blinks', to: 1, when: 'now' }],
      disruption: 'none',
      steps: [{ name: 'blink', native: 'lamp' }],
      warnings: [],
      partial: false,
    });
    await expect(plan({ times: 3 })).rejects.toThrow('The lamp gets too hot.');
  });

  it('is refused in the states that the table of actions refuses', async () => {
    await bench.carryOut(bench.command('vm.stop', nativeId, { force: true }));
    await expect(plan({ times: 1 })).rejects.toMatchObject({ code: 'wrong-state' });
  });
});
