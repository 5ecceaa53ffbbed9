import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ask } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { cancelOperation, isEnded, keys, type Command } from '@polyvirt/contracts';
import { FakeHost, type FakeDriverOptions } from '@polyvirt/hypervisor';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentBench, host } from '../testing/agent-bench.ts';
import { AgentChild } from '../testing/agent-child.ts';
import type { KillOrder } from '../testing/kill-orders.ts';

/** Sooner or later every operation gets by with fewer writes. */
const mostWrites = 60;

interface Scenario {
  readonly title: string;
  readonly driver?: FakeDriverOptions;
  /** Makes what the command needs, and answers it. Nothing is killed meanwhile. */
  prepare(name: string): Promise<Command>;
  /** Pushes an operation that would not end by itself. */
  push?(command: Command): Promise<void>;
  readonly status: 'succeeded' | 'failed' | 'cancelled';
  /** When it is killed: just before it writes, when work is done that nobody noted, or just after. */
  readonly moments: readonly KillOrder['moment'][];
  /** What the host and the stream have to look like when it has ended. */
  check(command: Command, name: string): Promise<void> | void;
}

/**
 * An agent is killed before and after each thing that it writes to the bus in the course of an operation, and started again:
 * whatever it was about to do or had just done, the operation ends once and the host is as it should be.
 */
