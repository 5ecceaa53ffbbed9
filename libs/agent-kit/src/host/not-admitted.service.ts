import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { credentialsFor, listen, newUserKey, type AccountKeeper } from '@polyvirt/bus';
import { eventually, type NatsServer } from '@polyvirt/bus/testing';
import { Heartbeat, subjects } from '@polyvirt/contracts';
import { FakeDriver } from '@polyvirt/hypervisor';
import { AgentBench, host } from '../testing/agent-bench.ts';
import { NotAdmittedError } from './not-admitted.ts';

describe('the agent of a host that has joined', () => {
  const id = 'a-join';
  let bench: AgentBench<NatsServer>;
  let keeper: AccountKeeper;
  let folder: string;
  let unwanted: Error[];

  beforeEach(async () => {
    Logger.overrideLogger(false);
    unwanted = [];
    bench = await AgentBench.openAlone();
    keeper = await bench.nats.keeper();
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-joined-'));
    await keeper.issueHost(host, { join: id });
    const { publicKey, seed } = newUserKey();
    const admission = { host, join: id, publicKey, expiresAt: Date.now() + 3_600_000 };
    const { token: userJwt, messageKey } = await bench.nats.authority.admit(admission);
    await writeFile(join(folder, 'bus.creds'), credentialsFor(seed, { userJwt, messageKey }), { mode: 0o600 });
  });
  afterEach(async () => {
    await keeper.close();
    await bench.close();
    await rm(folder, { recursive: true, force: true });
  });

  const begin = (refusedForMs: number) =>
    bench.adopt({
      driver: new FakeDriver(),
      config: bench.config({ natsCredentials: undefined, joinPath: folder }),
      version: '0',
      times: { refusedForMs },
      onUnwanted: (error) => unwanted.push(error),
    });
  const remove = () => keeper.remove([bench.nats.authority.hostAccount(host, id)]);

  it('is to end when the host was removed, with what to do, and does not begin again', async () => {
    await begin(200);
    await remove();
    await eventually(() => expect(unwanted).toHaveLength(1));
    expect(unwanted[0]).toBeInstanceOf(NotAdmittedError);
    expect(unwanted[0]!.message).toContain(`polyvirt host rotate ${host}`);
    await expect(begin(200)).rejects.toThrow(NotAdmittedError);
    expect(unwanted).toHaveLength(1);
  });

  it('stays when the bus refuses it for a while only, as one does that has lost its accounts', async () => {
    await begin(3_600_000);
    await remove();
    await eventually(async () =>
      expect(await keeper.connectionsOf(bench.nats.authority.hostAccount(host, id))).toEqual([]),
    );
    await keeper.issueHost(host, { join: id });
    const issuedAt = Date.now();
    const beats: Heartbeat[] = [];
    const listener = listen(bench.gateway, subjects.heartbeat(host), Heartbeat, (beat) => beats.push(beat));
    await eventually(() => expect(beats.some(({ sentAt }) => Date.parse(sentAt) >= issuedAt)).toBe(true));
    listener.close();
    expect(unwanted).toEqual([]);
  });
});
