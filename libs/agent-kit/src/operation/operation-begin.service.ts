import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ask, publishCommand } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { keys, listOperations, subjects } from '@polyvirt/contracts';
import { AgentBench, host } from '../testing/agent-bench.ts';

describe('operations', () => {
  let bench: AgentBench;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

  describe('that nobody has begun', () => {
    it('fail with expired when they come too late, and the driver is not called', async () => {
      const { driver } = await bench.startAgent();
      const late = bench.create('late');
      late.notAfter = new Date(Date.now() - 1).toISOString();
      const operation = await bench.carryOut(late);
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'expired', operationId: late.operationId } });
      expect(driver.host.acts).toEqual([]);
      await bench.queueEmpty();
      await bench.caughtUp();
      expect(bench.types()).toEqual(['operation.failed']);
    });

    it.each([
      ['begin in time, though the clock of the gateway is two minutes behind', -120_000, 30_000, 'succeeded'],
      ['fail with expired, though the clock of the gateway is two minutes ahead', 120_000, -1_000, 'failed'],
    ])('%s', async (_, skewMs, beginWithinMs, status) => {
      await bench.startAgent();
      const command = bench.create('skewed');
      command.notAfter = new Date(Date.now() + skewMs).toISOString();
      command.beginWithinMs = beginWithinMs;
      expect(await bench.carryOut(command)).toMatchObject({ status });
    });

    it.each(['cancelled', 'expired', 'lost'] as const)(
      'are left alone when the gateway has ended them as %s',
      async (verdict) => {
        const ended = bench.create('ended');
        await bench.journal.create(keys.journal(host, ended.operationId), { ended: verdict });
        await bench.send(ended);
        const { driver } = await bench.startAgent();
        await bench.queueEmpty();
        await bench.caughtUp();
        expect(bench.events).toEqual([]);
        expect(driver.host.acts).toEqual([]);
      },
    );

    it('cannot be ended by the gateway once an agent has them', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create', hang: true });
      const command = await bench.send(bench.create('mine'));
      await bench.told(command.operationId, ({ status }) => status === 'running');
      await expect(bench.journal.create(keys.journal(host, command.operationId), { ended: 'expired' })).rejects.toThrow(
        'revision',
      );
      expect(await ask(bench.gateway, listOperations, host, {})).toMatchObject({ operationIds: [command.operationId] });
      await bench.cancel(command);
      await bench.ended(command);
      await eventually(async () =>
        expect(await ask(bench.gateway, listOperations, host, {})).toMatchObject({ operationIds: [] }),
      );
    });

    it('wait for the operation on the same VM, and expire in their turn', async () => {
      const { driver } = await bench.startAgent();
      const first = bench.create('busy');
      await bench.carryOut(first);
      const started = Promise.withResolvers<void>();
      driver.faults.add({ at: 'start', until: started.promise });
      const start = await bench.send(bench.command('vm.start', first.operationId));
      await bench.told(start.operationId, ({ status }) => status === 'running');
      const behind = bench.command('vm.restart', first.operationId, { force: true, timeoutSeconds: 1 });
      const tooLate = bench.command('vm.reset', first.operationId);
      tooLate.notAfter = new Date(Date.now() + 50).toISOString();
      await bench.send(tooLate);
      await bench.send(behind);
      await bench.taken(3);
      await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(tooLate.notAfter)));
      expect(await bench.ends(tooLate)).toEqual([]);
      started.resolve();
      expect(await bench.ended(tooLate)).toMatchObject({ status: 'failed', error: { code: 'expired' } });
      expect(await bench.ended(behind)).toMatchObject({ status: 'succeeded', changed: true });
      expect(await bench.ended(start)).toMatchObject({ status: 'succeeded', changed: true });
    });

    it('are cancelled in their turn without the driver being called', async () => {
      const { driver } = await bench.startAgent();
      const first = bench.create('busy');
      await bench.carryOut(first);
      driver.faults.add({ at: 'start', hang: true });
      const start = await bench.send(bench.command('vm.start', first.operationId));
      await bench.told(start.operationId, ({ status }) => status === 'running');
      const waiting = await bench.send(bench.command('vm.reset', first.operationId));
      await eventually(async () => expect(await bench.cancel(waiting)).toMatchObject({ accepted: true }));
      await bench.cancel(start);
      expect(await bench.ended(waiting)).toMatchObject({ status: 'cancelled' });
      expect(driver.host.acts.map(({ act }) => act)).not.toContain('reset');
    });
  });

  describe('that come again', () => {
    it('are carried out once when the command is published twice', async () => {
      const { driver } = await bench.startAgent();
      const command = bench.create('once');
      await bench.carryOut(command);
      await bench.queueEmpty();
      // Past the memory of the stream: a gateway that was away for long.
      await bench.gateway.jetstream.publish(subjects.command(host, command.verb), JSON.stringify(command));
      await bench.queueEmpty();
      expect(driver.host.doubled).toEqual([]);
      expect(driver.host.acts.filter(({ act }) => act === 'define')).toHaveLength(1);
      expect(await bench.ends(command)).toHaveLength(1);
      expect(await bench.journalled(command)).toMatchObject({ attempts: 1, told: true, command: { input: null } });
    });

    it('join the one that runs', async () => {
      const { agent, driver } = await bench.startAgent();
      const created = Promise.withResolvers<void>();
      driver.faults.add({ at: 'create', until: created.promise });
      const command = await bench.send(bench.create('joined'));
      await bench.told(command.operationId, ({ status }) => status === 'running');
      // Another message of the same operation, as a second gateway would send it.
      await bench.gateway.jetstream.publish(subjects.command(host, command.verb), JSON.stringify(command));
      await bench.taken(2);
      expect(agent.operations.count).toBe(1);
      created.resolve();
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
      await bench.queueEmpty();
      expect(await bench.ends(command)).toHaveLength(1);
      expect(driver.host.acts.filter(({ act }) => act === 'define')).toHaveLength(1);
    });

    it('are put aside after too many deliveries, and their operation fails', async () => {
      const { driver } = await bench.startAgent();
      const bad = { ...bench.create('bad'), input: { name: 7 } };
      await publishCommand(bench.gateway, bad);
      expect(await bench.ended(bad)).toMatchObject({ status: 'failed', error: { code: 'internal' } });
      expect(bench.types()).toEqual(['command.dead-lettered', 'operation.failed']);
      await bench.queueEmpty();
      expect(driver.host.acts).toEqual([]);
    });
  });
});