describe('an agent that is killed', () => {
  let bench: AgentBench;
  let folder: string;
  let fake: FakeHost;
  let child: AgentChild | undefined;
  let names = 0;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.open();
    await bench.redeliverAfter(1_000);
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-agent-'));
    fake = new FakeHost({ file: join(folder, 'host.json') });
  }, 20_000);

  afterEach(async () => {
    await child?.end('SIGTERM');
    child = undefined;
  });

  afterAll(async () => {
    fake.close();
    await bench.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = async (driver: FakeDriverOptions = {}) => {
    child = await AgentChild.spawn(folder, bench.config({ drainSeconds: 1, logLevel: 'error' }), driver).ready();
    return child;
  };

  const hasEnded = ({ operationId }: Command) =>
    bench.operationEvents(operationId).some(({ status }) => isEnded(status));

  /** True when the agent died of it. */
  const runOnce = async (scenario: Scenario, order: KillOrder): Promise<boolean> => {
    const name = `vm-${(names += 1)}`;
    const alive = child ?? (await start(scenario.driver));
    const command = await scenario.prepare(name);
    await alive.order(order);
    let died = false;
    const exit = alive.exited.then(() => {
      died = true;
    });
    await bench.send(command);
    const untilEnded = async () => {
      for (;;) {
        if (died || hasEnded(command)) return;
        await scenario.push?.(command);
        await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, 10))]);
      }
    };
    await untilEnded();
    // The last write comes after the end has been told, and the acknowledgement after it.
    if (!died) await Promise.race([exit, bench.queueEmpty()]);
    if (died) {
      await start(scenario.driver);
      await eventually(async () => {
        if (!hasEnded(command)) await scenario.push?.(command);
        expect(hasEnded(command)).toBe(true);
      }, 20_000);
      await eventually(async () => expect(await bench.journalled(command)).toMatchObject({ told: true }));
    }
    await verify(scenario, command, name);
    return died;
  };

  const verify = async (scenario: Scenario, command: Command, name: string) => {
    const types = bench.events
      .filter(({ event }) => event.subject === command.operationId)
      .map(({ event }) => event.type)
      .filter((type) => type !== 'operation.progressed');
    expect(types).toEqual(['operation.started', `operation.${scenario.status}`]);
    expect(fake.doubled).toEqual([]);
    await scenario.check(command, name);
    const ended = bench.events.find(
      ({ event }) => event.subject === command.operationId && event.type === `operation.${scenario.status}`,
    );
    const { revision } = ended!.event.data as { revision?: number };
    const nativeId = command.nativeId ?? command.operationId;
    const known = await bench.inventory.get(keys.vm(host, nativeId));
    if (revision !== undefined && command.nativeId === undefined) expect(known?.revision).toBe(revision);
  };

  const everywhere = (scenario: Scenario) => {
    for (const moment of scenario.moments) {
      it(`${moment} any write of ${scenario.title}`, async () => {
        let write = 1;
        for (let died = true; died; write += 1) {
          expect(write).toBeLessThan(mostWrites);
          try {
            died = await runOnce(scenario, { write, moment });
          } catch (error) {
            throw new Error(`killed ${moment} write ${write}`, { cause: error });
          }
        }
        // It was really killed, and more than once.
        expect(write).toBeGreaterThan(4);
        await bench.queueEmpty();
      }, 180_000);
    }
  };

  const typesOf = (nativeId: string) => bench.vmEvents(nativeId).map(({ type }) => type);
  const made = (name: string) => fake.machines().filter((machine) => machine.name === name);
  const volumesOf = (nativeId: string) => fake.volumes().filter(({ path }) => path.includes(nativeId));
  const definitions = (name: string) => fake.acts.filter(({ act, target }) => act === 'define' && target === name);
  const full = { start: true, cloudInit: { userData: '#cloud-config' } };
  const existing = async (name: string, input: object = {}) => {
    const command = bench.create(name, input);
    await bench.carryOut(command);
    return command.operationId;
  };

  everywhere({
    title: 'a create',
    prepare: async (name) => bench.create(name, full),
    status: 'succeeded',
    moments: ['before', 'after'],
    check: ({ operationId }, name) => {
      expect(made(name)).toMatchObject([{ nativeId: operationId, state: 'running' }]);
      expect(definitions(name)).toHaveLength(1);
      expect(volumesOf(operationId)).toHaveLength(2);
      expect(typesOf(operationId)).toEqual(['vm.created', 'vm.started']);
      expect(bench.vmEvents(operationId)[0]!.data).toMatchObject({ operationId, requestedBy: 'ada' });
    },
  });

  everywhere({
    title: 'a create that fails',
    driver: { faults: [{ at: 'create: power it on', moment: 'after', failWith: 'host-rejected' }] },
    prepare: async (name) => bench.create(name, full),
    status: 'failed',
    moments: ['before'],
    check: ({ operationId }, name) => {
      expect(made(name)).toEqual([]);
      expect(volumesOf(operationId)).toEqual([]);
      expect(typesOf(operationId)).toEqual([]);
      expect(bench.operationEvents(operationId).at(-1)?.error?.code).toBe('host-rejected');
    },
  });

  everywhere({
    title: 'a create that is cancelled',
    driver: { faults: [{ at: 'create: power it on', moment: 'after', hang: true }] },
    prepare: async (name) => bench.create(name, full),
    push: async ({ operationId }) => {
      const hangs = bench
        .operationEvents(operationId)
        .some(({ steps }) => steps.some(({ name }) => name === 'power it on'));
      // An agent that has just died or not yet begun says so; then it is asked again.
      if (hangs) await ask(bench.gateway, cancelOperation, host, { operationId }).catch(() => {});
    },
    status: 'cancelled',
    moments: ['before', 'after'],
    check: ({ operationId }, name) => {
      expect(made(name)).toEqual([]);
      expect(volumesOf(operationId)).toEqual([]);
      expect(typesOf(operationId)).toEqual([]);
    },
  });

  everywhere({
    title: 'a clone',
    prepare: async (name) =>
      bench.command('vm.clone', await existing(`${name}-source`), { name, linked: true, start: true }),
    status: 'succeeded',
    moments: ['before'],
    check: ({ operationId, nativeId }, name) => {
      expect(made(name)).toMatchObject([{ nativeId: operationId, state: 'running' }]);
      expect(definitions(name)).toHaveLength(1);
      expect(typesOf(operationId)).toEqual(['vm.created', 'vm.started']);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.cloned']);
    },
  });

  everywhere({
    title: 'a snapshot',
    prepare: async (name) => bench.command('vm.snapshot-create', await existing(name), { name: 'a', memory: false }),
    status: 'succeeded',
    moments: ['before'],
    check: ({ nativeId, operationId }) => {
      expect(fake.find(nativeId!)?.snapshots.map(({ id }) => id)).toEqual([operationId]);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.snapshot-created']);
    },
  });

  everywhere({
    title: 'a deletion',
    prepare: async (name) =>
      bench.command('vm.delete', await existing(name, { ...full, start: false }), { disks: 'delete' }),
    status: 'succeeded',
    moments: ['before'],
    check: async ({ nativeId, operationId }, name) => {
      expect(made(name)).toEqual([]);
      expect(volumesOf(nativeId!)).toEqual([]);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.deleted']);
      expect(await bench.record(nativeId!)).toBeUndefined();
      expect(bench.operationEvents(operationId).at(-1)?.changed).toBe(true);
    },
  });

  everywhere({
    title: 'a restart',
    prepare: async (name) =>
      bench.command('vm.restart', await existing(name, { start: true }), { force: true, timeoutSeconds: 1 }),
    status: 'succeeded',
    moments: ['before'],
    check: ({ nativeId }) => {
      expect(fake.find(nativeId!)?.state).toBe('running');
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.started', 'vm.restarted']);
    },
  });

  everywhere({
    title: 'a start',
    prepare: async (name) => bench.command('vm.start', await existing(name)),
    status: 'succeeded',
    moments: ['before'],
    check: ({ nativeId, operationId }, name) => {
      expect(fake.find(nativeId!)?.state).toBe('running');
      expect(fake.acts.filter(({ act, target }) => act === 'power-on' && target === name)).toHaveLength(1);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.started']);
      expect(bench.operationEvents(operationId).at(-1)?.changed).toBe(true);
    },
  });
});
