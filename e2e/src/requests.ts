import { requireSuccess, type Client, type components, type Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';
import type { Stack } from './stack/stack.ts';

export type Vm = components['schemas']['Vm'];
type CreateVmInput = components['schemas']['CreateVmInput'];
type EditVmInput = components['schemas']['ReconfigureVmInput'];
type StopVmInput = components['schemas']['StopVmInput'];

/** How long a story waits for what has to come: longer than the slowest machine takes. */
export const patienceMs = 120_000;
export const waiting = { Prefer: 'wait=60' };
type PowerAction = 'start' | 'stop' | 'restart' | 'suspend' | 'resume' | 'pause' | 'reset';

/** Makes a VM and waits until it is there. */
export async function createVm(client: Client, body: CreateVmInput): Promise<Vm> {
  const { data } = await client.POST('/api/v1/vms', { body, params: { header: waiting } });
  return readVm(client, (await endedWell(client, data)).vmId!);
}

export async function readVm(client: Client, vmId: string): Promise<Vm> {
  return (await client.GET('/api/v1/vms/{vmId}', { params: { path: { vmId } } })).data;
}

/** Asks for a power action and waits until it has ended well. */
export async function power(
  client: Client,
  vmId: string,
  action: PowerAction,
  body: StopVmInput = {},
): Promise<Operation> {
  const path = `/api/v1/vms/{vmId}/${action}` as '/api/v1/vms/{vmId}/stop';
  const { data } = await client.POST(path, { body, params: { path: { vmId }, header: waiting } });
  return endedWell(client, data);
}

export async function editVm(client: Client, vmId: string, body: EditVmInput): Promise<Operation> {
  const { data } = await client.PATCH('/api/v1/vms/{vmId}', { body, params: { path: { vmId }, header: waiting } });
  return endedWell(client, data);
}

export async function deleteVm(client: Client, vmId: string): Promise<Operation> {
  const { data } = await client.DELETE('/api/v1/vms/{vmId}', { params: { path: { vmId }, header: waiting } });
  return endedWell(client, data);
}

/** Looks at a VM until it is as wanted, and returns it. */
export async function vmWhen(
  client: Client,
  vmId: string,
  isWanted: (vm: Vm) => boolean,
  withinMs = patienceMs,
): Promise<Vm> {
  let found: Vm | undefined;
  await eventually(async () => {
    found = await readVm(client, vmId);
    if (!isWanted(found)) throw new Error(`the VM is ${JSON.stringify(found)}`);
  }, withinMs);
  return found!;
}

/** Looks at an operation until it is as wanted, and returns it. */
export async function operationWhen(
  client: Client,
  operationId: string,
  isWanted: (operation: Operation) => boolean,
  withinMs = patienceMs,
): Promise<Operation> {
  let found: Operation | undefined;
  await eventually(async () => {
    found = (await client.GET('/api/v1/operations/{operationId}', { params: { path: { operationId } } })).data;
    if (!isWanted(found)) throw new Error(`the operation is ${JSON.stringify(found)}`);
  }, withinMs);
  return found!;
}

/** The operation when it has ended well, however long the answer to who asked for it has waited. */
export async function endedWell(client: Client, asked: Operation, withinMs = patienceMs): Promise<Operation> {
  const isEnded = ({ endedAt }: Operation) => endedAt !== undefined;
  return requireSuccess(isEnded(asked) ? asked : await operationWhen(client, asked.id, isEnded, withinMs));
}

/** Makes machines on a fake host at once, `<prefix>-00001` and on, every second of them running; answers their ids. */
export async function populate(stack: Stack, host: string, count: number, prefix: string): Promise<string[]> {
  const fake = stack.fakeHost(host);
  fake.populate(count, prefix);
  fake.close();
  const names = Array.from({ length: count }, (_, n) => `${prefix}-${String(n + 1).padStart(5, '0')}`);
  await eventually(async () => {
    const query = { host, q: `${prefix}-`, limit: 500 };
    const { data } = await stack.admin.GET('/api/v1/vms', { params: { query } });
    if (data.items.length !== count) throw new Error(`${data.items.length} of ${count} machines are shown`);
  }, patienceMs);
  return names.map((name) => `${host}~${name}`);
}

/** Resolves when the gateway has noticed that the agent of a host is silent. */
export async function hostIsOffline(client: Client, hostId: string): Promise<void> {
  await eventually(async () => {
    const { data } = await client.GET('/api/v1/hosts/{hostId}', { params: { path: { hostId } } });
    if (data.state !== 'offline') throw new Error(`the host ${hostId} is ${data.state}`);
  }, patienceMs);
}
