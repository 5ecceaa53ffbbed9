import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ask } from '@polyvirt/bus';
import { cancelOperation, keys, type Command, type Verb } from '@polyvirt/contracts';
import { FakeHost, volumeIdOf, type FakeDriverOptions } from '@polyvirt/hypervisor';
import { isoOf, sha256Of } from '@polyvirt/hypervisor/testing';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentBench, host } from '../testing/agent-bench.ts';
import { AgentChild } from '../testing/agent-child.ts';
import type { KillOrder } from '../testing/kill-orders.ts';
import { MortalAgent, type KillScenario } from '../testing/mortal-agent.ts';
import { UploadServer } from '../testing/upload-server.ts';

interface Scenario extends KillScenario {
  readonly driver?: FakeDriverOptions;
  /** When it is killed: just before it writes, when work is done that nobody noted, or just after. */
  readonly moments: readonly KillOrder['moment'][];
}

/** Room for all machines that a run leaves on: what is said of a host that has too little is no subject here. */
const capacity = { cpus: 4_096, memoryMiB: 2 ** 20 };

/**
 * An agent is killed before and after each thing that it writes to the bus in the course of an operation, and started again:
 * whatever it was about to do or had just done, the operation ends once and the host is as it should be.
 */
describe('an agent that is killed', () => {
  let bench: AgentBench;
  let folder: string;
  let fake: FakeHost;
  let agent: MortalAgent | undefined;
  const image = isoOf(300_000);
  let uploads: UploadServer;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    uploads = await UploadServer.start(image);
    bench = await AgentBench.open();
    await bench.redeliverAfter(1_000);
    folder = mkdtempSync(join(tmpdir(), 'polyvirt-agent-'));
    fake = new FakeHost({ file: join(folder, 'host.json') });
  });

  afterEach(() => agent?.stop());

  afterAll(async () => {
    fake.close();
    await bench.close();
    await uploads.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const verify = async (command: Command) => {
    expect(fake.doubled).toEqual([]);
    const { revision } = bench.events.filter(({ event }) => event.subject === command.operationId).at(-1)!.event
      .data as { revision?: number };
    if (revision !== undefined && command.nativeId === undefined)
      expect((await bench.inventory.get(keys.vm(host, command.operationId)))?.revision).toBe(revision);
  };

  const everywhere = (scenario: Scenario) => {
    for (const moment of scenario.moments) {
      it(`${moment} any write of ${scenario.title}`, async () => {
        const config = bench.config({ drainSeconds: 1, logLevel: 'error', gatewayUrl: uploads.url });
        agent = new MortalAgent(bench, () => AgentChild.spawn(folder, config, { capacity, ...scenario.driver }));
        const check: KillScenario['check'] = async (command, name) => {
          await scenario.check(command, name);
          await verify(command);
        };
        await agent.killAtEveryWrite({ ...scenario, check }, moment);
      }, 180_000);
    }
  };

  const typesOf = (nativeId: string) => bench.vmEvents(nativeId).map(({ type }) => type);
  const made = (name: string) => fake.machines().filter((machine) => machine.name === name);
  const volumesOf = (nativeId: string) => fake.volumes().filter(({ path }) => path.includes(nativeId));
  const definitions = (name: string) => fake.acts.filter(({ act, target }) => act === 'define' && target === name);
  const full = { start: true, cloudInit: { userData: '#cloud-config' } };
  const existing = async (name: string, input: object = {}) => {
    const command = bench.create(name, input);
    await bench.carryOut(command);
    return command.operationId;
  };
  const actsOn = (act: string, target: string) => fake.acts.filter((one) => one.act === act && one.target === target);
  const vda = (nativeId: string) => fake.find(nativeId)!.disks.find(({ device }) => device === 'vda')?.path;

  everywhere({
    title: 'a create',
    prepare: async (name) => bench.create(name, full),
    moments: ['before', 'after'],
    check: ({ operationId }, name) => {
      expect(made(name)).toMatchObject([{ nativeId: operationId, state: 'running' }]);
      expect(definitions(name)).toHaveLength(1);
      expect(volumesOf(operationId)).toHaveLength(2);
      expect(typesOf(operationId)).toEqual(['vm.created', 'vm.started']);
      expect(bench.vmEvents(operationId)[0]!.data).toMatchObject({ operationId, requestedBy: 'ada' });
    },
  });

  everywhere({
    title: 'a create that fails',
    driver: { faults: [{ at: 'create: power it on', moment: 'after', failWith: 'host-rejected' }] },
    prepare: async (name) => bench.create(name, full),
    status: 'failed',
    moments: ['before'],
    check: ({ operationId }, name) => {
      expect(made(name)).toEqual([]);
      expect(volumesOf(operationId)).toEqual([]);
      expect(typesOf(operationId)).toEqual([]);
      expect(bench.operationEvents(operationId).at(-1)?.error?.code).toBe('host-rejected');
    },
  });

  everywhere({
    title: 'a create that is cancelled',
    driver: { faults: [{ at: 'create: power it on', moment: 'after', hang: true }] },
    prepare: async (name) => bench.create(name, full),
    push: async ({ operationId }) => {
      const hangs = bench
        .operationEvents(operationId)
        .some(({ steps }) => steps.some(({ name }) => name === 'power it on'));
      // An agent that has just died or not yet begun says so; then it is asked again.
      if (hangs) await ask(bench.gateway, cancelOperation, host, { operationId }).catch(() => {});
    },
    status: 'cancelled',
    moments: ['before', 'after'],
    check: ({ operationId }, name) => {
      expect(made(name)).toEqual([]);
      expect(volumesOf(operationId)).toEqual([]);
      expect(typesOf(operationId)).toEqual([]);
    },
  });

  everywhere({
    title: 'a clone',
    prepare: async (name) =>
      bench.command('vm.clone', await existing(`${name}-source`), { name, linked: true, start: true }),
    moments: ['before'],
    check: ({ operationId, nativeId }, name) => {
      expect(made(name)).toMatchObject([{ nativeId: operationId, state: 'running' }]);
      expect(definitions(name)).toHaveLength(1);
      expect(typesOf(operationId)).toEqual(['vm.created', 'vm.started']);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.cloned']);
    },
  });

  everywhere({
    title: 'a snapshot',
    prepare: async (name) => bench.command('vm.snapshot-create', await existing(name), { name: 'a', memory: false }),
    moments: ['before'],
    check: ({ nativeId, operationId }) => {
      expect(fake.find(nativeId!)?.snapshots.map(({ id }) => id)).toEqual([operationId]);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.snapshot-created']);
    },
  });

  everywhere({
    title: 'a deletion',
    prepare: async (name) =>
      bench.command('vm.delete', await existing(name, { ...full, start: false }), { disks: 'delete' }),
    moments: ['before'],
    check: async ({ nativeId, operationId }, name) => {
      expect(made(name)).toEqual([]);
      expect(volumesOf(nativeId!)).toEqual([]);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.deleted']);
      expect(await bench.record(nativeId!)).toBeUndefined();
      expect(bench.operationEvents(operationId).at(-1)?.changed).toBe(true);
    },
  });

  everywhere({
    title: 'a restart',
    prepare: async (name) =>
      bench.command('vm.restart', await existing(name, { start: true }), { force: true, timeoutSeconds: 1 }),
    moments: ['before'],
    check: ({ nativeId }) => {
      expect(fake.find(nativeId!)?.state).toBe('running');
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.started', 'vm.restarted']);
    },
  });

  everywhere({
    title: 'a reset',
    prepare: async (name) => bench.command('vm.reset', await existing(name, { start: true })),
    moments: ['before', 'after'],
    check: ({ nativeId, operationId }, name) => {
      const presses = fake.acts.filter(({ act, target }) => act === 'reset' && target === name).length;
      expect(presses).toBeLessThanOrEqual(1);
      const notes = bench.operationEvents(operationId).at(-1)?.result?.notes;
      // One that nobody can vouch for is never kept quiet.
      if (presses === 0) expect(notes).toEqual([expect.stringContaining('"press reset"')]);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.started', 'vm.reset']);
    },
  });

  everywhere({
    title: 'a start',
    prepare: async (name) => bench.command('vm.start', await existing(name)),
    moments: ['before'],
    check: ({ nativeId, operationId }, name) => {
      expect(fake.find(nativeId!)?.state).toBe('running');
      expect(fake.acts.filter(({ act, target }) => act === 'power-on' && target === name)).toHaveLength(1);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.started']);
      expect(bench.operationEvents(operationId).at(-1)?.changed).toBe(true);
    },
  });

  everywhere({
    title: 'a disk that comes',
    prepare: async (name) => bench.command('vm.disk-add', await existing(name, { start: true }), { sizeGiB: 2 }),
    moments: ['before', 'after'],
    check: ({ nativeId, operationId }) => {
      const [, added, ...more] = fake.find(nativeId!)!.disks;
      expect(more).toEqual([]);
      expect(fake.volume(added!.path)).toMatchObject({ sizeGiB: 2, madeFor: nativeId });
      expect(volumesOf(operationId)).toHaveLength(1);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.started', 'vm.reconfigured']);
    },
  });

  everywhere({
    title: 'a disk that comes and is cancelled',
    driver: { faults: [{ at: 'reconfigure: change the hardware', moment: 'after', hang: true }] },
    prepare: async (name) => bench.command('vm.disk-add', await existing(name), { sizeGiB: 2 }),
    push: async ({ operationId }) => {
      const hangs = bench
        .operationEvents(operationId)
        .some(({ steps }) => steps.some(({ name }) => name === 'change the hardware'));
      if (hangs) await ask(bench.gateway, cancelOperation, host, { operationId }).catch(() => {});
    },
    status: 'cancelled',
    moments: ['before'],
    check: ({ nativeId, operationId }) => {
      expect(fake.find(nativeId!)!.disks).toHaveLength(1);
      expect(volumesOf(operationId)).toEqual([]);
      expect(typesOf(nativeId!)).toEqual(['vm.created']);
    },
  });

  everywhere({
    title: 'a disk that grows',
    prepare: async (name) => bench.command('vm.disk-grow', await existing(name), { device: 'vda', sizeGiB: 3 }),
    moments: ['before'],
    check: ({ nativeId }) => {
      const path = vda(nativeId!)!;
      expect(fake.volume(path)?.sizeGiB).toBe(3);
      expect(actsOn('resize-volume', path)).toHaveLength(1);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.reconfigured']);
    },
  });

  for (const keep of [true, false])
    everywhere({
      title: `a disk that goes and is ${keep ? 'kept' : 'deleted'}`,
      prepare: async (name) => bench.command('vm.disk-detach', await existing(name), { device: 'vda', keep }),
      moments: ['before'],
      check: ({ nativeId, operationId }) => {
        expect(fake.find(nativeId!)!.disks).toEqual([]);
        expect(volumesOf(nativeId!)).toHaveLength(keep ? 1 : 0);
        // The words for what became of it survive the death of who found them.
        const notes = bench.operationEvents(operationId).at(-1)?.result?.notes ?? [];
        expect(notes).toEqual(keep ? [expect.stringContaining(volumesOf(nativeId!)[0]!.path)] : []);
        expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.reconfigured']);
      },
    });

  everywhere({
    title: 'a volume that another VM takes',
    prepare: async (name) => {
      const from = await existing(`${name}-from`);
      const path = vda(from)!;
      await bench.carryOut(bench.command('vm.disk-detach', from, { device: 'vda', keep: true }));
      return bench.command('vm.disk-add', await existing(name), { volume: volumeIdOf(path) });
    },
    moments: ['before'],
    check: ({ nativeId, input }) => {
      const ids = fake.find(nativeId!)!.disks.map(({ path }) => volumeIdOf(path));
      expect(ids).toHaveLength(2);
      expect(ids).toContain((input as { volume: string }).volume);
      expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.reconfigured']);
    },
  });

  everywhere({
    title: 'a volume that is deleted',
    prepare: async (name) => {
      const from = await existing(name);
      const path = vda(from)!;
      await bench.carryOut(bench.command('vm.disk-detach', from, { device: 'vda', keep: true }));
      return bench.command('volume.delete', undefined, { volume: volumeIdOf(path) });
    },
    moments: ['before', 'after'],
    check: ({ operationId, input }) => {
      const { volume } = input as { volume: string };
      expect(fake.volumes().filter(({ path }) => volumeIdOf(path) === volume)).toEqual([]);
      expect(bench.operationEvents(operationId).at(-1)?.changed).toBe(true);
    },
  });

  let macs = 0;
  const nics: [verb: Verb, change: object, before: boolean, after: object[]][] = [
    ['vm.nic-add', { network: 'default', address: 'auto' }, false, [{ network: 'default' }]],
    ['vm.nic-change', { network: 'isolated', connected: false }, true, [{ network: 'isolated', unplugged: true }]],
    ['vm.nic-remove', {}, true, []],
  ];
  for (const [verb, change, before, after] of nics)
    everywhere({
      title: verb,
      prepare: async (name) => {
        const mac = `52:54:00:00:77:${(macs += 1).toString(16).padStart(2, '0')}`;
        const vm = await existing(name, { nics: before ? [{ network: 'default', address: 'auto', mac }] : [] });
        return bench.command(verb, vm, { mac, ...change });
      },
      moments: ['before'],
      check: ({ nativeId, input }) => {
        const { mac } = input as { mac: string };
        expect(fake.find(nativeId!)!.nics).toEqual(after.map((nic) => ({ ...nic, mac })));
        expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.reconfigured']);
      },
    });

  for (const image of ['tiny-iso', null])
    everywhere({
      title: image === null ? 'an ejection' : 'an insertion',
      prepare: async (name) => {
        const vm = await existing(name, { cdrom: image === null ? 'tiny-iso' : null, start: true });
        return bench.command('vm.cdrom-set', vm, { image });
      },
      moments: ['before'],
      check: ({ nativeId }) => {
        expect(fake.find(nativeId!)!.cdrom).toBe(image);
        expect(typesOf(nativeId!)).toEqual(['vm.created', 'vm.started', 'vm.reconfigured']);
      },
    });

  const newImage = (name: string) =>
    bench.command('image.create', undefined, {
      name,
      upload: uploads.upload,
      sha256: sha256Of(image),
      ticket: 'shown',
    });
  const imagesOf = (name: string) => fake.images.filter((one) => one.name === name);

  everywhere({
    title: 'an image that comes',
    prepare: async (name) => newImage(name),
    moments: ['before'],
    check: (_command, name) => {
      expect(imagesOf(name)).toMatchObject([{ kind: 'iso' }]);
      expect(readdirSync(fake.imageFiles.folder).filter((file) => file.startsWith('.'))).toEqual([]);
    },
  });

  everywhere({
    title: 'an image with another checksum',
    prepare: async (name) => {
      const command = newImage(name);
      return { ...command, input: { ...(command.input as object), sha256: 'ab'.repeat(32) } };
    },
    status: 'failed',
    moments: ['before'],
    check: ({ operationId }, name) => {
      expect(imagesOf(name)).toEqual([]);
      expect(readdirSync(fake.imageFiles.folder).filter((file) => file.startsWith('.'))).toEqual([]);
      expect(bench.operationEvents(operationId).at(-1)?.error?.code).toBe('invalid-input');
    },
  });

  everywhere({
    title: 'an image that goes',
    prepare: async (name) => {
      await bench.carryOut(newImage(name));
      return bench.command('image.delete', undefined, { image: name });
    },
    moments: ['before'],
    check: (_command, name) => expect(imagesOf(name)).toEqual([]),
  });
});
