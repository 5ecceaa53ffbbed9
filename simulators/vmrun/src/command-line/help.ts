import type { Knobs } from '../knobs/catalogue.ts';

/** The banner: empty line, version, empty line. Clients look for `vmrun version`, at no fixed line. */
export function banner(knobs: Knobs): string[] {
  return [...Array<string>(knobs.bannerBlankLines).fill(''), `vmrun version ${knobs.vmrunVersion}`, ''];
}

export function help(knobs: Knobs): string[] {
  return [...banner(knobs), ...USAGE];
}

const section = (title: string, rows: [string, string?, string?][]) => [
  '',
  title,
  '-'.repeat(title.length),
  ...rows.map(([command, parameters = '', about = '']) =>
    `${command.padEnd(25)}${parameters.padEnd(25)}${about}`.trimEnd(),
  ),
  '',
];

const VMX = 'Path to vmx file';

const USAGE = [
  'Usage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]',
  '',
  '',
  'AUTHENTICATION-FLAGS',
  '--------------------',
  'These must appear before the command and any command parameters.',
  '',
  '   -T <hostType> (ws|fusion||player)',
  '   -vp <password for encrypted virtual machine>',
  '   -gu <userName in guest OS>',
  '   -gp <password in guest OS>',
  '',
  ...section('POWER COMMANDS', [
    ['start', VMX, '[gui|nogui]'],
    ['stop', VMX, '[hard|soft]'],
    ['reset', VMX, '[hard|soft]'],
    ['suspend', VMX, '[hard|soft]'],
    ['pause', VMX],
    ['unpause', VMX],
  ]),
  ...section('SNAPSHOT COMMANDS', [
    ['listSnapshots', VMX, '[showTree]'],
    ['snapshot', VMX, 'Snapshot name'],
    ['deleteSnapshot', VMX, 'Snapshot name [andDeleteChildren]'],
    ['revertToSnapshot', VMX, 'Snapshot name'],
  ]),
  ...section('NETWORK ADAPTER COMMANDS', [
    ['listNetworkAdapters', VMX],
    ['addNetworkAdapter', VMX, 'Adapter type [Host network]'],
    ['setNetworkAdapter', VMX, 'Adapter index, adapter type [Host network]'],
    ['deleteNetworkAdapter', VMX, 'Adapter index'],
  ]),
  ...section('HOST NETWORK COMMANDS', [
    ['listHostNetworks'],
    ['listPortForwardings', 'Host network name'],
    ['setPortForwarding', 'Host network name', 'Protocol, host port, guest address, guest port [Description]'],
    ['deletePortForwarding', 'Host network name', 'Protocol, host port'],
  ]),
  ...section('GUEST OS COMMANDS', [
    ['runProgramInGuest', VMX, '[-noWait] [-activeWindow] [-interactive] Program [Arguments]'],
    ['fileExistsInGuest', VMX, 'File in guest'],
    ['directoryExistsInGuest', VMX, 'Directory in guest'],
    ['setSharedFolderState', VMX, 'Share name, host path, writable | readonly'],
    ['addSharedFolder', VMX, 'Share name, host path'],
    ['removeSharedFolder', VMX, 'Share name'],
    ['enableSharedFolders', VMX, '[runtime]'],
    ['disableSharedFolders', VMX, '[runtime]'],
    ['listProcessesInGuest', VMX],
    ['killProcessInGuest', VMX, 'Process id'],
    ['runScriptInGuest', VMX, '[-noWait] [-activeWindow] [-interactive] Interpreter, script text'],
    ['deleteFileInGuest', VMX, 'File in guest'],
    ['createDirectoryInGuest', VMX, 'Directory in guest'],
    ['deleteDirectoryInGuest', VMX, 'Directory in guest'],
    ['CreateTempfileInGuest', VMX],
    ['listDirectoryInGuest', VMX, 'Directory in guest'],
    ['CopyFileFromHostToGuest', VMX, 'Path on host, path in guest'],
    ['CopyFileFromGuestToHost', VMX, 'Path in guest, path on host'],
    ['renameFileInGuest', VMX, 'Old name, new name'],
    ['typeKeystrokesInGuest', VMX, 'Keystrokes'],
    ['connectNamedDevice', VMX, 'Device name'],
    ['disconnectNamedDevice', VMX, 'Device name'],
    ['captureScreen', VMX, 'Path on host'],
    ['writeVariable', VMX, '[runtimeConfig|guestEnv|guestVar] name, value'],
    ['readVariable', VMX, '[runtimeConfig|guestEnv|guestVar] name'],
    ['getGuestIPAddress', VMX, '[-wait]'],
  ]),
  ...section('GENERAL COMMANDS', [
    ['list'],
    ['upgradevm', VMX],
    ['installTools', VMX],
    ['checkToolsState', VMX],
    ['deleteVM', VMX],
    ['clone', VMX, 'Path of new vmx, full|linked [-snapshot=Name] [-cloneName=Name]'],
  ]),
  ...section('Template VM COMMANDS', [['downloadPhotonVM', 'Folder for the new VM']]),
  '',
  'Examples:',
  '',
  'Start a virtual machine without a window:',
  '   vmrun -T ws start "/vms/web/web.vmx" nogui',
  '',
  'Run a program in a guest:',
  '   vmrun -T ws -gu user -gp secret runProgramInGuest "/vms/web/web.vmx" /bin/true',
  '',
];
