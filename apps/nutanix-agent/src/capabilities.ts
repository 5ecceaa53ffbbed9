import { capabilitiesWithout, type Absences } from '@polyvirt/hypervisor';

/** What AHV VMs cannot do by the API of Prism Central, in the words in which it is refused. */
export const absences = {
  suspend: 'The API of Prism Central neither suspends nor pauses AHV VMs. Stop them, or take a snapshot.',
  'console.text': 'Prism Central offers the screen of a VM and not its serial port. Open the graphical console.',
  volumes: 'AHV keeps no disk without a VM: a disk that is taken from its VM is deleted.',
  'reconfigure.keepDisks':
    'AHV keeps no disk without a VM. Say that it is to be deleted (keep=false), or make an image of it in Prism Central first.',
  'reconfigure.attachVolumes': 'AHV keeps no disk without a VM, so there is none to attach. Add one from an image.',
  'reconfigure.autostart':
    'AHV has no such setting: after a restart of a host it starts the VMs that were on, by high availability.',
  'reconfigure.dropPending': 'AHV takes every change at once: nothing ever waits.',
  'clone.running': 'AHV VMs are cloned while they are off. Stop the VM first, or clone a snapshot of it.',
  'snapshots.memory':
    'A recovery point of Nutanix holds disks and no memory. Ask for a snapshot without memory, or stop the VM first.',
  'networks.ipv6': 'Prism Central gives out IPv4 addresses only.',
} as const satisfies Absences;

export const capabilities = capabilitiesWithout(absences);
