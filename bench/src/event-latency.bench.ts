import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@polyvirt/api-client';
import { Stack } from '@polyvirt/e2e/stack';
import { Libvirt } from '@polyvirt/node-libvirt';
import type { Measurement } from './row.ts';
import { ms, p95 } from './statistics.ts';

const HOST = 'bench';
const ROUNDS = 60;
/** Even, as pausing and going on take turns. */
const WARM_UP = 6;
const PATIENCE_MS = 10_000;

const domainXml = (name: string) => `<domain type='qemu'>
  <name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
</domain>`;

/**
 * From a change that somebody makes in libvirt until a client of SSE hears of it, beside the shortest way over the same
 * broker: libvirt's callback, one publish, one subscriber. Both are told of the same changes.
 */
export const measureEventLatency: Measurement = async (log) => {
  const stack = await Stack.start({ agents: [{ kind: 'kvm', id: HOST }] });
  const libvirt = await Libvirt.connect();
  const bus = await stack.nats.connect('admin');
  const raw = bus.connection;
  const stop = new AbortController();
  try {
    const domain = await libvirt.domains.define(domainXml(`${stack.prefix}bench`));
    await domain.start();

    const heardRaw = new Bell();
    const heardSse = new Bell();
    const subscription = raw.subscribe('bench.raw', { callback: () => heardRaw.ring() });
    const callback = await libvirt.subscribe('domain', 'lifecycle', ({ dom, event }) => {
      if (dom.uuid === domain.uuid) raw.publish('bench.raw', JSON.stringify({ event }));
    });
    const listening = listen(stack.admin, domain.uuid, heardSse, stop.signal);

    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const [sse, direct] = [heardSse.next(PATIENCE_MS), heardRaw.next(PATIENCE_MS)];
      const changed = performance.now();
      // Half of the changes pause the machine, half let it go on.
      await (round % 2 === 0 ? domain.suspend() : domain.resume());
      const [sseAt, directAt] = await Promise.all([sse, direct]);
      if (round >= 0) {
        ours.push(sseAt - changed);
        theirs.push(directAt - changed);
      }
      // Changes in one breath are looked at together; one at a time is measured here.
      await delay(150);
      if (round % 20 === 0 && round > 0) log(`${round} of ${ROUNDS} changes`);
    }
    stop.abort();
    await listening;
    subscription.unsubscribe();
    await callback.close();
    const ratio = p95(ours) / p95(theirs);
    return [
      {
        work: 'change in libvirt until an SSE client hears it, p95',
        ours: ms(p95(ours)),
        beside: `callback, NATS publish, subscriber ${ms(p95(theirs))}`,
        ratio,
        bar: '≤ 3 ×',
        met: ratio <= 3,
      },
      {
        work: 'the same',
        ours: ms(p95(ours)),
        beside: '100 ms',
        ratio: p95(ours) / 100,
        bar: '< 100 ms',
        met: p95(ours) < 100,
      },
    ];
  } finally {
    stop.abort();
    await bus.close();
    await libvirt.close();
    await stack.stop();
  }
};

async function listen(client: Client, uuid: string, bell: Bell, signal: AbortSignal): Promise<void> {
  for await (const { event } of client.events({ types: ['vm.paused', 'vm.resumed'], signal })) {
    if (event.subject.endsWith(uuid)) bell.ring();
  }
}

/** Tells when it rang next. */
class Bell {
  #heard: ((atMs: number) => void) | undefined;

  ring(): void {
    this.#heard?.(performance.now());
  }

  next(patienceMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const impatience = setTimeout(() => reject(new Error(`nothing heard within ${patienceMs} ms`)), patienceMs);
      this.#heard = (atMs) => {
        clearTimeout(impatience);
        resolve(atMs);
      };
    });
  }
}
