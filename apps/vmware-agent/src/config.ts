import { agentSettings } from '@polyvirt/agent-kit';
import { defineConfig, setting } from '@polyvirt/config';
import { z } from 'zod';

const folder = z.string().min(1);

export const vmwareAgentConfig = defineConfig({
  ...agentSettings,
  simulated: setting({
    env: 'POLYVIRT_SIMULATED',
    schema: z.stringbool(),
    help: 'Whether a simulator stands in for Workstation. The host is then marked as such everywhere.',
    default: false,
  }),
  vmrunPath: setting({
    env: 'POLYVIRT_VMRUN_PATH',
    schema: folder.optional(),
    help: 'Path of `vmrun`, when it is not where Workstation usually puts it. Its other programs are looked for beside it.',
  }),
  vmFolder: setting({
    env: 'POLYVIRT_VM_PATH',
    schema: folder.optional(),
    help: 'Folder that new VMs are made in, and whose VMs are shown. By default the one that Workstation suggests.',
  }),
  otherFolders: setting({
    env: 'POLYVIRT_VM_MORE_PATHS',
    schema: z
      .string()
      .transform((text) => text.split(';').filter((path) => path.trim() !== ''))
      .optional(),
    help: 'More folders whose VMs are shown, separated by semicolons.',
  }),
  templateFolder: setting({
    env: 'POLYVIRT_TEMPLATE_PATH',
    schema: folder.optional(),
    help: 'Folder of the VMs that are templates. By default `Templates` in the folder of VMs.',
  }),
  templateClone: setting({
    env: 'POLYVIRT_TEMPLATE_CLONE',
    schema: z.enum(['full', 'linked']),
    help: 'How a VM is made from a template: with disks of its own, or sharing those of the template.',
    default: 'full',
  }),
  imagePath: setting({
    env: 'POLYVIRT_IMAGE_PATH',
    schema: folder.optional(),
    help: 'Folder of the images that VMs can be made from: `*.vmdk`, `*.iso`, and with qemu-img `*.qcow2`, `*.img`, `*.raw`. By default `Images` in the folder of VMs.',
  }),
  guestOs: setting({
    env: 'POLYVIRT_GUEST_OS',
    schema: z.string().regex(/^[A-Za-z0-9-]+$/),
    help: 'The `guestOS` of new VMs, as Workstation calls it: `ubuntu-64`, `windows11-64`.',
    default: 'other-64',
  }),
  hardwareVersion: setting({
    env: 'POLYVIRT_HARDWARE_VERSION',
    schema: z.coerce.number().int().min(8).max(99).optional(),
    help: 'Virtual hardware version of new VMs. By default the newest that the installed release is known to run.',
  }),
  maxCalls: setting({
    env: 'POLYVIRT_VMRUN_CALLS',
    schema: z.coerce.number().int().min(2).max(32),
    help: 'How many calls of vmrun and its companions run at once.',
    default: 4,
  }),
  codePage: setting({
    env: 'POLYVIRT_VMRUN_CODE_PAGE',
    schema: z.string().min(1),
    help: 'Encoding in which vmrun prints what is not UTF-8: on Windows the ANSI code page of the system.',
    default: 'windows-1252',
  }),
  inventoryFile: setting({
    env: 'POLYVIRT_VMWARE_INVENTORY',
    schema: folder.optional(),
    help: 'The `inventory.vmls` of the user who runs Workstation, when that is not where it usually is.',
  }),
  networkFolder: setting({
    env: 'POLYVIRT_VMWARE_NETWORKS',
    schema: folder.optional(),
    help: 'Folder of the configuration and leases of the virtual networks, when that is not where it usually is.',
  }),
});
