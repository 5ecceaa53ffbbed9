import type { Presence } from '../machine/packages.ts';

export const hypervisors = ['kvm', 'vmware', 'nutanix'] as const;
export type Hypervisor = (typeof hypervisors)[number];

/** What matters of the machine, and of what whoever starts the stack has said. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly nats: Presence;
  readonly kvm: Presence;
  /** `startable`: it does not answer, and may be started here. `elsewhere`: a setting says where. */
  readonly libvirt: 'answers' | 'startable' | 'forbidden' | 'away' | 'elsewhere';
  /** Path of the real vmrun, given or found. */
  readonly vmrun?: string | undefined;
  /** Address of the real Prism, given. */
  readonly prism?: string | undefined;
  /** Only these are wanted. */
  readonly wanted?: readonly Hypervisor[] | undefined;
}

/** Something that this machine cannot carry. */
export interface Lack {
  readonly part: 'broker' | Hypervisor | 'tiny-linux';
  readonly why: string;
  /** What helps on this system. */
  readonly help: string;
}

export interface Parts {
  readonly hosts: readonly Hypervisor[];
  /** Real products; what is a host and not here is simulated. */
  readonly products: { readonly vmrun?: string | undefined; readonly prism?: string | undefined };
  /** Whether libvirt is that of this machine, and so is to be made ready. */
  readonly localLibvirt: boolean;
  readonly lacks: readonly Lack[];
}

/** Chooses what this machine can carry, and says of everything else why not and what helps. */
export function chooseParts(machine: Machine): Parts {
  const { vmrun, prism, libvirt, wanted = hypervisors } = machine;
  const lackOf: Record<Hypervisor, () => Lack | undefined> = {
    kvm: () => lackOfKvm(machine),
    vmware: () => lackOfVmware(machine),
    nutanix: () => undefined,
  };
  const lacks = [
    lackOfBroker(machine),
    ...hypervisors.filter((one) => wanted.includes(one)).map((one) => lackOf[one]()),
  ];
  const told = lacks.filter((lack) => lack !== undefined);
  const hosts = hypervisors.filter((one) => wanted.includes(one) && !told.some(({ part }) => part === one));
  return {
    hosts,
    products: { vmrun, prism },
    localLibvirt: hosts.includes('kvm') && libvirt !== 'elsewhere',
    lacks: told,
  };
}

function lackOfBroker({ platform, nats }: Machine): Lack | undefined {
  if (nats.is !== 'missing') return undefined;
  return {
    part: 'broker',
    why: 'nats-server is not installed, or not on the PATH. Nothing works without it.',
    help: nats.command ?? natsSource(platform),
  };
}

function natsSource(platform: NodeJS.Platform): string {
  if (platform === 'win32') return 'winget install NATSAuthors.NATSServer    (then open a new terminal)';
  if (platform === 'darwin') return 'brew install nats-server';
  return "install nats-server 2.9 or newer with your system's package manager, or from https://nats.io/download/";
}

function lackOfKvm({ platform, kvm, libvirt }: Machine): Lack | undefined {
  const lack = (why: string, help: string): Lack => ({ part: 'kvm', why, help });
  // The agent speaks to the daemon's socket itself: nothing has to be here.
  if (libvirt === 'elsewhere') return undefined;
  if (platform !== 'linux') {
    return lack(
      'KVM exists on Linux only.',
      'an agent on a Linux machine; or POLYVIRT_LIBVIRT_URI=qemu+tcp://<host>/system npm start',
    );
  }
  if (kvm.is === 'missing') {
    return lack(
      `These programs are not installed, or not on the PATH: ${kvm.names.join(', ')}.`,
      kvm.command ?? "install libvirt with virsh, and QEMU, with your system's package manager",
    );
  }
  if (libvirt === 'forbidden') {
    return lack(
      'libvirt runs, but you may not open its socket: you are not in the group libvirt.',
      'sudo usermod -aG libvirt $USER    (then log in again)',
    );
  }
  if (libvirt === 'away') return lack('libvirt does not run.', 'sudo systemctl start libvirtd');
  return undefined;
}

function lackOfVmware({ platform, vmrun }: Machine): Lack | undefined {
  // The simulator is a program for a UNIX shell.
  if (vmrun !== undefined || platform !== 'win32') return undefined;
  return {
    part: 'vmware',
    why: 'VMware Workstation was not found, and its simulator does not run on Windows.',
    help: 'install VMware Workstation; or, where it is in another folder: $env:POLYVIRT_VMRUN_PATH = "D:\\...\\vmrun.exe"; npm start',
  };
}
