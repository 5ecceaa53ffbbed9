import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureTopology } from '@polyvirt/bus';
import { eventually, NatsServer } from '@polyvirt/bus/testing';
import { buckets } from '@polyvirt/contracts';
import { AGENT_NODE_OPTIONS } from '@polyvirt/tools';
import { cpuSeconds, end, residentMiB, start, type Program } from './processes.ts';
import type { Row } from './row.ts';

const SETTLE_MS = 5_000;
const FIRST_INVENTORY_MS = 10_000;
/** What an agent may hold, whatever it looks after. */
const AGENT_MIB = 120;

/** A host where nothing happens, its agent, and a poller that asks for everything again and again. */
export interface HostAtRest {
  readonly id: string;
  readonly vms: number;
  /** It in words, and how the poller asks. */
  readonly what: string;
  readonly polling: string;
  /** Its environment gets what every agent needs. */
  readonly agent: Program;
  /** Says a line when it is under way. */
  readonly poller: Program;
  readonly measureMs: number;
  /** How often the host was asked, by whomever. */
  calls(): number | Promise<number>;
}

interface Cost {
  readonly callsPerMinute: number;
  readonly cpuPercent: number;
  readonly memoryMiB: number;
}

export interface Comparison {
  readonly firstInventory: Row;
  readonly memory: Row;
  /** The agent may take `most` times what the poller takes. */
  besidePoller(what: string, cost: 'callsPerMinute' | 'cpuPercent', unit: string, most: number): Row;
}

/** Measures the agent until it knows all VMs and then at rest, and after it the poller. */
export async function measureAtRest(host: HostAtRest, log: (line: string) => void): Promise<Comparison> {
  await using cleanup = new AsyncDisposableStack();
  const nats = await NatsServer.start({ services: [{ service: 'gateway' }, { service: 'agent', host: host.id }] });
  cleanup.defer(() => nats[Symbol.asyncDispose]());
  const bus = await nats.connect('gateway');
  cleanup.defer(() => bus.close());
  await ensureTopology(bus, { hosts: [host.id] });

  const callsBefore = await host.calls();
  const began = performance.now();
  const agent = start(cleanup, {
    args: [...AGENT_NODE_OPTIONS, ...host.agent.args],
    env: {
      POLYVIRT_HOST_ID: host.id,
      POLYVIRT_NATS_URL: nats.url,
      POLYVIRT_NATS_CREDENTIALS: nats.credentialsOf(`agent-${host.id}`),
      POLYVIRT_LOG_LEVEL: 'error',
      ...host.agent.env,
    },
  });
  await eventually(async () => {
    const { state } = await bus.manager.streams.info(`KV_${buckets.inventory.name}`);
    if (state.messages < host.vms) throw new Error('the inventory is not complete');
  }, 120_000);
  const firstMs = performance.now() - began;
  const first = `${(firstMs / 1_000).toFixed(1)} s, ${(await host.calls()) - callsBefore} calls`;
  log(`first inventory: ${first}`);
  const ours = await costOf(agent, host);
  log(`the agent: ${describe(ours)}`);

  const poller = start(cleanup, host.poller);
  await once(poller.stdout!, 'data');
  const theirs = await costOf(poller, host);
  log(`the poller: ${describe(theirs)}`);
  return {
    firstInventory: {
      work: `first inventory of ${host.what}, from the start of the agent`,
      ours: first,
      beside: 'ten seconds',
      ratio: firstMs / FIRST_INVENTORY_MS,
      bar: '≤ 1 ×',
      met: firstMs <= FIRST_INVENTORY_MS,
    },
    memory: {
      work: `${host.what}, at rest: memory of the agent`,
      ours: `${ours.memoryMiB.toFixed(0)} MiB`,
      beside: `${AGENT_MIB} MiB (the poller ${theirs.memoryMiB.toFixed(0)} MiB)`,
      ratio: ours.memoryMiB / AGENT_MIB,
      bar: '≤ 1 ×',
      met: ours.memoryMiB <= AGENT_MIB,
    },
    besidePoller: (what, cost, unit, most) => ({
      work: `${host.what}, at rest: ${what}`,
      ours: `${ours[cost].toFixed(1)} ${unit}`,
      beside: `${host.polling} ${theirs[cost].toFixed(1)} ${unit}`,
      ratio: ours[cost] / theirs[cost],
      bar: `≤ ${most} ×`,
      met: ours[cost] / theirs[cost] <= most,
    }),
  };
}

/** Ends the process when it is measured. */
async function costOf(process: ChildProcess, host: HostAtRest): Promise<Cost> {
  const pid = process.pid!;
  await delay(SETTLE_MS);
  const [calls, cpu, began] = [await host.calls(), cpuSeconds(pid), performance.now()];
  await delay(host.measureMs);
  const seconds = (performance.now() - began) / 1_000;
  const cost = {
    callsPerMinute: ((await host.calls()) - calls) * (60 / seconds),
    cpuPercent: ((cpuSeconds(pid) - cpu) / seconds) * 100,
    memoryMiB: residentMiB(pid),
  };
  await end(process);
  return cost;
}

const describe = ({ callsPerMinute, cpuPercent, memoryMiB }: Cost) =>
  `${callsPerMinute.toFixed(0)} calls a minute, ${cpuPercent.toFixed(1)} % of a core, ${memoryMiB.toFixed(0)} MiB`;
