import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ProblemError } from '@polyvirt/contracts';

export type Platform = 'linux' | 'windows' | 'macos';

export const platformOfThisMachine = (): Platform =>
  process.platform === 'win32' ? 'windows' : process.platform === 'darwin' ? 'macos' : 'linux';

/** Where the programs of the product are. */
export interface Programs {
  readonly vmrun: string;
  readonly diskManager: string;
  /** Only from Workstation 17 on. */
  readonly vmcli: string | undefined;
  readonly vmware: string | undefined;
}

/** Where the product keeps what the agent reads. */
export interface Places {
  /** VMs that its window knows. */
  readonly inventory: string;
  /** Folder of the virtual networks' configuration and leases. */
  readonly networks: string;
}

const folders: Readonly<Record<Platform, readonly string[]>> = {
  windows: [
    'C:\\Program Files\\VMware\\VMware Workstation',
    'C:\\Program Files (x86)\\VMware\\VMware Workstation',
    'C:\\Program Files (x86)\\VMware\\VMware Player',
  ],
  linux: ['/usr/bin', '/usr/local/bin'],
  macos: [
    '/Applications/VMware Fusion.app/Contents/Public',
    '/Applications/VMware Fusion.app/Contents/Library',
    '/usr/local/bin',
  ],
};

/** `vmrunPath` is the operator's word; without it the folders of the platform are tried. Throws `host-offline` for nothing. */
export async function findPrograms(platform: Platform, vmrunPath: string | undefined): Promise<Programs> {
  const ending = platform === 'windows' ? '.exe' : '';
  const candidates =
    vmrunPath === undefined ? folders[platform].map((folder) => join(folder, `vmrun${ending}`)) : [vmrunPath];
  for (const vmrun of candidates) {
    if (!(await isProgram(vmrun))) continue;
    const beside = async (name: string) => {
      const paths = [
        join(dirname(vmrun), `${name}${ending}`),
        ...folders[platform].map((one) => join(one, `${name}${ending}`)),
      ];
      for (const path of paths) if (await isProgram(path)) return path;
      return undefined;
    };
    const diskManager = await beside('vmware-vdiskmanager');
    if (diskManager === undefined)
      throw new ProblemError(
        'host-offline',
        `There is no vmware-vdiskmanager beside ${vmrun}. Repair the installation of VMware Workstation.`,
      );
    return { vmrun, diskManager, vmcli: await beside('vmcli'), vmware: await beside('vmware') };
  }
  throw new ProblemError(
    'host-offline',
    vmrunPath === undefined
      ? `VMware Workstation is not installed here: there is no vmrun in ${folders[platform].join(delimiter)}. Install it, or set POLYVIRT_VMRUN_PATH.`
      : `There is no program ${vmrunPath}. Set POLYVIRT_VMRUN_PATH to the vmrun of VMware Workstation.`,
  );
}

export function usualPlaces(platform: Platform): Places {
  const home = homedir();
  switch (platform) {
    case 'windows':
      return {
        inventory: join(home, 'AppData', 'Roaming', 'VMware', 'inventory.vmls'),
        networks: 'C:\\ProgramData\\VMware',
      };
    case 'macos':
      return {
        inventory: join(home, 'Library', 'Application Support', 'VMware Fusion', 'vmInventory'),
        networks: '/Library/Preferences/VMware Fusion',
      };
    case 'linux':
      return { inventory: join(home, '.vmware', 'inventory.vmls'), networks: '/etc/vmware' };
  }
}

/** The usual folder of VMs. */
export function usualVmFolder(platform: Platform): string {
  const home = homedir();
  return platform === 'linux'
    ? join(home, 'vmware')
    : join(home, platform === 'windows' ? join('Documents', 'Virtual Machines') : 'Virtual Machines.localized');
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
