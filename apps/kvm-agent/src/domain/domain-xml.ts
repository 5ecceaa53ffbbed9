import type { CreateVm, Firmware } from '@polyvirt/contracts';
import { nvramPath } from '../lifecycle/state-files.ts';
import { buildXml, type Xml } from '../xml.ts';

/** Namespace of what we keep in the metadata of a domain, and its prefix there. */
export const METADATA_URI = 'https://polyvirt.dev/libvirt/1';
export const METADATA_PREFIX = 'polyvirt';

export type Acceleration = 'kvm' | 'qemu';

/** Disks and interfaces as the host has made or found them. */
export interface ResolvedMachine extends Pick<CreateVm, 'name' | 'cpus' | 'memoryMiB'> {
  readonly uuid: string;
  readonly acceleration: Acceleration;
  readonly firmware: Firmware;
  /** Paths of qcow2 volumes, in the order of the devices. */
  readonly disks: readonly string[];
  /** Paths of ISO images: the installation medium, the cloud-init seed. */
  readonly cdroms: readonly string[];
  readonly nics: readonly { network: string; mac: string }[];
  readonly createdAt: string;
}

/** Architecture and type of new machines. */
export const NEW_MACHINE = { arch: 'x86_64', type: 'q35' } as const;

/** So many virtual CPUs can be added while the machine runs. */
const HOTPLUG_CPUS = 8;
/** Free PCIe ports beyond the devices at birth: each takes one device that is plugged in while the machine runs. */
const FREE_PORTS = 8;
/** How often the balloon of a guest reports its memory, in seconds. */
export const BALLOON_PERIOD_SECONDS = 5;

/**
 * The definition of a new machine: q35, virtio, a serial console, a channel for the guest agent, and VNC on a socket that
 * libvirt makes for it alone: a port on loopback is open to every account of the host.
 */
export function buildDomainXml(machine: ResolvedMachine): string {
  const domain: Xml = {
    '@type': machine.acceleration,
    name: machine.name,
    uuid: machine.uuid,
    metadata: {
      'polyvirt:vm': {
        '@xmlns:polyvirt': METADATA_URI,
        'polyvirt:created': machine.createdAt,
      },
    },
    memory: { '@unit': 'MiB', '#text': String(machine.memoryMiB) },
    currentMemory: { '@unit': 'MiB', '#text': String(machine.memoryMiB) },
    vcpu: {
      '@placement': 'static',
      '@current': String(machine.cpus),
      '#text': String(Math.max(machine.cpus, HOTPLUG_CPUS)),
    },
    os: {
      ...(machine.firmware === 'uefi' ? { '@firmware': 'efi' } : {}),
      type: { '@arch': NEW_MACHINE.arch, '@machine': NEW_MACHINE.type, '#text': 'hvm' },
      ...(machine.firmware === 'uefi' ? { firmware: { feature: { '@enabled': 'no', '@name': 'secure-boot' } } } : {}),
      // Without a path libvirt finds the file by the name of the machine, which changes.
      ...(machine.firmware === 'uefi' ? { nvram: nvramPath(machine.uuid) } : {}),
      // An installation medium boots while the disk is blank, and is passed over once the disk boots.
      boot: [{ '@dev': 'hd' }, { '@dev': 'cdrom' }, { '@dev': 'network' }],
    },
    features: { acpi: '', apic: '' },
    // Without hardware virtualisation the default model lacks what today's distributions need to boot.
    cpu: { '@mode': machine.acceleration === 'kvm' ? 'host-model' : 'maximum' },
    clock: {
      '@offset': 'utc',
      timer: [
        { '@name': 'rtc', '@tickpolicy': 'catchup' },
        { '@name': 'pit', '@tickpolicy': 'delay' },
        { '@name': 'hpet', '@present': 'no' },
      ],
    },
    on_poweroff: 'destroy',
    on_reboot: 'restart',
    on_crash: 'destroy',
    devices: {
      disk: [
        ...machine.disks.map((path, index) => ({
          '@type': 'file',
          '@device': 'disk',
          driver: { '@name': 'qemu', '@type': 'qcow2', '@discard': 'unmap' },
          source: { '@file': path },
          target: { '@dev': diskDevice(index), '@bus': 'virtio' },
        })),
        ...machine.cdroms.map((path, index) => ({
          '@type': 'file',
          '@device': 'cdrom',
          driver: { '@name': 'qemu', '@type': 'raw' },
          source: { '@file': path },
          target: { '@dev': `sd${letter(index)}`, '@bus': 'sata' },
          readonly: '',
        })),
      ],
      controller: [
        { '@type': 'pci', '@index': '0', '@model': 'pcie-root' },
        ...Array.from({ length: machine.disks.length + machine.nics.length + FREE_PORTS }, (_, index) => ({
          '@type': 'pci',
          '@index': String(index + 1),
          '@model': 'pcie-root-port',
        })),
      ],
      interface: machine.nics.map(nicXml),
      serial: [{ '@type': 'pty', target: { '@port': '0' } }],
      console: [{ '@type': 'pty', target: { '@type': 'serial', '@port': '0' } }],
      channel: [{ '@type': 'unix', target: { '@type': 'virtio', '@name': 'org.qemu.guest_agent.0' } }],
      input: { '@type': 'tablet', '@bus': 'usb' },
      graphics: [{ '@type': 'vnc', listen: [{ '@type': 'socket' }] }],
      video: { model: { '@type': 'vga', '@vram': '16384' } },
      memballoon: { '@model': 'virtio', stats: { '@period': String(BALLOON_PERIOD_SECONDS) } },
      rng: { '@model': 'virtio', backend: { '@model': 'random', '#text': '/dev/urandom' } },
    },
  };
  return buildXml({ domain });
}

function nicXml({ network, mac }: { network: string; mac: string }): Xml {
  return {
    '@type': 'network',
    mac: { '@address': mac },
    source: { '@network': network },
    model: { '@type': 'virtio' },
  };
}

/** One interface, as it is plugged into a machine. */
export function buildNicXml(nic: { network: string; mac: string }): string {
  return buildXml({ interface: nicXml(nic) });
}

/** vda, vdb, …: a machine has at most 32 disks, so that two letters are enough. */
export function diskDevice(index: number): string {
  return index < 26 ? `vd${letter(index)}` : `vd${letter(Math.floor(index / 26) - 1)}${letter(index % 26)}`;
}

const letter = (index: number) => String.fromCharCode('a'.charCodeAt(0) + index);
