import { required, wordOf, type MachineCall } from '../command-line/call.ts';
import { Refusal, refusal } from '../command-line/errors.ts';
import type { Dictionary } from '../dictionary/dictionary.ts';
import { adaptersOf } from '../machine/devices.ts';

const TYPES = ['nat', 'bridged', 'hostonly', 'custom'] as const;
const MAX_ADAPTERS = 10;

export function listNetworkAdapters(call: MachineCall): string[] {
  requireSupport(call, 'listNetworkAdapters');
  const adapters = adaptersOf(call.machine.configuration());
  const rows = adapters.map(({ index, connectionType, network }) => [
    String(index),
    connectionType === 'hostonly' ? 'hostOnly' : connectionType,
    network,
  ]);
  return [`Total network adapters: ${adapters.length}`, ...[['INDEX', 'TYPE', 'VMNET'], ...rows].map(formatRow)];
}

export async function addNetworkAdapter(call: MachineCall): Promise<void> {
  await change(call, 'addNetworkAdapter', (vmx) => {
    const taken = adaptersOf(vmx).map(({ index }) => index);
    const index = Array.from({ length: MAX_ADAPTERS }, (_, number) => number).find((number) => !taken.includes(number));
    if (index === undefined) throw refusal('invalid-parameter');
    connect(call, vmx, index, 0);
    vmx.set(`ethernet${index}.present`, 'TRUE');
    vmx.setMissing(`ethernet${index}.virtualDev`, 'e1000');
    vmx.setMissing(`ethernet${index}.addressType`, 'generated');
  });
}

export async function setNetworkAdapter(call: MachineCall): Promise<void> {
  await change(call, 'setNetworkAdapter', (vmx) => connect(call, vmx, adapterIndex(call, vmx), 1));
}

export async function deleteNetworkAdapter(call: MachineCall): Promise<void> {
  await change(call, 'deleteNetworkAdapter', (vmx) => {
    const index = adapterIndex(call, vmx);
    vmx.deleteMatching(new RegExp(`^ethernet${index}\\.`, 'i'));
  });
}

/** Adapters are changed while the VM is off. */
async function change(call: MachineCall, command: string, edit: (vmx: Dictionary) => void): Promise<void> {
  requireSupport(call, command);
  if (call.machine.run()) throw refusal('already-running-3007');
  await call.halfway();
  call.machine.edit(edit);
}

function connect(call: MachineCall, vmx: Dictionary, index: number, typeParameter: number): void {
  const type = wordOf(required(call, typeParameter), TYPES, 'nat');
  vmx.set(`ethernet${index}.connectionType`, type);
  if (type === 'custom') vmx.set(`ethernet${index}.vnet`, required(call, typeParameter + 1));
  else vmx.delete(`ethernet${index}.vnet`);
}

function adapterIndex(call: MachineCall, vmx: Dictionary): number {
  const index = Number(required(call, 0));
  if (!adaptersOf(vmx).some((adapter) => adapter.index === index)) throw refusal('invalid-parameter');
  return index;
}

function requireSupport({ machine, product }: MachineCall, command: string): void {
  if (machine.knobs.networkAdapterCommands === 'unrecognized' && product !== 'fusion') {
    throw new Refusal([`Error: Unrecognized command: ${command}`]);
  }
}

const formatRow = ([index, type, network]: string[]) => `${index!.padEnd(7)}${type!.padEnd(13)}${network}`;
