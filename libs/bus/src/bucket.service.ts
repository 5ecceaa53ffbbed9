import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { buckets } from '@polyvirt/contracts';
import { z } from 'zod';
import { forgetDeletedKeys } from './deleted-keys.ts';
import {
  ensureTopology,
  openBucket,
  RevisionConflictError,
  type Bucket,
  type BucketChange,
  type Bus,
} from './index.ts';
import { BusAccount, eventually, NatsServer, type Broker } from './testing/index.ts';

const Value = z.object({ n: z.int() });
type Value = z.infer<typeof Value>;

describe('Bucket', () => {
  let nats: Broker;
  let bus: Bus;
  let bucket: Bucket<Value>;
  let end: AbortController;

  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));

  const open = async (broker: Broker) => {
    end = new AbortController();
    nats = broker;
    bus = await nats.connect();
    await ensureTopology(bus);
    bucket = openBucket(bus, buckets.inventory, Value);
  };
  const close = async () => {
    end.abort();
    await bus.close();
    await nats[Symbol.asyncDispose]();
  };
  beforeEach(async () => open(await BusAccount.open()));
  afterEach(close);

  /** Has the test go on with a server of its own, which it may kill. */
  const onOwnServer = async () => {
    await close();
    const own = await NatsServer.start();
    await open(own);
    return own;
  };

  it('keeps the last value of a key', async () => {
    expect(await bucket.get('a.1')).toBeUndefined();
    await bucket.put('a.1', { n: 1 });
    const revision = await bucket.put('a.1', { n: 2 });
    expect(await bucket.get('a.1')).toEqual({ key: 'a.1', value: { n: 2 }, revision, writtenAt: expect.any(Date) });
    await bucket.delete('a.1');
    await bucket.delete('a.1');
    expect(await bucket.get('a.1')).toBeUndefined();
  });

  it('lets one of several make a key, also one that was deleted', async () => {
    for (let round = 0; round < 2; round += 1) {
      const results = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => bucket.create('a.1', { n })));
      expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(RevisionConflictError);
      }
      await bucket.delete('a.1');
    }
  });

  it('writes and deletes only over the expected revision', async () => {
    const first = await bucket.create('a.1', { n: 1 });
    const second = await bucket.update('a.1', { n: 2 }, first);
    await expect(bucket.update('a.1', { n: 3 }, first)).rejects.toBeInstanceOf(RevisionConflictError);
    await expect(bucket.delete('a.1', { revision: first })).rejects.toBeInstanceOf(RevisionConflictError);
    expect((await bucket.get('a.1'))!.value).toEqual({ n: 2 });
    await bucket.delete('a.1', { revision: second });
    await expect(bucket.update('a.1', { n: 4 }, second)).rejects.toBeInstanceOf(RevisionConflictError);
  });

  it('waits for a server that is away', async () => {
    const own = await onOwnServer();
    await own.kill();
    const created = bucket.create('a.1', { n: 1 });
    const read = bucket.get('b.1');
    const givenUp = bucket.put('b.1', { n: 1 }, { signal: AbortSignal.timeout(50) });
    await expect(givenUp).rejects.toMatchObject({ name: 'TimeoutError' });
    await own.start();
    expect(await created).toBe(1);
    expect(await read).toBeUndefined();
  });

  it('reads what was written to a key last, a deletion as well', async () => {
    expect(await bucket.latest('a.1')).toBeUndefined();
    const revision = await bucket.put('a.1', { n: 1 });
    expect(await bucket.latest('a.1')).toMatchObject({ type: 'put', key: 'a.1', value: { n: 1 }, revision });
    const deleted = await bucket.delete('a.1');
    expect(await bucket.latest('a.1')).toEqual({ type: 'delete', key: 'a.1', revision: deleted });
    await bus.jetstream.publish('$KV.polyvirt_inventory.a.1', '{"n":"one"}');
    await expect(bucket.latest('a.1')).rejects.toThrow();
  });

  it('lists the keys below a filter, without the deleted and the invalid ones', async () => {
    for (let n = 0; n < 150; n += 1) await bucket.put(`a.${n}`, { n });
    await bucket.put('b.1', { n: 1 });
    await bucket.delete('a.7');
    await bus.jetstream.publish('$KV.polyvirt_inventory.a.8', '{"n":"eight"}');
    const entries = await bucket.entries('a.*');
    expect(entries.map(({ key }) => key)).toEqual(
      Array.from({ length: 150 }, (_, n) => `a.${n}`).filter((key) => key !== 'a.7' && key !== 'a.8'),
    );
    expect(await bucket.entries('none.*')).toEqual([]);
    await expect(bucket.get('a.8')).rejects.toThrow();
  });

  it('forgets deleted keys, and nothing else', async () => {
    const stream = 'KV_polyvirt_inventory';
    await bucket.put('a.1', { n: 1 });
    await bucket.put('a.2', { n: 2 });
    await bucket.put('a.3', { n: 3 });
    await bucket.delete('a.1');
    await bucket.delete('a.2');
    const signal = end.signal;
    await forgetDeletedKeys(bus, stream, { olderThanMs: 60_000, signal });
    expect((await bus.manager.streams.info(stream)).state.messages).toBe(3);
    await bucket.create('a.2', { n: 4 });
    await forgetDeletedKeys(bus, stream, { olderThanMs: 0, signal });
    expect((await bus.manager.streams.info(stream)).state.messages).toBe(2);
    expect((await bucket.entries('a.*')).map(({ value }) => value.n)).toEqual([3, 4]);
    await bucket.create('a.1', { n: 5 });
  });

  describe('watching', () => {
    const follow = (filter = '>') => {
      const seen: BucketChange<Value>[] = [];
      void (async () => {
        for await (const change of bucket.watch(filter, end.signal)) seen.push(change);
      })();
      const told = () =>
        seen.map((change) => {
          if (change.type === 'caught-up') return '.';
          return change.type === 'put' ? `${change.key}=${change.value.n}` : `${change.key} gone`;
        });
      return { seen, told };
    };

    it('tells the present values, that it has, and every change', async () => {
      await bucket.put('a.1', { n: 1 });
      await bucket.put('a.2', { n: 2 });
      await bucket.put('b.1', { n: 9 });
      await bucket.delete('a.2');
      const { told } = follow('a.*');
      await eventually(() => expect(told()).toEqual(['a.1=1', '.']));
      await bucket.put('a.1', { n: 3 });
      await bucket.put('b.1', { n: 8 });
      await bucket.delete('a.1');
      await eventually(() => expect(told()).toEqual(['a.1=1', '.', 'a.1=3', 'a.1 gone']));
    });

    it('has caught up with a bucket that is empty', async () => {
      const { told } = follow();
      await eventually(() => expect(told()).toEqual(['.']));
    });

    it('keeps the last good value when somebody writes a bad one', async () => {
      await bucket.put('a.1', { n: 1 });
      const { told } = follow();
      await eventually(() => expect(told()).toEqual(['a.1=1', '.']));
      await bus.jetstream.publish('$KV.polyvirt_inventory.a.1', 'nonsense');
      await bucket.put('a.2', { n: 2 });
      await eventually(() => expect(told()).toEqual(['a.1=1', '.', 'a.2=2']));
    });

    it('looks again after a restart of the server and tells only what changed meanwhile', async () => {
      const own = await onOwnServer();
      await bucket.put('a.1', { n: 1 });
      await bucket.put('a.2', { n: 2 });
      await bucket.put('a.3', { n: 3 });
      const { told, seen } = follow();
      await eventually(() => expect(told()).toEqual(['a.1=1', 'a.2=2', 'a.3=3', '.']));
      await own.kill();
      const changes = (async () => {
        await bucket.put('a.1', { n: 10 });
        await bucket.delete('a.2');
      })();
      await own.start();
      await changes;
      await eventually(() => expect(seen.filter(({ type }) => type === 'caught-up').length).toBe(2));
      await eventually(() =>
        expect(
          told()
            .slice(4)
            .filter((text) => text !== '.')
            .sort(),
        ).toEqual(['a.1=10', 'a.2 gone']),
      );
      await bucket.put('a.4', { n: 4 });
      await eventually(() => expect(told()).toContain('a.4=4'));
    });

    it('tells what a purge took away while it could not look', async () => {
      const own = await onOwnServer();
      await bucket.put('a.1', { n: 1 });
      await bucket.put('a.2', { n: 2 });
      const { told } = follow();
      await eventually(() => expect(told().length).toBe(3));
      const other = await nats.connect();
      await other.manager.streams.purge('KV_polyvirt_inventory', { filter: '$KV.polyvirt_inventory.a.1' });
      await own.restart();
      await eventually(() => expect(told().slice(3)).toEqual(['a.1 gone', '.']));
      await other.close();
    });

    it('begins anew with a bucket that was lost', async () => {
      const own = await onOwnServer();
      for (let n = 0; n < 5; n += 1) await bucket.put(`a.${n}`, { n });
      const { told } = follow();
      await eventually(() => expect(told().length).toBe(6));
      await own.kill();
      await own.wipe();
      await own.start();
      await bus.whenConnected();
      await ensureTopology(bus);
      await bucket.put('a.1', { n: 100 });
      await eventually(() => expect(told()).toContain('a.1=100'));
      await eventually(() => {
        const present = new Map<string, string>();
        for (const text of told()) {
          const [key, value] = text.split('=');
          if (value !== undefined) present.set(key!, value);
          else present.delete(text.replace(' gone', ''));
        }
        expect([...present]).toEqual([['a.1', '100']]);
      });
    });
  });
});
