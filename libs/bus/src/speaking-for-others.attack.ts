import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { readVm, subjects, VmId } from '@polyvirt/contracts';
import { z } from 'zod';
import { ask, ensureTopology, listen, type Bus } from './index.ts';
import { BusAccount, eventually } from './testing/index.ts';
import { encodeJson } from './wire.ts';

const host = 'kvm-a';
const own = { vmId: `${host}~vm` };
const theirs = { vmId: 'kvm-b~vm' };
const Said = z.object({ vmId: VmId });

/** Whoever reads what a host says has no need to look whose it is. */
describe('an agent that was taken over and speaks for another host', () => {
  let nats: BusAccount;
  let bus: Bus;
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['error']));
  beforeEach(async () => {
    nats = await BusAccount.open();
    bus = await nats.connect();
    await ensureTopology(bus, { hosts: [host] });
  });
  afterEach(async () => {
    await bus.close();
    await nats[Symbol.asyncDispose]();
  });

  it('is not believed when it answers a question', async () => {
    let answer = own;
    bus.connection.subscribe(subjects.query(host, readVm.name), {
      callback: (_error, message) => void message.respond(encodeJson(answer)),
    });
    const asked = () => ask(bus, { ...readVm, output: Said }, host, { nativeId: 'vm' });
    expect(await asked()).toEqual(own);
    answer = theirs;
    await expect(asked()).rejects.toMatchObject({
      code: 'host-rejected',
      message: expect.stringContaining(theirs.vmId),
    });
  });

  it('is not heard when it publishes', async () => {
    const heard = new Set<string>();
    const listener = listen(bus, subjects.metrics('*'), Said, ({ vmId }) => heard.add(vmId));
    await eventually(() => {
      for (const said of [theirs, own]) bus.connection.publish(subjects.metrics(host), encodeJson(said));
      expect(heard).toContain(own.vmId);
    });
    expect([...heard]).toEqual([own.vmId]);
    listener.close();
  });
});
