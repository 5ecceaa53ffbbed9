import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { eventually, type NatsServer } from '@polyvirt/bus/testing';
import { identifyAgent } from '@polyvirt/contracts';
import { ask } from '@polyvirt/bus';
import { FakeHost } from '@polyvirt/hypervisor';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentBench, host } from './testing/agent-bench.ts';
import { AgentChild } from './testing/agent-child.ts';

describe('the process of an agent', () => {
  let bench: AgentBench<NatsServer>;
  let folder: string;
  const children: AgentChild[] = [];

  beforeEach(async () => {
    Logger.overrideLogger(false);
    bench = await AgentBench.openAlone();
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-agent-'));
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')));
    await bench.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const spawn = (driver = {}, config = {}) => {
    const child = AgentChild.spawn(folder, bench.config({ logLevel: 'info', ...config }), driver);
    children.push(child);
    return child;
  };

  it('ends what runs and exits with 0 on SIGTERM', async () => {
    const child = await spawn({ faults: [{ at: 'create', delayMs: 500 }] }).ready();
    const command = await bench.send(bench.create('last-one'));
    await bench.told(command.operationId, ({ status }) => status === 'running');
    expect(await child.end('SIGTERM')).toBe(0);
    expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
    await bench.queueEmpty();
  });

  it('exits with 0 though an operation hangs for ever, and leaves it to the next', async () => {
    const hang = { at: 'create: define the machine', moment: 'after', hang: true };
    const child = await spawn({ faults: [hang] }, { drainSeconds: 0 }).ready();
    const command = await bench.send(bench.create('left-over'));
    await bench.told(command.operationId, ({ steps }) => steps.some(({ name }) => name === 'define the machine'));
    expect(await child.end('SIGTERM')).toBe(0);
    await spawn().ready();
    expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
  });

  it('exits with 1 and a clear sentence when the host is looked after already', async () => {
    await spawn().ready();
    const second = spawn();
    expect(await second.exited).toBe(1);
    expect(second.output).toContain(`Another agent looks after host ${host}`);
  });

  it('is not refused after its predecessor was killed', async () => {
    await (await spawn().ready()).end('SIGKILL');
    await spawn().ready();
  });

  it('waits for a bus that is not there yet', async () => {
    await bench.nats.kill();
    const child = spawn();
    await eventually(() => expect(child.output).toContain('Waiting for nats-server'));
    await bench.nats.start();
    await child.ready();
  });

  it('carries out what was asked while it was away', async () => {
    const command = await bench.send(bench.create('queued'));
    await spawn().ready();
    expect(await bench.ended(command)).toMatchObject({ status: 'succeeded' });
  });

  it('and the bus may be killed together in the middle of an operation', async () => {
    const child = await spawn({ faults: [{ at: 'create: define the machine', moment: 'after', hang: true }] }).ready();
    const command = await bench.send(bench.create('unlucky', { start: true }));
    await bench.told(command.operationId, ({ steps }) => steps.some(({ name }) => name === 'define the machine'));
    await Promise.all([child.end('SIGKILL'), bench.nats.kill()]);
    await bench.nats.start();
    await spawn().ready();
    expect(await bench.ended(command, 20_000)).toMatchObject({ status: 'succeeded' });
    const fake = new FakeHost({ file: join(folder, 'host.json') });
    expect(fake.doubled).toEqual([]);
    expect(fake.findByName('unlucky')).toMatchObject({ state: 'running' });
    fake.close();
    const types = bench.operationEvents(command.operationId).filter(({ status }) => status === 'succeeded');
    expect(types).toHaveLength(1);
    expect(await ask(bench.gateway, identifyAgent, host, {})).toMatchObject({ incarnation: expect.any(String) });
  }, 60_000);
});
