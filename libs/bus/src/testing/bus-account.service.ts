import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { buckets } from '@polyvirt/contracts';
import { z } from 'zod';
import { ensureTopology, openBucket, type BusService } from '../index.ts';
import { BusAccount } from './index.ts';

const services: BusService[] = [{ service: 'gateway' }, { service: 'agent', host: 'a' }];

describe('an account of a test', () => {
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));

  it('is empty, also when a test before had one with the same services', async () => {
    for (let round = 0; round < 2; round += 1) {
      await using account = await BusAccount.open(services);
      const gateway = await account.connect('gateway');
      await ensureTopology(gateway);
      const inventory = openBucket(gateway, buckets.inventory, z.unknown());
      expect(await inventory.entries('>')).toEqual([]);
      const agent = await account.connect('agent-a');
      await openBucket(agent, buckets.inventory, z.unknown()).put('a.vm-1', {});
      await Promise.all([gateway.close(), agent.close()]);
    }
  });

  it('sees nothing of another one at the same time', async () => {
    await using mine = await BusAccount.open(services);
    await using theirs = await BusAccount.open(services);
    const [me, them] = [await mine.connect(), await theirs.connect()];
    const heard: string[] = [];
    for (const bus of [me, them])
      bus.connection.subscribe('said', { callback: (_error, message) => void heard.push(message.string()) });
    await Promise.all([me.connection.flush(), them.connection.flush()]);
    me.connection.publish('said', 'mine');
    them.connection.publish('said', 'theirs');
    await Promise.all([me.connection.flush(), them.connection.flush()]);
    expect(heard.sort()).toEqual(['mine', 'theirs']);
    await Promise.all([me.close(), them.close()]);
  });

  it('has the users that were asked for, with their rights, and an admin', async () => {
    await using account = await BusAccount.open(services);
    expect(() => account.credentialsOf('organizer')).toThrow('organizer');
    const agent = await account.connect('agent-a');
    const closed = agent.connection.closed();
    agent.connection.subscribe('polyvirt.v1.command.b.>', { callback: () => undefined });
    const statuses = agent.connection.status();
    for await (const status of statuses)
      if (status.type === 'error') {
        expect(status.error.message).toMatch(/permissions violation/i);
        break;
      }
    await agent.close();
    await closed;
  });

  it('cannot be closed while somebody is connected', async () => {
    const account = await BusAccount.open(services);
    const left = await account.connect('gateway');
    await expect(account[Symbol.asyncDispose](100)).rejects.toThrow('has not closed its connections: ');
    await left.close();
    await account[Symbol.asyncDispose]();
  });
});
