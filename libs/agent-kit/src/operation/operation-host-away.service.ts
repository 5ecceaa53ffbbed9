import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { openBucket } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { buckets, HostRecord, keys, ProblemError } from '@polyvirt/contracts';
import { FakeHost } from '@polyvirt/hypervisor';
import { AgentBench, host } from '../testing/agent-bench.ts';

describe('operations', () => {
  let bench: AgentBench;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

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
      expect(await bench.ends(command)).toEqual([]);
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
      expect(await bench.ends(command)).toEqual([]);
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
});
