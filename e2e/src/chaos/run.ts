import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type Client } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import { randomNumbers } from '@polyvirt/tools';
import { EventLog } from '../event-log.ts';
import type { Vm } from '../requests.ts';
import { disturbances, type Disturbance, type Surroundings } from './disturbances.ts';
import { Load } from './load.ts';
import { Stage } from './stage.ts';
import { archiveFaults, faultsIn, processFaults, type Found, type Machine } from './verdict.ts';

export interface ChaosOptions {
  readonly minutes: number;
  /** The same seed chooses the same disturbances in the same order; when they meet what is up to the machine. */
  readonly seed: number;
  readonly log: (line: string) => void;
  /** Whether the libvirt of the system is there for this alone. */
  readonly isEnclosed: boolean;
}

export interface ChaosReport {
  /** What must never be and was; none when all is well. */
  readonly faults: readonly string[];
  readonly table: string;
  /** Where the logs are, when there are faults. */
  readonly logs?: string;
}

const prefix = 'chaos-';
const workersEach = 2;
/** Longer than what hangs is left alone, so that some of it is ended and some goes on by itself. */
const longestStrikeMs = 20_000;
const longestPauseMs = 4_000;
/** Everything that was acknowledged has ended by then. */
const restWithinMs = 10 * 60_000;
const mostMachines = 500;

/** Lets things fail at random beside a stack under load, and tells what must not have come of it. */
export async function chaos({ minutes, seed, log, isEnclosed }: ChaosOptions): Promise<ChaosReport> {
  const random = randomNumbers(seed);
  const stage = await Stage.open({ isEnclosed, log });
  try {
    const { url, token } = await stage.record();
    const client = createClient({ url, token });
    const events = await EventLog.open(client);
    const hosts = (await client.GET('/api/v1/hosts')).data.items.map(({ id }) => id);
    const load = new Load({ client, hosts, prefix, workersEach, random });
    const struck = await disturb({ stage, random }, performance.now() + minutes * 60_000, log);
    await rested(client, load);
    const found = await lookAt(client, load, events, stage);
    const table = tableOf(hosts, struck, load, found);
    const faults = [...faultsIn(found), ...(await leftBehind(client, hosts, stage))];
    await events.close();
    return { faults, table, ...(faults.length > 0 && { logs: await stage.keepLogs() }) };
  } catch (error) {
    log(`the logs are in ${await stage.keepLogs()}`);
    throw error;
  } finally {
    await stage.close();
  }
}

/** Strikes until the time is over; answers how often each has struck, or why it never can. */
async function disturb(
  around: Surroundings,
  untilMs: number,
  log: (line: string) => void,
): Promise<ReadonlyMap<string, number | string>> {
  const struck = new Map<string, number | string>();
  const possible: Disturbance[] = [];
  for (const one of disturbances) {
    const reason = one.whyNot?.(around.stage);
    struck.set(one.name, reason ?? 0);
    if (reason === undefined) possible.push(one);
  }
  while (performance.now() < untilMs) {
    const one = possible[Math.floor(around.random() * possible.length)]!;
    log(one.name);
    const calm = await one.strike(around);
    struck.set(one.name, Number(struck.get(one.name)) + 1);
    if (calm) {
      await delay(around.random() * longestStrikeMs);
      await calm();
    }
    await delay(around.random() * longestPauseMs);
  }
  return struck;
}

async function rested(client: Client, load: Load): Promise<void> {
  const late = delay(restWithinMs, undefined, { ref: false }).then(() => {
    throw new Error(`what was acknowledged has not ended within ${restWithinMs / 60_000} minutes`);
  });
  await Promise.race([load.stop(), late]);
  await eventually(async () => {
    const { operations, hosts } = (await client.GET('/api/v1/stats/summary')).data;
    if (operations.pending + operations.running > 0) throw new Error('operations are running');
    if (hosts.ready < hosts.total) throw new Error('a host is away');
    const { items } = (await client.GET('/api/v1/hosts')).data;
    const ill = items.find(({ health }) => health.status !== 'healthy');
    if (ill) throw new Error(`${ill.id} is ${ill.health.status}: ${ill.health.detail}`);
  }, restWithinMs);
}

