import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { AgentBench } from './testing/agent-bench.ts';

describe('an agent', () => {
  let bench: AgentBench;

  beforeEach(async () => {
    Logger.overrideLogger(['error', 'warn', 'fatal']);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

  it('makes a VM, tells what happened in order, and keeps its record', async () => {
    const { driver } = await bench.startAgent();
    const command = bench.create('web-1', { start: true });
    const operation = await bench.carryOut(command);
    expect(operation).toMatchObject({ status: 'succeeded', changed: true, progress: 100 });
    const nativeId = command.operationId;
    expect(operation.vmId).toBe(`fake-a~${nativeId}`);
    expect(driver.host.findByName('web-1')).toMatchObject({ state: 'running' });
    expect(bench.types().filter((type) => type !== 'operation.progressed')).toEqual([
      'operation.started',
      'vm.created',
      'vm.started',
      'operation.succeeded',
    ]);
    expect(await bench.record(nativeId)).toMatchObject({ name: 'web-1', state: 'running' });
    await bench.queueEmpty();
  });
});
