import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { broadcast, openBucket, type Bus } from '@polyvirt/bus';
import { eventually } from '@polyvirt/bus/testing';
import { buckets, keys, subjects, vmIdOf, VmRecord, type Metrics } from '@polyvirt/contracts';
import { Stack } from '@polyvirt/e2e/stack';
import { end, residentMiB } from './processes.ts';
import type { Measurement } from './row.ts';
import { median, ms, p95 } from './statistics.ts';

const HOSTS = 100;
const VMS_EACH = 200;
const VMS = HOSTS * VMS_EACH;
const PAGE = '/api/v1/vms?limit=50&sort=name';
const CONNECTIONS = 10;
const SECONDS = 3;
const ROUNDS = 7;
const WRITERS = 128;
/** Of metrics, before the memory is looked at. */
const SWEEPS = 3;
const SWEEP_EVERY_MS = 5_000;
/** So often a VM changes while pages are read, as in a house at work. */
const CHANGE_EVERY_MS = 50;

/** A page of 50 out of 20,000 VMs, authenticated, beside a handler that returns the same bytes; and the memory it takes. */
export const measureListPage: Measurement = async (log) => {
  const stack = await Stack.start({ agents: [], gatewaySettings: { POLYVIRT_RATE_LIMIT: '0' } });
  try {
    await fill(stack.bus, log);
    const token = await accessToken(stack);
    const get = (path: string) => fetch(stack.url() + path, { headers: { authorization: `Bearer ${token}` } });
    await eventually(async () => {
      const { vms } = (await (await get('/api/v1/stats/summary')).json()) as { vms: { total: number } };
      if (vms.total !== VMS) throw new Error(`the gateway has ${vms.total} of ${VMS} VMs`);
    }, 60_000);
    // One sweep makes the gateway take the room of fifteen minutes.
    measureEveryVm(stack.bus);
    await eventually(async () => {
      if ((await get(`/api/v1/vms/${vmIdOf(hostOf(HOSTS - 1), 'vm-1')}/metrics`)).status !== 200)
        throw new Error('no metrics');
    }, 60_000);

    const page = join(stack.folder, 'page.json');
    await writeFile(page, await (await get(PAGE)).text());
    const peer = fork(join(import.meta.dirname, 'fastify-peer.js'), [page], { execArgv: [] });
    let changes: NodeJS.Timeout | undefined;
    try {
      const [peerUrl] = (await once(peer, 'message')) as [string];
      const ours: Load[] = [];
      const theirs: Load[] = [];
      changes = await keepChanging(stack.bus);
      // In turns, so that what else happens on the machine meets both.
      for (let round = -1; round < ROUNDS; round++) {
        const one = await load(stack.url() + PAGE, { authorization: `Bearer ${token}` });
        const other = await load(peerUrl, {});
        if (round < 0) continue;
        ours.push(one);
        theirs.push(other);
        log(`${Math.round(one.perSecond)} requests/s beside ${Math.round(other.perSecond)}`);
      }
      const rate = median(ours.map(({ perSecond }) => perSecond));
      const rawRate = median(theirs.map(({ perSecond }) => perSecond));
      const ratio = median(ours.map(({ perSecond }, n) => perSecond / theirs[n]!.perSecond));
      const latency = p95(ours.flatMap(({ latenciesMs }) => latenciesMs));
      for (let sweep = 0; sweep < SWEEPS; sweep++) {
        measureEveryVm(stack.bus);
        await delay(SWEEP_EVERY_MS);
      }
      const memoryMiB = residentMiB(stack.service('gateway').pid!);
      return [
        {
          work: `GET /vms, 50 of ${VMS}, 20 of them changing each second`,
          ours: `${Math.round(rate)} requests/s`,
          beside: `Fastify, same bytes ${Math.round(rawRate)} requests/s`,
          ratio,
          bar: '≥ 0.5 ×',
          met: ratio >= 0.5,
        },
        {
          work: `the same, p95 with ${CONNECTIONS} clients at full load`,
          ours: ms(latency),
          beside: '20 ms',
          ratio: latency / 20,
          bar: '< 20 ms',
          met: latency < 20,
        },
        {
          work: `memory of the gateway at ${VMS} VMs with metrics`,
          ours: `${Math.round(memoryMiB)} MiB`,
          beside: '512 MiB',
          ratio: memoryMiB / 512,
          bar: '≤ 512 MiB',
          met: memoryMiB <= 512,
        },
      ];
    } finally {
      clearInterval(changes);
      await end(peer);
    }
  } finally {
    await stack.stop();
  }
};

