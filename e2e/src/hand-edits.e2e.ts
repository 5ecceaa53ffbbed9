import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { eventually } from '@polyvirt/bus/testing';
import { patienceMs, readVm, vmWhen, type Vm } from './requests.ts';
import { virsh } from './stack/kvm-belongings.ts';
import type { Stack } from './stack/stack.ts';
import { storiesOn } from './stack/story.ts';

const host = 'kvm-a';
/**
 * Nothing is found by looking around: what shows at all shows by libvirt's events, however busy the machine is. How soon, which is
 * within a second on one that is not, `npm run bench` measures.
 */
const settings = { POLYVIRT_RECONCILE_SECONDS: '3600' };
const story = storiesOn({ agents: [{ kind: 'kvm', id: host, settings }] });

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

story('shows what is done by hand when it happens, and not when it next looks around', async (stack) => {
  const { admin, prefix } = stack;
  const log = await stack.listen({ types: ['vm.*'], hosts: [host] });
  const uuid = randomUUID();
  const vmId = `${host}~${uuid}`;
  const name = `${prefix}by hand`;
  const shows = (isWanted: (vm: Vm) => boolean) => vmWhen(admin, vmId, isWanted);

  await define(stack, uuid, name, 32);
  await eventually(() => readVm(admin, vmId), patienceMs);
  expect(await readVm(admin, vmId)).toMatchObject({ name, state: 'stopped', memoryMiB: 32, labels: {} });
  await virsh('start', name);
  await shows(({ state }) => state === 'running');
  await virsh('suspend', name);
  await shows(({ state }) => state === 'paused');
  await virsh('resume', name);
  await shows(({ state }) => state === 'running');
  await virsh('destroy', name);
  await shows(({ state }) => state === 'stopped');
  await virsh('domrename', name, `${name} renamed`);
  await shows((vm) => vm.name === `${name} renamed`);
  await define(stack, uuid, `${name} renamed`, 48);
  await shows(({ memoryMiB }) => memoryMiB === 48);
  await virsh('undefine', uuid);
  await eventually(() => expect(readVm(admin, vmId)).rejects.toMatchObject({ code: 'vm-not-found' }), patienceMs);

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
});

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
