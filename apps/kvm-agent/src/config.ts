import { agentSettings } from '@polyvirt/agent-kit';
import { defineConfig, setting } from '@polyvirt/config';
import { z } from 'zod';

export const kvmAgentConfig = defineConfig({
  ...agentSettings,
  libvirtUri: setting({
    env: 'POLYVIRT_LIBVIRT_URI',
    schema: z.string().min(1),
    help: 'Where libvirt is: `qemu:///system`, or `qemu+tls://host/system`.',
    default: 'qemu:///system',
  }),
  libvirtSocket: setting({
    env: 'POLYVIRT_LIBVIRT_SOCKET',
    schema: z.string().startsWith('/').optional(),
    help: 'Socket of the daemon, when it is not where libvirt usually puts it.',
  }),
  acceleration: setting({
    env: 'POLYVIRT_ACCELERATION',
    schema: z.enum(['auto', 'kvm', 'qemu']),
    help: 'How new VMs run. `auto` is `kvm` where libvirt offers it and the CPU shows the extension, else `qemu`.',
    default: 'auto',
  }),
  storagePool: setting({
    env: 'POLYVIRT_STORAGE_POOL',
    schema: z.string().min(1),
    help: 'Storage pool of libvirt that new disks go to.',
    default: 'polyvirt',
  }),
  storagePath: setting({
    env: 'POLYVIRT_STORAGE_PATH',
    schema: z.string().startsWith('/'),
    help: 'Folder of the storage pool, when the agent has to make it.',
    default: '/var/lib/libvirt/polyvirt',
  }),
  imagePath: setting({
    env: 'POLYVIRT_IMAGE_PATH',
    schema: z.string().startsWith('/'),
    help: 'Folder of the images that VMs can be made from: `*.qcow2`, `*.img`, `*.raw`, `*.iso`.',
    default: '/var/lib/polyvirt/images',
  }),
});
