import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { keepForOwner } from './owner-only.ts';
import type { Run } from './program.ts';
import { installService, serviceStatus, systemdUnit, uninstallService, windowsTask } from './service.ts';

const options = {
  host: 'kvm-lab1',
  stateFolder: '/var/lib/polyvirt agent/100%',
  node: '/usr/bin/node',
  program: '/usr/lib/node_modules/@polyvirt/agent/dist/polyvirt-agent.mjs',
};

describe('the service of an agent', () => {
  let ran: string[] = [];
  const run: Run = async (program, args) => {
    ran.push([program, ...args].join(' '));
    return 'fine';
  };
  beforeEach(() => {
    ran = [];
  });

  it('is a unit of systemd that restarts the agent, leaves machines running, and quotes what it is given', () => {
    const unit = systemdUnit(options);
    expect(unit).toContain(
      'ExecStart="/usr/bin/node" "/usr/lib/node_modules/@polyvirt/agent/dist/polyvirt-agent.mjs" "run" "kvm-lab1" "--state" "/var/lib/polyvirt agent/100%%"',
    );
    for (const line of ['Restart=always', 'RestartPreventExitStatus=78', 'KillMode=process', 'UMask=0077'])
      expect(unit.split('\n')).toContain(line);
  });

  it('is a task of Windows that begins at log-on of the one user who sees the machines, with no time limit', () => {
    const task = windowsTask({ ...options, node: 'C:\\Program Files\\nodejs\\node.exe' }, 'LAB\\o"neill & sons');
    for (const part of ['<LogonTrigger>', '<UserId>LAB\\o&#34;neill &#38; sons</UserId>', 'PT0S', 'LeastPrivilege'])
      expect(task).toContain(part);
    expect(task).toContain('<Command>C:\\Program Files\\nodejs\\node.exe</Command>');
    expect(task).not.toMatch(/& |"neill/);
  });

  it('leaves nothing behind but its log, and no unit of another host', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyvirt-units-'));
    try {
      for (const host of ['a', 'b']) await installService({ ...options, host }, 'linux', run, folder);
      expect(await readdir(folder)).toEqual(['polyvirt-agent@a.service', 'polyvirt-agent@b.service']);
      await uninstallService('a', 'linux', run, folder);
      expect(await readdir(folder)).toEqual(['polyvirt-agent@b.service']);
      expect(ran.slice(0, 2)).toEqual(['systemctl daemon-reload', 'systemctl enable --now polyvirt-agent@a.service']);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is ended and looked at by the means of each', async () => {
    await uninstallService('a', 'linux', run, '/nowhere');
    await uninstallService('a', 'win32', run);
    expect(await serviceStatus('a', 'win32', run)).toBe('fine');
    expect(ran).toEqual([
      'systemctl disable --now polyvirt-agent@a.service',
      'systemctl daemon-reload',
      'schtasks.exe /End /TN Polyvirt agent of a',
      'schtasks.exe /Delete /TN Polyvirt agent of a /F',
      'schtasks.exe /Query /TN Polyvirt agent of a /FO LIST',
    ]);
    await expect(serviceStatus('a', 'darwin', run)).rejects.toThrow(/Services are for/);
  });
});

it('keys on Windows are for their owner and administrators; elsewhere the mode of the folder sees to it', async () => {
  const ran: (readonly string[])[] = [];
  const run: Run = async (program, args) => {
    ran.push([program, ...args]);
    return '';
  };
  await keepForOwner('/state', 'linux', run);
  await keepForOwner('C:\\ProgramData\\Polyvirt\\agent', 'win32', run, () => 'LAB\\ann');
  expect(ran).toEqual([
    [
      ...['icacls.exe', 'C:\\ProgramData\\Polyvirt\\agent', '/inheritance:r'],
      ...['/grant:r', 'LAB\\ann:(OI)(CI)F', '/grant:r', '*S-1-5-32-544:(OI)(CI)F'],
    ],
  ]);
});
