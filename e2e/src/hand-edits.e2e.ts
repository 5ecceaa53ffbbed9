import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { readVm, vmWhen, type Vm } from './requests.ts';
import { virsh } from './stack/kvm-belongings.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'kvm-a';
/** What an edit by hand may take to show: the median of a few, since a busy machine holds one up now and then. */
const withinMs = 1_000;
const rounds = 3;
const story = storiesOn({ agents: [{ kind: 'kvm', id: host }] });

/** As another tool would define it: nothing of ours in it. */
const foreign = (uuid: string, name: string, memoryMiB: number) => `<domain type='qemu'>
  <name>${name}</name><uuid>${uuid}</uuid>
  <memory unit='MiB'>${memoryMiB}</memory><vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <devices><console type='pty'/></devices>
</domain>`;

async function define({ folder }: Stack, uuid: string, name: string, memoryMiB: number): Promise<void> {
  const file = join(folder, `${uuid}.xml`);
  await writeFile(file, foreign(uuid, name, memoryMiB));
  await virsh('define', file);
}

story('shows what is done by hand within a second', async (stack) => {
  const { admin, prefix } = stack;
  const log = await stack.listen({ types: ['vm.*'], hosts: [host] });
  const latencies = new Map<string, number[]>();
  const measure = async (what: string, shown: () => Promise<unknown>) => {
    const began = performance.now();
    await shown();
    latencies.set(what, [...(latencies.get(what) ?? []), Math.round(performance.now() - began)]);
  };

  for (let round = 1; round <= rounds; round += 1) {
    const uuid = randomUUID();
    const vmId = `${host}~${uuid}`;
    const name = `${prefix}by hand ${round}`;
    const shows = (what: string, isWanted: (vm: Vm) => boolean) => measure(what, () => vmWhen(admin, vmId, isWanted));

    await define(stack, uuid, name, 32);
    await measure('define', () => eventually(() => readVm(admin, vmId)));
    expect(await readVm(admin, vmId)).toMatchObject({ name, state: 'stopped', memoryMiB: 32, labels: {} });
    await virsh('start', name);
    await shows('start', ({ state }) => state === 'running');
    await virsh('suspend', name);
    await shows('suspend', ({ state }) => state === 'paused');
    await virsh('resume', name);
    await shows('resume', ({ state }) => state === 'running');
    await virsh('destroy', name);
    await shows('destroy', ({ state }) => state === 'stopped');
    await virsh('domrename', name, `${name} renamed`);
    await shows('rename', (vm) => vm.name === `${name} renamed`);
    await define(stack, uuid, `${name} renamed`, 48);
    await shows('redefine', ({ memoryMiB }) => memoryMiB === 48);
    await virsh('undefine', uuid);
    await measure('undefine', () =>
      eventually(() => expect(readVm(admin, vmId)).rejects.toMatchObject({ code: 'vm-not-found' })),
    );

    await log.ofVm(vmId, 'vm.deleted');
    expect(log.typesOf(vmId)).toEqual([
      'vm.created',
      'vm.started',
      'vm.paused',
      'vm.resumed',
      'vm.stopped',
      'vm.renamed',
      'vm.reconfigured',
      'vm.deleted',
    ]);
    for (const { event } of log.heard.filter(({ event }) => event.subject === vmId))
      expect([event.data.operationId, event.data.requestedBy]).toEqual([undefined, undefined]);
  }

  expect(latencies.size).toBe(8);
  for (const [what, measured] of latencies)
    expect({ what, measured, isShownInTime: median(measured) < withinMs }).toMatchObject({ isShownInTime: true });
});

const median = (values: number[]) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!;

story('shows what was done by hand while the agent was away', async (stack) => {
  const { admin, prefix } = stack;
  const log = await stack.listen({ types: ['vm.*'], hosts: [host] });
  const uuid = randomUUID();
  const vmId = `${host}~${uuid}`;
  const name = `${prefix}meanwhile`;
  await define(stack, uuid, name, 32);
  await log.ofVm(vmId, 'vm.created');
  await stack.kill(`agent-${host}`);
  await virsh('start', name);
  await stack.restart(`agent-${host}`);
  await vmWhen(admin, vmId, ({ state }) => state === 'running');
  await stack.kill(`agent-${host}`);
  await virsh('destroy', name);
  await virsh('undefine', name);
  await stack.restart(`agent-${host}`);
  await log.ofVm(vmId, 'vm.deleted');
  expect(log.typesOf(vmId)).toEqual(['vm.created', 'vm.started', 'vm.deleted']);
});
