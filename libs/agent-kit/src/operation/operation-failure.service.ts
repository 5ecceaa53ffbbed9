import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ProblemError } from '@polyvirt/contracts';
import { FakeHost } from '@polyvirt/hypervisor';
import { AgentBench } from '../testing/agent-bench.ts';

describe('operations', () => {
  let bench: AgentBench;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
  });
  afterEach(() => bench.close());

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
});
