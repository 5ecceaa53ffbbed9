import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ask, openBucket, publishCommand } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import {
  buckets,
  cancelOperation,
  HostRecord,
  keys,
  listOperations,
  ProblemError,
  subjects,
  type Command,
} from '@polyvirt/contracts';
import { FakeHost } from '@polyvirt/hypervisor';
import { randomUUID } from 'node:crypto';
import { AgentBench, host } from '../testing/agent-bench.ts';

describe('operations', () => {
  let bench: AgentBench;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

  /** All that has been published until now. */
  const ends = async ({ operationId }: Command) => {
    await bench.caughtUp();
    return bench.events.filter(
      ({ event }) => event.subject === operationId && /^operation\.(succeeded|failed|cancelled)$/.test(event.type),
    );
  };
  /** Waits until the agent has so many commands that it has not acknowledged. */
  const taken = (count: number) =>
    eventually(async () => {
      const info = await bench.gateway.manager.consumers.info('POLYVIRT_COMMANDS', `agent_${host}`);
      expect(info.num_ack_pending).toBe(count);
    });
  const cancel = ({ operationId }: Command) => ask(bench.gateway, cancelOperation, host, { operationId });

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
      await cancel(command);
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
      const behind = bench.command('vm.stop', first.operationId, { force: true, timeoutSeconds: 1 });
      const tooLate = bench.command('vm.reset', first.operationId);
      tooLate.notAfter = new Date(Date.now() + 50).toISOString();
      await bench.send(tooLate);
      await bench.send(behind);
      await taken(3);
      await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(tooLate.notAfter)));
      expect(await ends(tooLate)).toEqual([]);
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
      await eventually(async () => expect(await cancel(waiting)).toEqual({ accepted: true }));
      await cancel(start);
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
      expect(await ends(command)).toHaveLength(1);
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
      await taken(2);
      expect(agent.operations.count).toBe(1);
      created.resolve();
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
      await bench.queueEmpty();
      expect(await ends(command)).toHaveLength(1);
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

  describe('that fail', () => {
    it('end with the problem of the driver, and everything that was made is taken back', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create: power it on', moment: 'after', failWith: 'insufficient-capacity' });
      const command = bench.create('half', { start: true, cloudInit: { userData: '#' } });
      const operation = await bench.carryOut(command);
      expect(operation).toMatchObject({
        status: 'failed',
        error: { code: 'insufficient-capacity', requestId: command.requestId, operationId: command.operationId },
      });
      expect(operation.steps.map(({ name, status }) => `${name}: ${status}`)).toEqual([
        'check the request: succeeded',
        'make volume 1: undone',
        'make volume 2: undone',
        'define the machine: undone',
        'power it on: failed',
      ]);
      expect(driver.host.machines()).toEqual([]);
      expect(driver.host.volumes()).toEqual([]);
    });

    it('end with internal when anything but a problem escapes, and its text stays in the log', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create', breakWith: 'password=hunter2' });
      const operation = await bench.carryOut(bench.create('broken'));
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'internal' } });
      await bench.caughtUp();
      expect(JSON.stringify(bench.events)).not.toContain('hunter2');
    });

    it('end with capability-missing and the reason of the host when the facet is absent', async () => {
      await bench.startAgent({ without: { snapshots: 'The disks are raw.' } });
      const created = bench.create('plain');
      await bench.carryOut(created);
      const operation = await bench.carryOut(
        bench.command('vm.snapshot-create', created.operationId, { name: 'a', memory: false }),
      );
      expect(operation).toMatchObject({
        status: 'failed',
        error: { code: 'capability-missing', detail: 'The disks are raw.' },
      });
    });

    it('stop taking back where that fails, as what is left stands on what came before it, and say what is left', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create: define the machine', moment: 'after', failWith: 'host-rejected' });
      const { host: fake } = driver;
      const undefine = fake.undefine.bind(fake);
      fake.undefine = () => {
        throw new ProblemError('host-rejected', 'The host is stubborn.');
      };
      const operation = await bench.carryOut(bench.create('stuck', { cloudInit: { userData: '#' } }));
      fake.undefine = undefine;
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'host-rejected' } });
      expect(operation.result?.notes).toEqual([
        'Could not take back "define the machine": The host is stubborn.',
        expect.stringContaining('"make volume 2"'),
        expect.stringContaining('"make volume 1"'),
      ]);
      // The machine that is left has its disks.
      expect(driver.host.machines()).toHaveLength(1);
      expect(driver.host.volumes()).toHaveLength(2);
    });

    it('take nothing back below what could not be come by again', async () => {
      const command = bench.create('lost');
      const begun = (name: string) => ({ name, status: 'succeeded', startedAt: now, durationMs: 1 }) as const;
      const now = new Date().toISOString();
      await bench.leave({
        command,
        incarnation: 'an earlier one',
        attempts: 1,
        startedAt: now,
        phase: 'running',
        progress: 0,
        steps: [
          begun('check the request'),
          { ...begun('make volume 1'), revocable: true },
          // Of a version before, which had another step between.
          { ...begun('stand on it'), revocable: true },
        ],
        told: false,
      });
      const fake = new FakeHost();
      fake.createVolume({ path: `/fake/disks/${command.operationId}-vda`, sizeGiB: 1 });
      await bench.startAgent({ host: fake, faults: [{ at: 'create: define the machine', failWith: 'host-rejected' }] });
      const operation = await bench.ended(command);
      expect(operation.result?.notes).toEqual([
        expect.stringContaining('"stand on it"'),
        expect.stringContaining('"make volume 1"'),
      ]);
      expect(fake.volumes()).toHaveLength(1);
    });

    it('fail with vm-not-found when another tool removes the VM meanwhile, and that is told', async () => {
      const { driver } = await bench.startAgent();
      const created = bench.create('fleeting');
      await bench.carryOut(created);
      driver.faults.add({ at: 'start', vanish: true });
      const operation = await bench.carryOut(bench.command('vm.start', created.operationId));
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'vm-not-found' } });
      expect(bench.vmEvents(created.operationId).map(({ type }) => type)).toEqual(['vm.created', 'vm.deleted']);
      expect(await bench.record(created.operationId)).toBeUndefined();
    });

    it('fail with timed-out at the deadline of the verb, and are taken back', async () => {
      const command = bench.create('slow');
      // Begun so long ago, by a process that has died, that only a moment is left.
      await bench.leave({
        command,
        incarnation: 'an earlier one',
        attempts: 1,
        startedAt: new Date(Date.now() - 3_600_000 + 700).toISOString(),
        phase: 'running',
        progress: 0,
        steps: [],
        told: false,
      });
      const { driver } = await bench.startAgent({
        faults: [{ at: 'create: define the machine', moment: 'after', hang: true }],
      });
      expect(await bench.ended(command)).toMatchObject({ status: 'failed', error: { code: 'timed-out' } });
      expect(driver.host.machines()).toEqual([]);
      expect(driver.host.volumes()).toEqual([]);
    });

    it('are given up when they have taken too many agents down', async () => {
      const command = bench.create('poison');
      await bench.leave({
        command,
        incarnation: 'an earlier one',
        attempts: 20,
        startedAt: new Date().toISOString(),
        phase: 'running',
        progress: 0,
        steps: [],
        told: false,
      });
      const { driver } = await bench.startAgent();
      expect(await bench.ended(command)).toMatchObject({ status: 'failed', error: { code: 'internal' } });
      expect(driver.host.acts).toEqual([]);
    });
  });

  describe('on a host that goes away', () => {
    const offline = new ProblemError('host-offline', 'The host is away.');
    /** Refuses the removal of machines until the answer is called. */
    const refuseUndefine = (fake: FakeHost, error: Error) => {
      const undefine = fake.undefine.bind(fake);
      let refusals = 0;
      fake.undefine = () => {
        refusals += 1;
        throw error;
      };
      return {
        refusals: () => refusals,
        end: () => {
          fake.undefine = undefine;
        },
      };
    };

    it('are taken back when it is there again', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create: define the machine', moment: 'after', failWith: 'host-rejected' });
      const refusing = refuseUndefine(driver.host, offline);
      const command = await bench.send(bench.create('patient'));
      await eventually(() => expect(refusing.refusals()).toBeGreaterThan(1));
      expect(await ends(command)).toEqual([]);
      refusing.end();
      const operation = await bench.ended(command);
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'host-rejected' } });
      expect(operation.result?.notes).toBeUndefined();
      expect(driver.host.machines()).toEqual([]);
      expect(driver.host.volumes()).toEqual([]);
    });

    it('are taken back by the next agent when theirs stops meanwhile, which does not wait', async () => {
      const first = await bench.startAgent({}, { drainSeconds: 3_600 });
      first.driver.faults.add({ at: 'create: define the machine', moment: 'after', failWith: 'host-rejected' });
      const refusing = refuseUndefine(first.driver.host, offline);
      const command = await bench.send(bench.create('handed-over'));
      await eventually(() => expect(refusing.refusals()).toBeGreaterThan(0));
      await first.agent.stop();
      expect(await ends(command)).toEqual([]);
      refusing.end();
      await bench.startAgent({ host: first.driver.host });
      expect(await bench.ended(command)).toMatchObject({ status: 'failed', error: { code: 'host-rejected' } });
      expect(first.driver.host.machines()).toEqual([]);
      expect(first.driver.host.volumes()).toEqual([]);
    });

    /** An operation that an agent has left in the middle. */
    const left = async () => {
      const { agent, driver } = await bench.startAgent(
        { faults: [{ at: 'create: define the machine', moment: 'after', hang: true }] },
        { drainSeconds: 0 },
      );
      const command = await bench.send(bench.create('left', { start: true }));
      await eventually(() => expect(driver.host.findByName('left')).toBeDefined());
      await agent.stop();
      return { command, fake: driver.host };
    };

    it('go on when it is healthy, should it be away when their next agent begins', async () => {
      const { command, fake } = await left();
      fake.health = { status: 'undetected', detail: 'It has not been started yet.' };
      const { driver } = await bench.startAgent({ host: fake });
      const disarm = driver.faults.add({ at: 'create', failWith: 'host-offline' });
      await eventually(async () => expect(await bench.journalled(command)).toMatchObject({ attempts: 2 }));
      expect(await bench.journalled(command)).toMatchObject({ phase: 'running' });
      disarm();
      fake.health = { status: 'healthy', detail: 'It is there.' };
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
      expect(fake.doubled).toEqual([]);
    });

    it('are called again when it is away before they have come by what was made', async () => {
      const { command, fake } = await left();
      await bench.startAgent({
        host: fake,
        faults: [
          { at: 'create', failWith: 'host-offline', times: 2 },
          { at: 'create: power it on', failWith: 'host-rejected' },
        ],
      });
      const operation = await bench.ended(command);
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'host-rejected' } });
      expect(operation.result?.notes).toBeUndefined();
      expect(fake.machines()).toEqual([]);
      expect(fake.volumes()).toEqual([]);
    });

    it('wait for it as long as they may wait to begin', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create', failWith: 'host-offline', times: 3 });
      expect(await bench.carryOut(bench.create('waited'))).toMatchObject({ status: 'succeeded' });
      const disarm = driver.faults.add({ at: 'create', failWith: 'host-offline' });
      const late = bench.create('too-late');
      late.notAfter = new Date(Date.now() + 300).toISOString();
      expect(await bench.carryOut(late)).toMatchObject({ status: 'failed', error: { code: 'host-offline' } });
      disarm();
      expect(driver.host.machines().map(({ name }) => name)).toEqual(['waited']);
    });

    it('begin when it is healthy, if it is not when they come', async () => {
      const { driver } = await bench.startAgent({}, { times: { probeEveryMs: 20 } });
      driver.host.health = { status: 'unhealthy', detail: 'It has been stopped.' };
      const hosts = openBucket(bench.gateway, buckets.hosts, HostRecord);
      const record = () => hosts.get(keys.host(host));
      await eventually(async () => expect((await record())?.value.health.status).toBe('unhealthy'));
      const disarm = driver.faults.add({ at: 'create', failWith: 'host-rejected' });
      const command = await bench.send(bench.create('early'));
      await eventually(async () => expect(await bench.journalled(command)).toMatchObject({ phase: 'running' }));
      disarm();
      driver.host.health = { status: 'healthy', detail: 'It is there.' };
      expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
    });

    it.each(['before', 'after'] as const)('go on where they were, whichever step it went away %s', async (moment) => {
      const { driver } = await bench.startAgent();
      const seen = await bench.carryOut(bench.create('plain', { start: true }));
      expect(seen).toMatchObject({ status: 'succeeded' });
      const names = seen.steps.map(({ name }) => name);
      expect(names.length).toBeGreaterThan(1);
      for (const [index, name] of names.entries()) {
        driver.faults.add({ at: `create: ${name}`, moment, failWith: 'host-offline', times: 2 });
        const operation = await bench.carryOut(bench.create(`torn-${index}`, { start: true }));
        expect([name, operation.status, operation.error]).toEqual([name, 'succeeded', undefined]);
        expect(operation.steps.map((step) => step.status)).toEqual(names.map(() => 'succeeded'));
      }
      expect(driver.host.doubled).toEqual([]);
      const machines = driver.host.machines();
      expect(machines).toHaveLength(names.length + 1);
      // The deletes leave nothing either.
      const remove = async (nativeId: string) => {
        await bench.carryOut(bench.command('vm.stop', nativeId, { force: true }));
        return bench.carryOut(bench.command('vm.delete', nativeId, { disks: 'delete' }));
      };
      const deleted = await remove(machines.pop()!.nativeId);
      expect(deleted).toMatchObject({ status: 'succeeded' });
      for (const { name } of deleted.steps) {
        const { nativeId } = machines.pop()!;
        driver.faults.add({ at: `delete: ${name}`, moment, failWith: 'host-offline', times: 2 });
        expect([name, await remove(nativeId)]).toMatchObject([name, { status: 'succeeded' }]);
      }
      for (const { nativeId } of machines) await remove(nativeId);
      expect([driver.host.machines(), driver.host.volumes()]).toEqual([[], []]);
    });
  });

  describe('that are cancelled', () => {
    it('stop at the next step, are taken back, and end as cancelled', async () => {
      const { driver } = await bench.startAgent();
      driver.faults.add({ at: 'create: define the machine', moment: 'after', hang: true });
      const command = await bench.send(bench.create('unwanted', { start: true }));
      await bench.told(command.operationId, ({ steps }) => steps.some(({ name }) => name === 'make volume 1'));
      await eventually(() => expect(driver.host.findByName('unwanted')).toBeDefined());
      expect(await cancel(command)).toEqual({ accepted: true });
      const operation = await bench.ended(command);
      expect(operation.status).toBe('cancelled');
      expect(operation.error).toBeUndefined();
      expect(driver.host.machines()).toEqual([]);
      expect(driver.host.volumes()).toEqual([]);
      expect(await ends(command)).toHaveLength(1);
    });

    it('say so to whoever cancels what does not run here', async () => {
      await bench.startAgent();
      expect(await cancel({ operationId: randomUUID() } as Command)).toEqual({ accepted: false });
      const done = bench.create('done');
      await bench.carryOut(done);
      await bench.queueEmpty();
      expect(await cancel(done)).toEqual({ accepted: false });
      expect(await ends(done)).toHaveLength(1);
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
      await cancel(rename);
      looked.resolve();
      expect(await bench.ended(rename)).toMatchObject({ status: 'succeeded', changed: true });
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
      expect(await ends(command)).toEqual([]);
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
      expect(await ends(command)).toEqual([]);
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
      expect(await ends(command)).toHaveLength(1);
      expect(driver.host.doubled).toEqual([]);
      expect(bench.vmEvents(command.operationId).map(({ type }) => type)).toEqual(['vm.created', 'vm.started']);
    });
  });

  it('tell their revision, which the inventory has by then', async () => {
    await bench.startAgent();
    const command = bench.create('seen');
    await bench.carryOut(command);
    const told = (await ends(command))[0]!.event.data as { revision: number };
    const entry = await bench.inventory.get(keys.vm(host, command.operationId));
    expect(told.revision).toBe(entry?.revision);
  });

  it('tell what no look can see: restart, reset, clone and revert', async () => {
    await bench.startAgent();
    const created = bench.create('watched', { start: true });
    await bench.carryOut(created);
    const id = created.operationId;
    const force = { force: true, timeoutSeconds: 1 };
    await bench.carryOut(bench.command('vm.reset', id));
    await bench.carryOut(bench.command('vm.restart', id, force));
    await bench.carryOut(bench.command('vm.stop', id, force));
    const shot = await bench.carryOut(bench.command('vm.snapshot-create', id, { name: 'a', memory: false }));
    const { snapshot } = shot.result!;
    expect(snapshot).toBeDefined();
    await bench.carryOut(bench.command('vm.snapshot-revert', id, { snapshot }));
    const clone = bench.command('vm.clone', id, { name: 'twin', linked: false, start: false });
    expect(await bench.carryOut(clone)).toMatchObject({
      vmId: `${host}~${id}`,
      result: { vmId: `${host}~${clone.operationId}` },
    });

    const told = bench.vmEvents(id);
    expect(told.map(({ type }) => type).filter((type) => !['vm.started', 'vm.stopped'].includes(type))).toEqual([
      'vm.created',
      'vm.reset',
      'vm.restarted',
      'vm.snapshot-created',
      'vm.snapshot-reverted',
      'vm.cloned',
    ]);
    expect(told.at(-1)!.data).toMatchObject({ clone: `${host}~${clone.operationId}`, requestedBy: 'ada' });
    const [copied] = bench.vmEvents(clone.operationId);
    expect(copied).toMatchObject({
      type: 'vm.created',
      data: { clonedFrom: `${host}~${id}`, operationId: clone.operationId, definition: { format: 'libvirt-xml' } },
    });
  });

  it('fail when the VM that they left on did not outlive them, and what was changed stays', async () => {
    const { driver } = await bench.startAgent();
    const created = bench.create('fragile', { start: true });
    await bench.carryOut(created);
    const id = created.operationId;
    driver.faults.add({ at: 'reconfigure', moment: 'after', guestCrash: true, times: 1 });
    const operation = await bench.carryOut(bench.command('vm.reconfigure', id, { cpus: 2 }));
    expect(operation).toMatchObject({
      status: 'failed',
      changed: true,
      error: { code: 'host-rejected', detail: expect.stringContaining('"fragile" crashed'), operationId: operation.id },
    });
    expect(await bench.record(id)).toMatchObject({ state: 'crashed' });
  });

  it('say what their author should know, for every verb, and nothing of the user data', async () => {
    const { driver } = await bench.startAgent({ capacity: { memoryMiB: 100 } });
    const userData = 'users: [root]\npassword: correct-horse-battery\n';
    const created = bench.create('noted', { cloudInit: { userData }, start: true });
    const notes = (await bench.carryOut(created)).result?.notes;
    expect(notes).toEqual([expect.stringContaining('no header that cloud-init knows')]);
    const second = (await bench.carryOut(bench.create('second', { start: true }))).result?.notes;
    expect(second).toEqual([expect.stringContaining('128 MiB')]);
    const shot = bench.command('vm.snapshot-create', created.operationId, { name: 'a', memory: false });
    const { snapshot } = (await bench.carryOut(shot)).result!;
    const reverted = await bench.carryOut(bench.command('vm.snapshot-revert', created.operationId, { snapshot }));
    expect(reverted.result?.notes).toEqual([expect.stringContaining('is off now')]);
    driver.faults.add({ at: 'create: define the machine', breakWith: `refused: ${userData}` });
    const failed = await bench.carryOut(bench.create('quoted', { cloudInit: { userData } }));
    expect(failed.status).toBe('failed');
    driver.faults.clear();
    const kept = await bench.carryOut(bench.command('vm.delete', created.operationId, { disks: 'keep' }));
    expect(kept.result?.notes?.join()).toContain('/fake/disks/');
    expect(JSON.stringify(bench.events)).not.toContain('correct-horse-battery');
  });

  describe('that change a VM', () => {
    const parts = async () => {
      const { driver } = await bench.startAgent();
      const made = bench.create('whole', { disks: [{ sizeGiB: 1 }, { sizeGiB: 1 }] });
      await bench.carryOut(made);
      const change = (fields: object) => bench.carryOut(bench.command('vm.reconfigure', made.operationId, fields));
      return { driver, change, disks: (await bench.record(made.operationId))!.disks };
    };

    it('come about as a whole or not at all', async () => {
      const { driver, change } = await parts();
      driver.faults.add({
        at: 'reconfigure: change the hardware',
        moment: 'after',
        times: 1,
        failWith: 'host-rejected',
      });
      const operation = await change({ name: 'half', cpus: 4 });
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'host-rejected' } });
      expect(operation.result?.applied).toBeUndefined();
      expect(driver.host.machines()).toMatchObject([{ name: 'whole', cpus: 1 }]);
    });

    it('say what stays changed of one that failed where there is no way back', async () => {
      const { driver, change, disks } = await parts();
      driver.faults.add({ at: `reconfigure: grow ${disks[1]!.path}`, failWith: 'host-rejected' });
      const operation = await change({ cpus: 4, disks: disks.map(({ device }) => ({ device, sizeGiB: 5 })) });
      expect(operation).toMatchObject({
        status: 'failed',
        result: { applied: [{ pointer: '/disks/0/sizeGiB', from: 1, to: 5 }] },
      });
    });

    it('say with their values what waits for the power-off', async () => {
      const { change, driver } = await parts();
      driver.host.powerOn(driver.host.machines()[0]!.nativeId);
      const { result } = await change({ cpus: 3 });
      expect(result).toEqual({ pendingChanges: [{ pointer: '/cpus', from: 1, to: 3 }] });
    });

    it('are given up when they take longer than their author would wait', async () => {
      const { driver } = await bench.startAgent();
      const made = bench.create('slow');
      await bench.carryOut(made);
      driver.faults.add({ at: 'start', hang: true });
      const operation = await bench.carryOut(bench.command('vm.start', made.operationId, { timeoutSeconds: 1 }));
      expect(operation).toMatchObject({ status: 'failed', error: { code: 'timed-out' } });
    });
  });
});
