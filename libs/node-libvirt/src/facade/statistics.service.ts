import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConnectionLostError, Libvirt, type Sweep, type SweepOptions } from '../index.ts';
import { parameter } from '../protocol/typed-parameters.ts';
import { FakeDaemon, Refusal } from '../testing/fake-daemon.ts';

const NOWAIT = 0x2000_0000;
const SAFE = 1 | 16;
const timeoutMs = 5_000;
/** The timers of timeouts are the test's; everything else goes by itself. */
const doNotFake = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
] as const;

function uuid(index: number): string {
  return `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('Statistics', () => {
  let daemon: FakeDaemon;
  let libvirt: Libvirt;
  let running: number[];
  /** A domain whose QEMU does not answer: whatever asks its monitor hangs. */
  let hung: Set<string>;
  /** One whose lock is held: nothing at all is answered about it. */
  let locked: Set<string>;
  /** One that the daemon fails about, and with it about all that are asked for beside it. */
  let refused: Set<string>;
  let requests: { uuids: string[]; stats: number; flags: number }[];
  let release: () => void;

  /** Waits until all that is answered at all has been answered. */
  const settled = async () => {
    let calls = -1;
    for (let turns = 0; turns < 20; turns += 1) {
      await new Promise(setImmediate);
      if (daemon.calls.length !== calls) turns = 0;
      calls = daemon.calls.length;
    }
  };
  /** What hangs times out, and nothing else. */
  const timeOut = async () => {
    await settled();
    jest.advanceTimersByTime(timeoutMs);
  };
  /** Sweeps, when the probes of the sweep before are over. */
  const sweep = async (options: SweepOptions = {}): Promise<Sweep> => {
    await timeOut();
    let isOver = false;
    const sweeping = libvirt.statistics.sweep({ timeoutMs, ...options }).finally(() => (isOver = true));
    for (await settled(); !isOver; await settled()) jest.advanceTimersByTime(timeoutMs);
    return sweeping;
  };

  beforeEach(async () => {
    running = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    hung = new Set();
    locked = new Set();
    refused = new Set();
    requests = [];
    daemon = new FakeDaemon();
    const domainOf = (index: number) => ({ name: `d${index}`, uuid: uuid(index), id: index });
    daemon.on('connectListAllDomains', () => ({ domains: running.map(domainOf), ret: running.length }));
    const { promise: released, resolve } = Promise.withResolvers<void>();
    release = resolve;
    daemon.on('connectGetAllDomainStats', async ({ doms, stats, flags = 0 }) => {
      requests.push({ uuids: doms.map((each) => each.uuid), stats, flags });
      if (doms.some((each) => refused.has(each.uuid))) throw new Refusal(1, 'cannot read its statistics');
      if (doms.some((each) => locked.has(each.uuid))) await released;
      if ((stats & ~SAFE) !== 0 && doms.some((each) => hung.has(each.uuid))) await released;
      return {
        retStats: doms.map((each) => ({ dom: each, params: [parameter.int('state.state', 1)] })),
      };
    });
    libvirt = await Libvirt.connect({ socketPath: await daemon.listen() });
    jest.useFakeTimers({ doNotFake: [...doNotFake, 'setInterval', 'clearInterval'] });
  });

  afterEach(async () => {
    jest.useRealTimers();
    release();
    await libvirt.close();
    await daemon.close();
  });

  it('asks for all running domains in four parts that do not wait for a lock', async () => {
    const { domains, suspects } = await libvirt.statistics.sweep();
    expect(domains.map((each) => each.name).sort()).toEqual(running.map((index) => `d${index}`).sort());
    expect(suspects).toEqual([]);
    expect(requests.map(({ uuids }) => uuids.length)).toEqual([3, 3, 2, 2]);
    expect(requests.every(({ flags }) => flags === NOWAIT)).toBe(true);
    expect(requests.every(({ stats }) => stats === 63)).toBe(true);
  });

  it('asks for nothing when nothing runs, since an empty list would mean everything', async () => {
    running = [];
    expect((await libvirt.statistics.sweep()).domains).toEqual([]);
    expect(requests).toEqual([]);
  });

  it('asks for the groups, domains and number of parts that it is told', async () => {
    await libvirt.statistics.sweep({ domains: [{ uuid: uuid(3) }], groups: ['state', 'vm'], backing: true });
    expect(requests).toEqual([{ uuids: [uuid(3)], stats: 1025, flags: 0x6000_0000 }]);
    requests.length = 0;
    await libvirt.statistics.sweep({ chunks: 1 });
    expect(requests).toHaveLength(1);
  });

  it('loses nobody else’s numbers to a QEMU that hangs', async () => {
    hung.add(uuid(3));
    const first = await sweep();
    // The part of the hung domain comes back with what needs no QEMU.
    expect(first.domains).toHaveLength(10);
    expect(first.suspects.sort()).toEqual([uuid(3), uuid(7)]);
    expect(requests.at(4)).toEqual({ uuids: [uuid(3), uuid(7)], stats: SAFE, flags: NOWAIT });

    // Its neighbour answers alone and is cleared.
    let second = first;
    while (second.suspects.length > 1) second = await sweep();
    expect(requests).toContainEqual(expect.objectContaining({ uuids: [uuid(7)] }));
    expect(second.suspects).toEqual([uuid(3)]);
    expect(second.domains).toHaveLength(10);

    // It answers again, and a later probe clears it.
    hung.clear();
    release();
    let last = second;
    while (last.suspects.length > 0) last = await sweep();
    expect(last.domains).toHaveLength(10);
  });

  it('loses nobody else’s numbers to a domain about which the daemon answers nothing at all', async () => {
    locked.add(uuid(3));
    let last = await sweep();
    expect(last.domains).toHaveLength(8);
    while (last.suspects.length > 1) last = await sweep();
    last = await sweep();
    expect(last.suspects).toEqual([uuid(3)]);
    expect(last.domains.map((each) => each.uuid).sort()).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10].map(uuid).sort());
  });

  it('loses nobody else’s numbers to a domain that the daemon refuses to read', async () => {
    refused.add(uuid(3));
    const { domains, suspects } = await libvirt.statistics.sweep();
    expect(domains.map((each) => each.uuid).sort()).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10].map(uuid).sort());
    expect(suspects).toEqual([]);
  });

  it('still asks for what needs no QEMU when every part hangs, as stuck requests keep the slots of their connection', async () => {
    for (const index of [1, 2, 3, 4]) hung.add(uuid(index));
    const { domains, suspects } = await sweep();
    expect(domains).toHaveLength(10);
    expect(suspects.sort()).toEqual(running.map(uuid));
  });

  it('forgets a suspect that was stopped', async () => {
    hung.add(uuid(3));
    const { suspects: hanging } = await sweep({ domains: [{ uuid: uuid(3) }] });
    expect(hanging).toEqual([uuid(3)]);
    running = [1, 2];
    const { suspects } = await sweep();
    expect(suspects).toEqual([]);
  });

  it('fails when the daemon goes away, and recovers with it', async () => {
    hung.add(uuid(1));
    const sweeping = libvirt.statistics.sweep();
    const outcome = sweeping.catch((reason: unknown) => reason);
    await until(() => requests.length === 4);
    await daemon.stop();
    expect(await outcome).toBeInstanceOf(ConnectionLostError);
    hung.clear();
    await daemon.listen();
    expect((await libvirt.statistics.sweep()).domains).toHaveLength(10);
  });
});
