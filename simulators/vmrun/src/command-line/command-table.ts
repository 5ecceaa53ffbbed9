import type { HostCommand, MachineCommand } from './call.ts';

interface Described {
  name: string;
  /** True for a command that has the VM to itself while it works. */
  changes: boolean;
}

export type CommandEntry =
  | (Described & { on: 'host'; load: () => Promise<HostCommand> })
  | (Described & { on: 'vm'; load: () => Promise<MachineCommand> });

type Module<K extends string, C> = () => Promise<Record<K, C>>;

const vm = <K extends string>(
  name: string,
  module: Module<K, MachineCommand>,
  key: K,
  changes = true,
): CommandEntry => ({
  name,
  changes,
  on: 'vm',
  load: async () => (await module())[key],
});

const host = <K extends string>(
  name: string,
  module: Module<K, HostCommand>,
  key: K,
  changes = true,
): CommandEntry => ({
  name,
  changes,
  on: 'host',
  load: async () => (await module())[key],
});

// A command loads its own family only: vmrun is called often and has to start quickly.
const power = () => import('../commands/power.ts');
const snapshots = () => import('../commands/snapshots.ts');
const adapters = () => import('../commands/network-adapters.ts');
const networks = () => import('../commands/host-networks.ts');
const programs = () => import('../commands/guest-programs.ts');
const files = () => import('../commands/guest-files.ts');
const tools = () => import('../commands/tools.ts');
const folders = () => import('../commands/shared-folders.ts');
const devices = () => import('../commands/devices.ts');
const variables = () => import('../commands/variables.ts');
const screen = () => import('../commands/screen.ts');
const general = () => import('../commands/general.ts');
const listing = () => import('../commands/list.ts');
const cloning = () => import('../commands/clone.ts');

const COMMANDS: CommandEntry[] = [
  vm('start', power, 'start'),
  vm('stop', power, 'stop'),
  vm('reset', power, 'reset'),
  vm('suspend', power, 'suspend'),
  vm('pause', power, 'pause'),
  vm('unpause', power, 'unpause'),

  vm('listSnapshots', snapshots, 'listSnapshots', false),
  vm('snapshot', snapshots, 'snapshot'),
  vm('deleteSnapshot', snapshots, 'deleteSnapshot'),
  vm('revertToSnapshot', snapshots, 'revertToSnapshot'),

  vm('listNetworkAdapters', adapters, 'listNetworkAdapters', false),
  vm('addNetworkAdapter', adapters, 'addNetworkAdapter'),
  vm('setNetworkAdapter', adapters, 'setNetworkAdapter'),
  vm('deleteNetworkAdapter', adapters, 'deleteNetworkAdapter'),

  host('listHostNetworks', networks, 'listHostNetworks', false),
  host('listPortForwardings', networks, 'listPortForwardings', false),
  host('setPortForwarding', networks, 'setPortForwarding'),
  host('deletePortForwarding', networks, 'deletePortForwarding'),

  vm('runProgramInGuest', programs, 'runProgramInGuest', false),
  vm('runScriptInGuest', programs, 'runScriptInGuest', false),
  vm('listProcessesInGuest', programs, 'listProcessesInGuest', false),
  vm('killProcessInGuest', programs, 'killProcessInGuest', false),

  vm('fileExistsInGuest', files, 'fileExists', false),
  vm('directoryExistsInGuest', files, 'directoryExists', false),
  vm('deleteFileInGuest', files, 'deleteFile', false),
  vm('createDirectoryInGuest', files, 'createDirectory', false),
  vm('deleteDirectoryInGuest', files, 'deleteDirectory', false),
  vm('listDirectoryInGuest', files, 'listDirectory', false),
  vm('CreateTempfileInGuest', files, 'createTemporaryFile', false),
  vm('CopyFileFromHostToGuest', files, 'copyFromHost', false),
  vm('CopyFileFromGuestToHost', files, 'copyToHost', false),
  vm('renameFileInGuest', files, 'renameFile', false),

  vm('addSharedFolder', folders, 'addSharedFolder'),
  vm('removeSharedFolder', folders, 'removeSharedFolder'),
  vm('setSharedFolderState', folders, 'setSharedFolderState'),
  vm('enableSharedFolders', folders, 'enableSharedFolders'),
  vm('disableSharedFolders', folders, 'disableSharedFolders'),

  vm('connectNamedDevice', devices, 'connectNamedDevice'),
  vm('disconnectNamedDevice', devices, 'disconnectNamedDevice'),
  vm('writeVariable', variables, 'writeVariable', false),
  vm('readVariable', variables, 'readVariable', false),
  vm('typeKeystrokesInGuest', screen, 'typeKeystrokes', false),
  vm('captureScreen', screen, 'captureScreen', false),

  vm('getGuestIPAddress', tools, 'getGuestIPAddress', false),
  vm('checkToolsState', tools, 'checkToolsState', false),
  vm('installTools', tools, 'installTools'),

  host('list', listing, 'list', false),
  vm('upgradevm', general, 'upgradeVm'),
  vm('deleteVM', general, 'deleteVm'),
  vm('clone', cloning, 'clone'),
  host('downloadPhotonVM', general, 'downloadPhotonVm'),
];

/** Commands are known in any case. */
export function findCommand(word: string): CommandEntry | undefined {
  return COMMANDS.find((entry) => entry.name.toLowerCase() === word.toLowerCase());
}
