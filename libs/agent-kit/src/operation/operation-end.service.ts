import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { eventually } from '@polyvirt/bus/testing';
import { keys, type Command, type Verb } from '@polyvirt/contracts';
import { randomUUID } from 'node:crypto';
import { AgentBench, host } from '../testing/agent-bench.ts';

describe('operations', () => {
  let bench: AgentBench;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

  describe('that are cancelled', () => {
    it('stop at the next step, are taken back, and end as cancelled', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create: define the machine', moment: 'after', hang: true });
      const command = await bench.send(bench.create('unwanted', { start: true }));
      await bench.told(command.operationId, ({ steps }) => steps.some(({ name }) => name === 'make volume 1'));
      await eventually(() => expect(driver.host.findByName('unwanted')).toBeDefined());
      const { accepted, cancelRequestedAt } = await bench.cancel(command);
      expect([accepted, cancelRequestedAt]).toEqual([true, expect.any(String)]);
      const operation = await bench.ended(command);
      expect(operation).toMatchObject({ status: 'cancelled', cancelRequestedAt });
      expect(operation.error).toBeUndefined();
      expect(driver.host.machines()).toEqual([]);
      expect(driver.host.volumes()).toEqual([]);
      expect(await bench.ends(command)).toHaveLength(1);
    });

    it('say so as long as they go on, to whoever cancels them again too', async () => {
      const { driver } = await bench.startAgent({}, { drainSeconds: 0 });
      driver.faults.add({ at: 'create', deaf: true });
      const command = await bench.send(bench.create('slow'));
      await bench.told(command.operationId, ({ status }) => status === 'running');
      const first = await bench.cancel(command);
      expect(await bench.cancel(command)).toEqual(first);
      const { cancelRequestedAt } = first;
      const seen = await bench.told(command.operationId, (operation) => operation.cancelRequestedAt !== undefined);
      expect(seen).toMatchObject({ status: 'running', cancelRequestedAt });
    });

    it('are ended by the next agent, should theirs be gone before', async () => {
      const first = await bench.startAgent(
        { faults: [{ at: 'create: define the machine', moment: 'after', deaf: true }] },
        { drainSeconds: 0 },
      );
      const command = await bench.send(bench.create('unwanted', { start: true }));
      await eventually(() => expect(first.driver.host.findByName('unwanted')).toBeDefined());
      const { cancelRequestedAt } = await bench.cancel(command);
      expect(await bench.journalled(command)).toMatchObject({ phase: 'running', cancelRequestedAt });
      await first.agent.stop();
      expect(await bench.ends(command)).toEqual([]);
      const { driver } = await bench.startAgent({ host: first.driver.host });
      expect(await bench.ended(command)).toMatchObject({ status: 'cancelled', cancelRequestedAt });
      expect(driver.host.machines()).toEqual([]);
      expect(driver.host.volumes()).toEqual([]);
    });

    it('say so to whoever cancels what does not run here', async () => {
      await bench.startAgent();
      expect(await bench.cancel({ operationId: randomUUID() } as Command)).toEqual({ accepted: false });
      const done = bench.create('done');
      await bench.carryOut(done);
      await bench.queueEmpty();
      expect(await bench.cancel(done)).toEqual({ accepted: false });
      expect(await bench.ends(done)).toHaveLength(1);
    });

    it('succeed when the driver was done before it noticed', async () => {
      const { driver } = await bench.startAgent();
      const created = bench.create('quick');
      await bench.carryOut(created);
      const looked = Promise.withResolvers<void>();
      driver.faults.add({ at: 'export', until: looked.promise });
      const rename = bench.command('vm.reconfigure', created.operationId, { name: 'renamed' });
      await bench.send(rename);
      // The record is looked at when the driver has answered; by then it is too late to cancel.
      await eventually(() => expect(driver.host.findByName('renamed')).toBeDefined());
      await bench.cancel(rename);
      looked.resolve();
      expect(await bench.ended(rename)).toMatchObject({ status: 'succeeded', changed: true });
    });
  });

  describe('that hang', () => {
    const patience = { withinMs: 60_000, firstPauseMs: 5, longestPauseMs: 50, letGoWithinMs: 100 };
    /** A machine that runs, and a command on it whose call to the hypervisor never ends, whatever it is told. */
    const hanging = async (verb: Verb, input: object, at: string) => {
      const { driver } = await bench.startAgent({}, { times: { patience } });
      const created = bench.create('hung', { start: true });
      await bench.carryOut(created);
      driver.faults.add({ at, deaf: true });
      const command = await bench.send(bench.command(verb, created.operationId, input));
      await bench.told(command.operationId, ({ status }) => status === 'running');
      return { driver, command, nativeId: created.operationId };
    };
    const verbs: [Verb, object, string][] = [
      ['vm.restart', { force: true }, 'restart'],
      ['vm.snapshot-create', { name: 'before' }, 'snapshots.create'],
      ['vm.reconfigure', { cpus: 2 }, 'reconfigure'],
    ];

    it.each(verbs)('are let go of when %s is cancelled', async (verb, input, at) => {
      const { command } = await hanging(verb, input, at);
      expect(await bench.cancel(command)).toMatchObject({ accepted: true });
      expect(await bench.ended(command)).toMatchObject({ status: 'cancelled' });
    });

    it.each(verbs)('give way to a stop by force: %s', async (verb, input, at) => {
      const { driver, command, nativeId } = await hanging(verb, input, at);
      const stop = await bench.carryOut(bench.command('vm.stop', nativeId, { force: true }));
      expect(stop).toMatchObject({ status: 'succeeded', changed: true });
      expect(await bench.ended(command)).toMatchObject({ status: 'cancelled' });
      expect(driver.host.findByName('hung')).toMatchObject({ state: 'stopped' });
      // Nothing stays behind that others would wait for.
      expect(await bench.carryOut(bench.command('vm.start', nativeId, {}))).toMatchObject({ status: 'succeeded' });
    });
  });

  describe('on an agent that stops', () => {
    it('end when they can within the time to drain', async () => {
      const { agent, driver } = await bench.startAgent({}, { drainSeconds: 3_600 });
      const created = Promise.withResolvers<void>();
      driver.faults.add({ at: 'create', until: created.promise });
      const command = await bench.send(bench.create('drained'));
      await bench.told(command.operationId, ({ status }) => status === 'running');
      const stopping = agent.stop();
      await eventually(() => expect(bench.types()).toContain('host.draining'));
      created.resolve();
      await stopping;
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
      await bench.queueEmpty();
    });

    it('are let go of without an end, and the next agent goes on where they were', async () => {
      const first = await bench.startAgent(
        { faults: [{ at: 'create: define the machine', moment: 'after', hang: true }] },
        { drainSeconds: 0 },
      );
      const command = await bench.send(bench.create('handed-over', { start: true }));
      await eventually(() => expect(first.driver.host.findByName('handed-over')).toBeDefined());
      await first.agent.stop();
      expect(await bench.ends(command)).toEqual([]);
      // Nothing was taken back.
      expect(first.driver.host.findByName('handed-over')).toBeDefined();
      expect(await bench.journalled(command)).toMatchObject({ phase: 'running', attempts: 1 });

      const second = await bench.startAgent({ host: first.driver.host });
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded', changed: true });
      expect(second.driver.host.doubled).toEqual([]);
      expect(second.driver.host.findByName('handed-over')).toMatchObject({ state: 'running' });
      await bench.queueEmpty();
      expect(await bench.journalled(command)).toMatchObject({ attempts: 2, told: true });
    });

    it('are not begun by it, and wait for the next', async () => {
      const first = await bench.startAgent();
      await first.agent.stop();
      const command = await bench.send(bench.create('waiting'));
      await bench.startAgent({ host: first.driver.host });
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
    });

    it('are not ended by an agent whose operation another one has taken over', async () => {
      const { agent, driver } = await bench.startAgent();
      const stolen = Promise.withResolvers<void>();
      driver.faults.add({ at: 'create: make volume 1', moment: 'after', until: stolen.promise });
      const command = await bench.send(bench.create('stolen'));
      await eventually(async () => expect(await bench.journalled(command)).toMatchObject({ steps: [{}, {}] }));
      const key = keys.journal(host, command.operationId);
      const found = (await bench.journal.get(key))!;
      await bench.journal.put(key, { ...found.value, incarnation: 'another' } as typeof found.value);
      await eventually(() => expect(driver.host.volumes()).toHaveLength(1));
      stolen.resolve();
      await eventually(() => expect(agent.operations.count).toBe(0));
      expect(await bench.ends(command)).toEqual([]);
      expect(await bench.journalled(command)).toMatchObject({ incarnation: 'another', attempts: 1, phase: 'running' });
      // What was made belongs to the other agent now.
      expect(driver.host.volumes()).toHaveLength(1);
    });
  });

  describe('on a bus that goes away', () => {
    it('end when it is back, once', async () => {
      await bench.close();
      const alone = await AgentBench.openAlone();
      bench = alone;
      const { driver } = await bench.startAgent();
      const killed = Promise.withResolvers<void>();
      driver.faults.add({ at: 'create: define the machine', until: killed.promise });
      const command = await bench.send(bench.create('survivor', { start: true }));
      await bench.told(command.operationId, ({ steps }) => steps.some(({ name }) => name === 'define the machine'));
      await alone.nats.kill();
      killed.resolve();
      // The driver goes on meanwhile, up to where the journal is needed again.
      await eventually(() => expect(driver.host.findByName('survivor')).toBeDefined());
      await alone.nats.start();
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
      await bench.queueEmpty();
      expect(await bench.ends(command)).toHaveLength(1);
      expect(driver.host.doubled).toEqual([]);
      expect(bench.vmEvents(command.operationId).map(({ type }) => type)).toEqual(['vm.created', 'vm.started']);
    });
  });
});
