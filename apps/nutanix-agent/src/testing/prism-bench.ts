import { randomBytes } from 'node:crypto';
import type { Bench } from '@polyvirt/hypervisor/testing';
import { objectAt, objectsAt, textAt, type JsonObject } from '../client/json.ts';
import { PrismDriver, type PrismDriverOptions } from '../prism.driver.ts';
import { NOTES } from '../snapshots/snapshot-notes.ts';
import { prismConsole } from './other-tool.ts';
import { PrismSimulator, type Knobs } from './prism-simulator.ts';

export const CLUSTER = '0006aaaa-0000-0000-0000-00000000c001';
const ISO = 'nutanix-virtio-1.2.4.iso';

/** How soon the driver looks again, and how long at most it waits for what has to come: longer than any machine needs. */
const pace: Partial<PrismDriverOptions> = {
  tasks: { firstMs: 5, mostMs: 100 },
  retryMs: 20,
  lookMs: 10,
  settleMs: 60_000,
  busyMs: 60_000,
  pressAgainMs: 500,
};
/** Prism samples every 30 seconds, and the first sample of a guest is of the first whole interval. */
const SAMPLES_MS = 90_000;

export function driverOn(simulator: PrismSimulator, options: Partial<PrismDriverOptions> = {}): PrismDriver {
  return new PrismDriver({ ...driverOptions(simulator), ...options });
}

export function driverOptions(simulator: PrismSimulator): PrismDriverOptions {
  return {
    url: simulator.url,
    username: simulator.username,
    password: simulator.password,
    trust: { ca: simulator.certificate },
    defaultCluster: 'cluster-a',
    simulated: true,
    ...pace,
  };
}

/** A Prism Central for the conformance suite, by the simulator. Guests are deaf until they have an image and were waited for. */
export async function openPrismBench(knobs: Knobs = {}): Promise<Bench> {
  const simulator = await PrismSimulator.start({
    knobs: { 'guest.responsive': false, ...knobs },
    args: ['--seed-vms', '12'],
  });
  const prefix = `bench-${randomBytes(3).toString('hex')}-`;
  const template = `tiny-${prefix}template`;
  await makeVm(simulator, template, [{ disk_size_mib: 1024 }]);

  const nameOf = (entity: JsonObject) => textAt(objectAt(entity, 'status'), 'name') ?? '';
  const uuidOf = (entity: JsonObject) => textAt(objectAt(entity, 'metadata'), 'uuid') ?? '';
  const ours = async (path: string) =>
    (await simulator.list(path)).filter((entity) => nameOf(entity).startsWith(prefix));
  const notes = async () =>
    objectsAt(await simulator.v3('POST', `/categories/${NOTES}/list`, {}).catch(() => ({})), 'entities');
  const points = () => simulator.list('vm_recovery_points');

  const { files, ...tool } = prismConsole(
    simulator,
    (name) => name.startsWith(prefix),
    (name) => makeVm(simulator, name, []),
  );

  return {
    open: async () => driverOn(simulator),
    prefix,
    image: 'tiny-linux',
    iso: ISO,
    network: 'vlan10',
    template,
    memoryMiB: 64,
    guestReady: async (nativeId) => {
      await simulator.control('POST', `/vms/${nativeId}/guest`, { responsive: true });
      // Booting takes a while, in which it is also measured.
      await simulator.advance(SAMPLES_MS);
    },
    watchPower: async (nativeId) => {
      const events = async () => objectsAt(await simulator.control('GET', `/vms/${nativeId}/power`), 'events');
      const before = (await events()).at(-1)?.['number'] ?? 0;
      return async () => {
        const since = (await events()).filter((event) => Number(event['number']) > Number(before));
        const actions = since.map((event) => textAt(event, 'action') ?? '');
        if (actions.some((action) => ['off', 'reset', 'powerCycle'].includes(action))) return 'power-cycle';
        return actions.some((action) => action !== 'on') ? 'guest-restart' : 'none';
      };
    },
    files,
    otherTool: {
      ...tool,
      make: (name) => makeVm(simulator, name, []),
      clone: async (nativeId, name) => {
        await simulator.done(await simulator.v3('POST', `/vms/${nativeId}/clone`, { override_spec: { name } }));
        const made = (await simulator.list('vms')).find((vm) => nameOf(vm) === name);
        return made && uuidOf(made);
      },
      rename: (nativeId, name) =>
        simulator.edit(nativeId, (spec) => {
          spec['name'] = name;
        }),
      powerOff: (nativeId) =>
        simulator.edit(nativeId, (spec) => {
          objectAt(spec, 'resources')['power_state'] = 'OFF';
        }),
      remove: async (nativeId) => {
        await simulator.done(await simulator.v3('DELETE', `/vms/${nativeId}`));
      },
    },
    leftovers: async () =>
      [
        ...(await ours('vms')).map((vm) => `vm ${nameOf(vm)}`),
        ...(await ours('images')).map((image) => `image ${nameOf(image)}`),
        ...(await points()).map((point) => `recovery point ${nameOf(point)}`),
        ...(await notes()).map((note) => `note ${textAt(note, 'value')}`),
      ].sort(),
    clean: async () => {
      for (const vm of await ours('vms')) await simulator.done(await simulator.v3('DELETE', `/vms/${uuidOf(vm)}`));
    },
    // Its state is in a folder of its own, which goes with it.
    close: () => simulator.stop(),
  };
}

/** As Prism's own console would make one: nothing of ours in it. Answers its UUID. */
export async function makeVm(simulator: PrismSimulator, name: string, disks: JsonObject[]): Promise<string> {
  const answer = await simulator.v3('POST', '/vms', {
    metadata: { kind: 'vm' },
    spec: {
      name,
      cluster_reference: { kind: 'cluster', uuid: CLUSTER },
      resources: { memory_size_mib: 64, disk_list: disks },
    },
  });
  await simulator.done(answer);
  return textAt(objectAt(answer, 'metadata'), 'uuid') ?? '';
}