const hostOf = (n: number) => `bench-${n}`;

/** Writes what agents would have written. */
async function fill(bus: Bus, log: (line: string) => void): Promise<void> {
  const inventory = openBucket(bus, buckets.inventory, VmRecord);
  let next = 0;
  const write = async () => {
    for (let n = next++; n < VMS; n = next++) {
      const record = recordOf(n);
      await inventory.put(keys.vm(record.host, record.nativeId), record);
      if (n % 5_000 === 0 && n > 0) log(`${n} of ${VMS} VMs written`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

/** Like a machine of a busy house: two disks, two interfaces with addresses, a guest agent and two snapshots. */
function recordOf(n: number): VmRecord {
  const host = hostOf(Math.floor(n / VMS_EACH));
  const nativeId = `vm-${n % VMS_EACH}`;
  const at = new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
  const byte = (shift: number) => ((n >> shift) & 0xff).toString(16).padStart(2, '0');
  const snapshot = { parent: null, current: false, memory: false, state: 'stopped' as const, createdAt: at };
  return {
    id: vmIdOf(host, nativeId),
    host,
    nativeId,
    hypervisor: 'kvm',
    simulated: false,
    name: `service ${(n * 7_919) % VMS} of ${host}`,
    state: n % 3 === 0 ? 'stopped' : 'running',
    cpus: 1 + (n % 8),
    memoryMiB: 1_024 * (1 + (n % 16)),
    firmware: 'bios',
    disks: ['vda', 'vdb'].map((device) => ({
      device,
      sizeGiB: 20,
      path: `/var/lib/libvirt/images/polyvirt/${host}-${nativeId}-${device}.qcow2`,
    })),
    nics: ['00', '01'].map((last) => ({
      mac: `52:54:${byte(16)}:${byte(8)}:${byte(0)}:${last}`,
      network: 'default',
      addresses: [`10.${(n >> 16) & 0xff}.${(n >> 8) & 0xff}.${n & 0xff}`],
    })),
    guest: { hostname: `service-${n}`, os: 'Debian GNU/Linux 12 (bookworm)', agent: true },
    snapshots: ['before', 'after'].map((name) => ({ id: name, name, ...snapshot })),
    createdAt: at,
    observedAt: at,
  };
}

async function keepChanging(bus: Bus): Promise<NodeJS.Timeout> {
  const inventory = openBucket(bus, buckets.inventory, VmRecord);
  let n = 0;
  return setInterval(() => {
    const record = recordOf((n += 7_919) % VMS);
    void inventory.put(keys.vm(record.host, record.nativeId), { ...record, cpus: 1 + (n % 8) });
  }, CHANGE_EVERY_MS);
}

function measureEveryVm(bus: Bus): void {
  const observedAt = new Date().toISOString();
  for (let host = 0; host < HOSTS; host++) {
    const readings = Array.from({ length: VMS_EACH }, (_, n): Metrics => ({
      vmId: vmIdOf(hostOf(host), `vm-${n}`),
      state: 'running',
      cpuPercent: n % 100,
      memoryPercent: 50,
      memoryUsedMiB: 512,
      memoryTotalMiB: 1_024,
      disks: [{ device: 'vda', readBytes: n, writeBytes: n, readBytesPerSecond: n, writeBytesPerSecond: n }],
      networks: [{ interface: 'vnet0', rxBytes: n, txBytes: n, rxBytesPerSecond: n, txBytesPerSecond: n }],
      observedAt,
    }));
    broadcast(bus, subjects.metrics(hostOf(host)), { host: hostOf(host), observedAt, readings });
  }
}

async function accessToken(stack: Stack): Promise<string> {
  const response = await fetch(`${stack.url()}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: stack.adminPassword }),
  });
  return ((await response.json()) as { accessToken: string }).accessToken;
}

interface Load {
  readonly perSecond: number;
  readonly latenciesMs: number[];
}

async function load(url: string, headers: Record<string, string>): Promise<Load> {
  const latenciesMs: number[] = [];
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon({ url, headers, connections: CONNECTIONS, duration: SECONDS }, (error, done) =>
      error ? reject(error as Error) : resolve(done),
    );
    instance.on('response', (_client, _status, _bytes, tookMs) => latenciesMs.push(tookMs));
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} refusals and ${result.errors} errors from ${url}`);
  return { perSecond: result.requests.total / result.duration, latenciesMs };
}
