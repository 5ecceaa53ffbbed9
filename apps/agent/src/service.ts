import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { invalidConfigExitCode } from '@polyvirt/config';
import { Fault } from './fault.ts';
import { windowsUser } from './owner-only.ts';
import { runProgram, type Run } from './program.ts';

/** How the agent of a host is started by the machine itself. */
export interface ServiceOptions {
  readonly host: string;
  /** Where its key is. */
  readonly stateFolder: string;
  /** The Node.js that runs it, and the program. */
  readonly node: string;
  readonly program: string;
}

const unitFolder = '/etc/systemd/system';
const unitOf = (host: string): string => `polyvirt-agent@${host}.service`;
const taskOf = (host: string): string => `Polyvirt agent of ${host}`;

/** Quoted for a command line of a unit of systemd, where a percent sign and a dollar sign mean something. */
const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;

/** A unit for each host of this machine: they may have joined with another folder, or by another program. */
export const systemdUnit = ({ host, stateFolder, node, program }: ServiceOptions): string =>
  `[Unit]
Description=Polyvirt agent of ${host}
Documentation=file://${dirname(dirname(program))}/README.md
After=network-online.target libvirtd.service virtqemud.service
Wants=network-online.target

[Service]
Type=exec
ExecStart=${[node, program, 'run', host, '--state', stateFolder].map(quoted).join(' ')}
Restart=always
RestartSec=2
RestartPreventExitStatus=${invalidConfigExitCode}
# It gives operations 20 s to end.
TimeoutStopSec=60
# Machines go on running when the agent stops.
KillMode=process
UMask=0077

[Install]
WantedBy=multi-user.target
`;

const escaped = (text: string): string => text.replace(/[<>&"']/g, (letter) => `&#${letter.codePointAt(0)};`);

/**
 * A task of Windows that begins when its user logs on. Not a service: vmrun sees the machines of the user that runs it alone, and one
 * in session 0 finds none.
 */
export const windowsTask = ({ host, stateFolder, node, program }: ServiceOptions, user: string): string =>
  `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.4" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>${escaped(taskOf(host))}</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled><UserId>${escaped(user)}</UserId></LogonTrigger></Triggers>
  <Principals><Principal id="Author"><UserId>${escaped(user)}</UserId><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel></Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Hidden>true</Hidden>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author"><Exec><Command>${escaped(node)}</Command><Arguments>${escaped(`"${program}" run ${host} --state "${stateFolder}"`)}</Arguments></Exec></Actions>
</Task>
`;

/** Has the machine run the agent from now on; says how to look at it. */
export async function installService(
  options: ServiceOptions,
  platform = process.platform,
  run: Run = runProgram,
  folder = unitFolder,
): Promise<string> {
  const { host } = options;
  if (platform === 'win32') {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-task-'));
    const file = join(folder, 'task.xml');
    const user = windowsUser();
    try {
      await writeFile(file, `\ufeff${windowsTask(options, user)}`, 'utf16le');
      await run('schtasks.exe', ['/Create', '/TN', taskOf(host), '/XML', file, '/F']);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    await run('schtasks.exe', ['/Run', '/TN', taskOf(host)]);
    return `The agent of ${host} runs, and begins whenever ${user} logs on.`;
  }
  requireSystemd(platform);
  await writeFile(join(folder, unitOf(host)), systemdUnit(options));
  await run('systemctl', ['daemon-reload']);
  await run('systemctl', ['enable', '--now', unitOf(host)]);
  return `The agent of ${host} runs, and begins with the machine. Its log: journalctl -u ${unitOf(host)}`;
}

export async function uninstallService(
  host: string,
  platform = process.platform,
  run: Run = runProgram,
  folder = unitFolder,
): Promise<string> {
  if (platform === 'win32') {
    await run('schtasks.exe', ['/End', '/TN', taskOf(host)]);
    await run('schtasks.exe', ['/Delete', '/TN', taskOf(host), '/F']);
  } else {
    requireSystemd(platform);
    await run('systemctl', ['disable', '--now', unitOf(host)]);
    await rm(join(folder, unitOf(host)), { force: true });
    await run('systemctl', ['daemon-reload']);
  }
  return `The agent of ${host} has ended and is started no more.`;
}

export async function serviceStatus(host: string, platform = process.platform, run: Run = runProgram): Promise<string> {
  if (platform === 'win32') return run('schtasks.exe', ['/Query', '/TN', taskOf(host), '/FO', 'LIST']);
  requireSystemd(platform);
  return run('systemctl', ['show', unitOf(host), '--property', 'ActiveState,SubState,UnitFileState,MainPID']);
}

function requireSystemd(platform: NodeJS.Platform): void {
  if (platform !== 'linux')
    throw new Fault(
      'Services are for systemd and Windows. Elsewhere have `polyvirt-agent run` started by what starts programs there.',
    );
}
