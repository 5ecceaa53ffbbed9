import { afterEach, describe, expect, it } from '@jest/globals';
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { feedCache, noteBegun } from './cache.ts';
import type { LiveConnection, LiveEvent } from './connection.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A connection by hand, and answers that come when they are told to. */
class Bench {
  readonly queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } });
  private readonly stops: (() => void)[] = [];
  private readonly listeners = { event: (_: LiveEvent) => undefined as void, reset: () => undefined as void };

  constructor() {
    const live = {
      onEvent: (listener: (event: LiveEvent) => void) => ((this.listeners.event = listener), () => undefined),
      onReset: (listener: () => void) => ((this.listeners.reset = listener), () => undefined),
    };
    this.stops.push(feedCache(this.queries, live as unknown as LiveConnection));
  }

  hear(type: string, data: object): void {
    this.listeners.event({ type, subject: '', data } as unknown as LiveEvent);
  }

  reset(): void {
    this.listeners.reset();
  }

  /** Shows a query; each call answers its oldest read that is not answered yet. */
  show(queryKey: readonly unknown[]): (answer: unknown) => Promise<void> {
    const waiting: ((answer: unknown) => void)[] = [];
    const queryFn = () => new Promise<unknown>((resolve) => waiting.push(resolve));
    this.stops.push(new QueryObserver(this.queries, { queryKey, queryFn }).subscribe(() => undefined));
    return async (answer) => {
      const read = waiting.shift();
      if (!read) throw new Error('nothing is being read');
      read(answer);
      for (let turns = 0; turns < 5; turns++) await settled();
    };
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.queries.clear();
  }
}

describe('what is heard while it is being read', () => {
  let bench: Bench;
  afterEach(() => bench.stop());

  it('is not lost when the answer is older: an operation is read once more', async () => {
    bench = new Bench();
    const answer = bench.show(['operation', 'o1']);
    bench.hear('operation.succeeded', { operation: { id: 'o1', status: 'succeeded' } });
    await answer({ id: 'o1', status: 'running' });
    await answer({ id: 'o1', status: 'succeeded' });
    expect(bench.queries.getQueryData(['operation', 'o1'])).toEqual({ id: 'o1', status: 'succeeded' });
    await expect(answer({})).rejects.toThrow('nothing is being read');
  });

  it.each([
    ['a machine', ['vm', 'v1'], { id: 'v1', state: 'stopped' }, { id: 'v1', state: 'running' }],
    [
      'a list',
      ['vms', {}, 'name'],
      { pages: [{ items: [{ id: 'v1', state: 'stopped' }] }], pageParams: [] },
      { pages: [{ items: [{ id: 'v1', state: 'running' }] }], pageParams: [] },
    ],
  ])('is done to %s as well', async (_, key, older, wanted) => {
    bench = new Bench();
    const answer = bench.show(key);
    bench.hear('vm.updated', { vm: { id: 'v1', state: 'paused' } });
    bench.hear('vm.started', { vm: { id: 'v1', state: 'running' } });
    await answer(older);
    expect(bench.queries.getQueryData(key)).toEqual(wanted);
  });

  it('is an end that comes before the answer to whoever began it: the machine is not busy for ever', () => {
    bench = new Bench();
    const key = ['vm', 'v1'];
    bench.queries.setQueryData(key, { id: 'v1' });
    const operation = { id: 'o2', vmId: 'v1' };
    bench.hear('operation.started', { operation: { ...operation, status: 'running' } });
    expect(bench.queries.getQueryData(key)).toEqual({ id: 'v1', operation: 'o2' });
    bench.hear('operation.succeeded', { operation: { ...operation, status: 'succeeded' } });
    noteBegun(bench.queries, { ...operation, status: 'pending' } as never);
    expect(bench.queries.getQueryData(key)).toEqual({ id: 'v1' });
    noteBegun(bench.queries, { ...operation, id: 'o3', status: 'pending' } as never);
    expect(bench.queries.getQueryData(key)).toEqual({ id: 'v1', operation: 'o3' });
  });

  it('is an end that brings what is in no event, but of a machine that was deleted there is nothing to read', async () => {
    bench = new Bench();
    const machine = bench.show(['vm', 'v7']);
    await machine({ id: 'v7' });
    const ended = { vmId: 'v7', host: 'h', status: 'succeeded' };
    bench.hear('operation.succeeded', { operation: { ...ended, id: 'o7', verb: 'vm.delete' } });
    await expect(machine({})).rejects.toThrow('nothing is being read');
    bench.hear('operation.succeeded', { operation: { ...ended, id: 'o8', verb: 'vm.reconfigure' } });
    await machine({ id: 'v7', notes: 'new' });
    expect(bench.queries.getQueryData(['vm', 'v7'])).toEqual({ id: 'v7', notes: 'new' });
  });

  it('is an end after which the disks of its host are looked at, and of no other', async () => {
    bench = new Bench();
    const [ours, theirs] = [bench.show(['volumes', 'h']), bench.show(['volumes', 'other'])];
    await ours([]);
    await theirs([]);
    bench.hear('operation.succeeded', {
      operation: { id: 'o9', verb: 'volume.delete', host: 'h', status: 'succeeded' },
    });
    await ours([{ id: 'disk' }]);
    expect(bench.queries.getQueryData(['volumes', 'h'])).toEqual([{ id: 'disk' }]);
    await expect(theirs([])).rejects.toThrow('nothing is being read');
  });

  it('may have been missed before the first was heard, so that everything is read again', async () => {
    bench = new Bench();
    const answers = [['hosts'], ['vms', {}, 'name'], ['operations', {}]].map((key) => bench.show(key));
    const kept = bench.show(['me']);
    bench.reset();
    for (const answer of [...answers, ...answers]) await answer({ pages: [] });
    await kept({});
    await expect(kept({})).rejects.toThrow('nothing is being read');
  });
});
