import { existsSync } from 'node:fs';
import { stateOfLibvirt } from '../machine/libvirt.ts';
import { presenceOf } from '../machine/packages.ts';
import type { StartOptions } from './options.ts';
import type { Machine } from './parts.ts';

/** Where the installer of Workstation puts its programs on Windows; the agent looks there too. */
const WINDOWS_VMRUN = [
  'C:\\Program Files\\VMware\\VMware Workstation\\vmrun.exe',
  'C:\\Program Files (x86)\\VMware\\VMware Workstation\\vmrun.exe',
  'C:\\Program Files (x86)\\VMware\\VMware Player\\vmrun.exe',
];

/** Finds out what the machine has; changes nothing. */
export async function lookAtMachine(
  caller: NodeJS.ProcessEnv,
  { install, hosts }: Pick<StartOptions, 'install' | 'hosts'>,
): Promise<Machine> {
  const { platform } = process;
  const uri = caller['POLYVIRT_LIBVIRT_URI'];
  const isElsewhere = Boolean(caller['POLYVIRT_LIBVIRT_SOCKET']) || (uri !== undefined && uri !== 'qemu:///system');
  const mayHaveKvm = platform === 'linux' && !isElsewhere && hosts?.includes('kvm') !== false;
  const [nats, kvm] = await Promise.all([
    presenceOf('nats', { install }),
    mayHaveKvm ? presenceOf('kvm', { install }) : ({ is: 'missing', names: ['virsh'] } as const),
  ]);
  return {
    platform,
    nats,
    kvm,
    libvirt: isElsewhere ? 'elsewhere' : mayHaveKvm ? await stateOfLibvirt() : 'away',
    vmrun: caller['POLYVIRT_VMRUN_PATH'] || (platform === 'win32' ? WINDOWS_VMRUN.find(existsSync) : undefined),
    prism: caller['POLYVIRT_PRISM_ADDRESS'] || undefined,
    wanted: hosts,
  };
}
