import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { AgentBench } from '@polyvirt/agent-kit/testing';
import type { Verb } from '@polyvirt/contracts';
import { Libvirt } from '@polyvirt/node-libvirt';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LethalProxy } from './testing/lethal-proxy.ts';
import { OwnLibvirt } from './testing/own-libvirt.ts';

const timeoutMs = 900_000;
/** For an operation that hangs: each kill takes a libvirtd to start, and a step to come by again. */
const endWithinMs = 250_000;
/** Of those that the first life on a host takes, in their order. */
const changes =
  /PoolDefine.*PoolBuild.*VolCreate.*domainDefine.*domainCreate.*domainDestroy.*domainUndefine.*VolDelete/;

let libvirt: OwnLibvirt;
let bench: AgentBench;

beforeAll(async () => {
  Logger.overrideLogger(false);
  libvirt = await OwnLibvirt.open();
  bench = await AgentBench.open();
}, timeoutMs);
afterAll(async () => {
  await bench.close();
  await libvirt.close();
});

it.each(['before', 'after'] as const)(
  'libvirtd that is killed just %s any change of a life loses and leaves nothing: all of it succeeds, once',
  async (moment) => {
    const proxy = await LethalProxy.open({
      path: join(libvirt.folder, `proxy-${moment}`),
      target: libvirt.socketPath,
      moment,
      kill: async () => {
        await libvirt.kill('libvirtd');
        await libvirt.revive();
      },
    });
    const driver = libvirt.driver(moment, proxy.path);
    const agent = await bench.adopt({ driver, config: bench.config(), version: '0.0.0', times: { probeEveryMs: 500 } });
    const succeeds = async (command: ReturnType<AgentBench['command']>) => {
      await bench.send(command);
      const { status, error, result } = await bench.ended(command, endWithinMs);
      proxy.next();
      expect([command.verb, status, error]).toEqual([command.verb, 'succeeded', undefined]);
      expect(await bench.ends(command)).toHaveLength(1);
      return result;
    };
    try {
      const made = await succeeds(bench.create(`mortal-${moment}`, { start: true }));
      const nativeId = made!.vmId!.split('~')[1]!;
      const act = (verb: Verb, input: object) => succeeds(bench.command(verb, nativeId, input));
      expect((await driver.get(nativeId)).state).toBe('running');
      await act('vm.stop', { force: true });
      await act('vm.delete', { disks: 'delete' });
      expect(proxy.struck.join()).toMatch(changes);
    } finally {
      await agent.stop();
      await proxy.close();
    }
    const look = await Libvirt.connect({ uri: 'qemu:///system', socketPath: libvirt.socketPath });
    expect(await look.domains.list()).toEqual([]);
    await look.close();
    expect(await readdir(join(libvirt.folder, moment))).toEqual([]);
  },
  timeoutMs,
);
