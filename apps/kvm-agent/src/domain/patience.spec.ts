import { describe, expect, it } from '@jest/globals';
import { CallTimeoutError, LibvirtError, type Domain, type Libvirt } from '@polyvirt/node-libvirt';
import type { StoragePool } from '../storage/storage-pool.ts';
import { DiskFacts } from './disk-facts.ts';
import type { DomainDisk } from './domain-reader.ts';
import { Unanswered } from './unanswered.ts';

/** What hangs here hangs until the test ends it, so that no more than a turn of the loop is needed to tell. */
const patienceMs = 1;
const domain = (more: Partial<Domain> = {}) => ({ uuid: 'u-1', name: 'web', ...more }) as Domain;
const busy = new LibvirtError(
  {
    code: 68,
    domain: 10,
    message: 'busy',
    level: 2,
    dom: null,
    str1: null,
    str2: null,
    str3: null,
    int1: -1,
    int2: -1,
    net: null,
  },
  'domainGetBlockInfo',
);
const failure = new LibvirtError(
  { ...busy, code: 38, message: 'no such file', dom: null, net: null },
  'domainGetBlockInfo',
);

describe('a domain about which the daemon does not answer', () => {
  const running = { state: 1, reason: 1 };

  it('is asked about once, until that call comes back', async () => {
    const asked: PromiseWithResolvers<typeof running>[] = [];
    const domainGetState = () => {
      const call = Promise.withResolvers<typeof running>();
      asked.push(call);
      return call.promise;
    };
    const unanswered = new Unanswered({ call: { domainGetState } } as unknown as Libvirt, patienceMs);
    for (let time = 0; time < 3; time += 1)
      await expect(unanswered.status(domain())).rejects.toMatchObject({ code: 'timed-out' });
    expect(asked).toHaveLength(1);
    asked[0]!.resolve(running);
    await asked[0]!.promise;
    const again = unanswered.status(domain());
    asked[1]!.resolve(running);
    expect(await again).toEqual(running);
  });

  it('is asked about again when its connection was lost in the meantime', async () => {
    const lost = new Error('lost');
    let fail: ((error: Error) => void) | undefined;
    const domainGetState = () =>
      fail ? Promise.resolve(running) : new Promise((_, reject) => (fail = reject as (error: Error) => void));
    const unanswered = new Unanswered({ call: { domainGetState } } as unknown as Libvirt, patienceMs);
    await expect(unanswered.status(domain())).rejects.toMatchObject({ code: 'timed-out' });
    fail!(lost);
    await Promise.resolve();
    expect(await unanswered.status(domain())).toEqual(running);
  });
});

describe('sizes of disks', () => {
  const GIB = 2 ** 30;
  const disk = (device: string, path = `/${device}`): DomainDisk => ({
    device,
    kind: 'disk',
    source: { kind: 'file', path },
    path,
    format: 'qcow2',
    readonly: false,
  });
  const storage = { pathOf: (source: { path: string }) => Promise.resolve(source.path) } as unknown as StoragePool;
  const disks = [disk('vda'), disk('vdb')];
  const sizes = (answers: Record<string, number | Error | Promise<number>>) => ({
    blockInfo: async (device: string) => {
      const answer = await answers[device];
      if (answer === undefined || answer instanceof Error) throw answer ?? failure;
      return { capacityBytes: answer, allocationBytes: 0, physicalBytes: 0 };
    },
  });
  const seen = async (facts: DiskFacts, answers: Parameters<typeof sizes>[0], of = disks) =>
    (await facts.of(domain(sizes(answers)), of)).map(({ sizeGiB }) => sizeGiB);

  it('are absent where nobody knows them, and never zero', async () => {
    const facts = new DiskFacts(storage);
    expect(await seen(facts, { vda: failure, vdb: 0 })).toEqual([undefined, undefined]);
    expect(await seen(facts, { vda: GIB, vdb: failure })).toEqual([1, undefined]);
  });

  it.each([
    ['is busy', busy],
    ['times out', new CallTimeoutError('domainGetBlockInfo', 1, true)],
  ])('stay as they were seen when the domain %s', async (_, error) => {
    const facts = new DiskFacts(storage);
    await seen(facts, { vda: GIB, vdb: 2 * GIB });
    expect(await seen(facts, { vda: error, vdb: 4 * GIB })).toEqual([1, 2]);
    expect(await seen(facts, { vda: 3 * GIB, vdb: error })).toEqual([3, 2]);
  });

  it('are no longer known when the file is gone, or is another one behind the same device', async () => {
    const facts = new DiskFacts(storage);
    await seen(facts, { vda: GIB, vdb: GIB });
    expect(await seen(facts, { vda: failure, vdb: GIB })).toEqual([undefined, 1]);
    expect(await seen(facts, { vda: GIB, vdb: busy }, [disk('vda'), disk('vdb', '/other')])).toEqual([1, undefined]);
  });

  it('are waited for once when QEMU hangs, and asked for anew when it is back', async () => {
    const facts = new DiskFacts(storage, patienceMs);
    await seen(facts, { vda: GIB, vdb: GIB });
    const hanging = Promise.withResolvers<number>();
    let calls = 0;
    const hung = domain({
      blockInfo: async () => {
        calls += 1;
        return { capacityBytes: await hanging.promise, allocationBytes: 0, physicalBytes: 0 };
      },
    });
    for (let time = 0; time < 3; time += 1)
      expect((await facts.of(hung, disks)).map(({ sizeGiB }) => sizeGiB)).toEqual([1, 1]);
    expect(calls).toBe(1);
    hanging.resolve(5 * GIB);
    const patient = new DiskFacts(storage);
    expect((await patient.of(hung, disks)).map(({ sizeGiB }) => sizeGiB)).toEqual([5, 5]);
  });

  it('are those from after a change for whoever asks after it, also while another one asks', async () => {
    const facts = new DiskFacts(storage);
    const first = Promise.withResolvers<number>();
    const early = seen(facts, { vda: first.promise, vdb: GIB });
    const late = seen(facts, { vda: 7 * GIB, vdb: GIB });
    first.resolve(GIB);
    expect(await early).toEqual([1, 1]);
    expect(await late).toEqual([7, 1]);
  });
});