async function lookAt(client: Client, { acknowledged, gone }: Load, log: EventLog, stage: Stage): Promise<Found> {
  const shown = new Map<string, string>();
  for (const { operationId } of acknowledged) {
    const path = { operationId };
    const { data } = await client.GET('/api/v1/operations/{operationId}', { params: { path } });
    shown.set(operationId, data.status);
  }
  // The last end was shown, so it is in the stream; a client may be a little behind.
  await eventually(() => {
    const ended = new Set(
      log.heard.filter(({ event }) => /^operation\.(s|f|c)/.test(event.type)).map(({ event }) => event.subject),
    );
    const missing = acknowledged.filter(({ operationId }) => !ended.has(operationId));
    if (missing.length > 0) throw new Error(`${missing.length} ends have not been heard`);
  }).catch(() => undefined);
  const events = log.heard.map(({ cursor, event: { id, type, subject } }) => {
    return { sequence: Number(cursor), id, type, subject: subject ?? '' };
  });
  const live = await settled(
    async () => ({ machines: (await machinesOf(client)).map(asSeen), processes: await stage.machineProcesses() }),
    processFaults,
  );
  const { archives } = await settled(
    async () => ({ acknowledged, shown, archives: await stage.archives(prefix) }),
    archiveFaults,
  );
  return { acknowledged, gone, shown, events, archives, ...live };
}

/** What is seen once nothing is wrong with it, or after a time in which whoever is behind would have caught up. */
async function settled<Seen>(look: () => Promise<Seen>, faults: (seen: Seen) => readonly string[]): Promise<Seen> {
  let seen = await look();
  await eventually(async () => {
    seen = await look();
    if (faults(seen).length > 0) throw new Error('something is wrong');
  }).catch(() => undefined);
  return seen;
}

async function machinesOf(client: Client): Promise<Vm[]> {
  const query = { q: prefix, limit: mostMachines };
  return (await client.GET('/api/v1/vms', { params: { query } })).data.items.filter(({ name }) =>
    name.startsWith(prefix),
  );
}

/** Those of the simulated Prism are no processes. */
const asSeen = ({ host, hypervisor, name, state }: Vm): Machine => ({
  host,
  name,
  ...(hypervisor !== 'nutanix' && { isOn: state === 'running' || state === 'paused' }),
});

/** Sentences about what is there when every machine has been deleted. That not all can be deleted is one as well. */
async function leftBehind(client: Client, hosts: readonly string[], stage: Stage): Promise<string[]> {
  try {
    await clear(client);
    const processes = await settled(
      () => stage.machineProcesses(),
      (names) => names,
    );
    const left = [
      ...(await stage.filesLeft(prefix)),
      ...(await volumesOf(client, hosts)),
      ...processes.map((name) => `a process that runs ${name}`),
    ];
    return left.map((what) => `${what} is left behind`);
  } catch (error) {
    return [`what is left cannot be deleted: ${(error as Error).message}`];
  }
}

/** Deletes what is still there, as a user would. */
async function clear(client: Client): Promise<void> {
  await eventually(async () => {
    const machines = await machinesOf(client);
    for (const { id: vmId, state } of machines) {
      const params = { path: { vmId }, header: { Prefer: 'wait=60' } };
      if (state !== 'stopped') await client.POST('/api/v1/vms/{vmId}/stop', { body: { force: true }, params });
      await client.DELETE('/api/v1/vms/{vmId}', { params });
    }
    if (machines.length > 0) throw new Error(`${machines.length} machines were there`);
  }, restWithinMs);
}

/** Disks that no machine has. */
async function volumesOf(client: Client, hosts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const hostId of hosts) {
    const { data } = await client.GET('/api/v1/hosts/{hostId}/volumes', { params: { path: { hostId } } });
    found.push(...data.items.map(({ path, id }) => `the disk ${path ?? id} of ${hostId}`));
  }
  return found;
}

function tableOf(
  hosts: readonly string[],
  struck: ReadonlyMap<string, number | string>,
  { acknowledged, refused }: Load,
  { shown, events }: Found,
): string {
  const counted = Map.groupBy(
    acknowledged,
    ({ verb, operationId }) => `${verb} ${shown.get(operationId) ?? 'unknown'}`,
  );
  const rows: [string, number | string][] = [
    ['hosts', hosts.join(', ')],
    ...[...struck].map(([name, times]): [string, string] => [
      name,
      typeof times === 'number' ? `${times} times` : `skipped: ${times}`,
    ]),
    ...[...counted].sort().map(([what, all]): [string, number] => [what, all.length]),
    ...[...refused].sort().map(([code, times]): [string, string] => [`refused with ${code}`, `${times} times`]),
    ['events', events.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
