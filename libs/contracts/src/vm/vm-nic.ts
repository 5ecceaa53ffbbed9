import { z } from 'zod';
import { defineHardwareCommand } from './hardware-command.ts';
import { MacInput, NicInput } from './vm-create.ts';

const mac = MacInput.describe('MAC address of the interface.');

export const addNic = defineHardwareCommand({
  verb: 'vm.nic-add',
  summary: 'Add an interface, live where the hypervisor can.',
  route: 'POST /vms/{vmId}/nics',
  locks: ['vm'],
  input: NicInput.shape,
  change: (nic) => ({ addNics: [nic] }),
  places: [['/addNics/0', '']],
  problems: ['vm-not-found', 'wrong-state', 'network-not-found'],
});

export const changeNic = defineHardwareCommand({
  verb: 'vm.nic-change',
  summary:
    'Change an interface in place: its network, its address, its cable. The guest keeps the device and its MAC address.',
  route: 'PATCH /vms/{vmId}/nics/{mac}',
  locks: ['vm'],
  input: {
    mac,
    network: NicInput.shape.network.optional(),
    address: NicInput.shape.address
      .unwrap()
      .optional()
      .describe('`auto`, or a fixed address; on another network `auto` when absent.'),
    connected: z.boolean().optional().describe('Whether its cable is plugged in.'),
  },
  rule: [
    ({ network, address, connected }) => network !== undefined || address !== undefined || connected !== undefined,
    { path: [], error: 'Nothing to change. Name a network, an address, or whether it is connected.' },
  ],
  change: (nic) => ({ changeNics: [nic] }),
  places: [
    ['/changeNics/0/mac', 'mac'],
    ['/changeNics/0', ''],
  ],
  problems: ['vm-not-found', 'wrong-state', 'device-not-found', 'network-not-found'],
});

export const removeNic = defineHardwareCommand({
  verb: 'vm.nic-remove',
  summary: 'Remove an interface, live where hypervisor and guest can.',
  route: 'DELETE /vms/{vmId}/nics/{mac}',
  locks: ['vm'],
  input: { mac },
  change: ({ mac: removed }) => ({ removeNics: [removed] }),
  places: [['/removeNics/0', 'mac']],
  problems: ['vm-not-found', 'wrong-state', 'device-not-found'],
});
