import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { requireSuccess } from '@polyvirt/api-client';
import { makeEvent, openBucket, publishEvent } from '@polyvirt/bus';
import { buckets, keys, parseVmId, VmRecord, vmStarted, vmUpdated } from '@polyvirt/contracts';
import { Stack } from '@polyvirt/e2e/stack';
import { residentMiB } from './processes.ts';
import type { Measurement } from './row.ts';

const HOST = 'bench';
/** So many make the gateway take what it takes at work. */
const WARM_UP = 20_000;
const EVENTS = 100_000;
const WRITERS = 64;
const SETTLE_SECONDS = 30;
const READ_WITHIN_MS = 300_000;
const MOST = 1.2;

/** The memory of the gateway after very many events, beside what it takes at work. */
export const measureEventMemory: Measurement = async (log) => {
  const stack = await Stack.start({ agents: [{ kind: 'fake', id: HOST }] });
  try {
    const pid = stack.service('gateway').pid!;
    const publish = await publisherOn(stack);
    await publish(WARM_UP);
    const level = await lowest(pid);
    log(`${level.toFixed(0)} MiB after ${WARM_UP} events`);
    await publish(EVENTS);
    const after = await lowest(pid);
    return [
      {
        work: `memory of the gateway after ${EVENTS.toLocaleString('en-US')} events`,
        ours: `${after.toFixed(0)} MiB`,
        beside: `after ${WARM_UP.toLocaleString('en-US')} ${level.toFixed(0)} MiB`,
        ratio: after / level,
        bar: `≤ ${MOST} ×`,
        met: after / level <= MOST,
      },
    ];
  } finally {
    await stack.stop();
  }
};

/** Publishes so many events about a VM, and resolves when a client has heard the last one. */
async function publisherOn(stack: Stack): Promise<(count: number) => Promise<void>> {
  const { admin, bus } = stack;
  const { data } = await admin.POST('/api/v1/vms', {
    body: { host: HOST, name: 'talkative', disks: [{ sizeGiB: 1 }] },
    params: { header: { Prefer: 'wait=30' } },
  });
  const vmId = requireSuccess(data).vmId!;
  const { nativeId } = parseVmId(vmId);
  const vm = (await openBucket(bus, buckets.inventory, VmRecord).get(keys.vm(HOST, nativeId)))!.value;
  const log = await stack.listen({ types: [vmStarted.name], hosts: [HOST] });
  const publishOne = (definition: typeof vmUpdated | typeof vmStarted, id: string) =>
    publishEvent(bus, HOST, makeEvent(definition, { id, source: `/hosts/${HOST}/agent`, subject: vmId, data: { vm } }));
  return async (count) => {
    let left = count;
    const write = async () => {
      while ((left -= 1) >= 0) await publishOne(vmUpdated, randomUUID());
    };
    await Promise.all(Array.from({ length: WRITERS }, write));
    const last = randomUUID();
    await publishOne(vmStarted, last);
    await log.first(({ id }) => id === last, READ_WITHIN_MS);
  };
}

/** What it needs, and not what its garbage takes for the moment. */
async function lowest(pid: number): Promise<number> {
  let least = Infinity;
  for (let second = 0; second < SETTLE_SECONDS; second++) {
    await delay(1_000);
    least = Math.min(least, residentMiB(pid));
  }
  return least;
}
