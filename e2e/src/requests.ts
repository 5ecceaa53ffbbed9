import { requireSuccess, type Client, type components, type Operation } from '@polyvirt/api-client';
import { eventually } from '@polyvirt/bus/testing';

export type Vm = components['schemas']['Vm'];
type CreateVmInput = components['schemas']['CreateVmInput'];
type EditVmInput = components['schemas']['EditVmInput'];
type StopVmInput = components['schemas']['StopVmInput'];

const waiting = { Prefer: 'wait=60' };
type PowerAction = 'start' | 'stop' | 'restart' | 'suspend' | 'resume' | 'pause' | 'reset';

/** Makes a VM and waits until it is there. */
export async function createVm(client: Client, body: CreateVmInput): Promise<Vm> {
  const { data } = await client.POST('/api/v1/vms', { body, params: { header: waiting } });
  return readVm(client, requireSuccess(data).vmId!);
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
  return requireSuccess(data);
}

export async function editVm(client: Client, vmId: string, body: EditVmInput): Promise<Operation> {
  const { data } = await client.PATCH('/api/v1/vms/{vmId}', { body, params: { path: { vmId }, header: waiting } });
  return requireSuccess(data);
}

export async function deleteVm(client: Client, vmId: string): Promise<Operation> {
  const { data } = await client.DELETE('/api/v1/vms/{vmId}', { params: { path: { vmId }, header: waiting } });
  return requireSuccess(data);
}

/** Looks at a VM until it is as wanted, and returns it. */
export async function vmWhen(
  client: Client,
  vmId: string,
  isWanted: (vm: Vm) => boolean,
  withinMs?: number,
): Promise<Vm> {
  let found: Vm | undefined;
  await eventually(async () => {
    found = await readVm(client, vmId);
    if (!isWanted(found)) throw new Error(`the VM is ${JSON.stringify(found)}`);
  }, withinMs);
  return found!;
}
