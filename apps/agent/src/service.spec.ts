import { describe, expect, it } from '@jest/globals';
import { serviceStatus, systemdUnit, uninstallService, windowsTask, type Run } from './service.ts';

const options = {
  host: 'kvm-lab1',
  stateFolder: '/var/lib/polyvirt agent/100%',
  node: '/usr/bin/node',
  program: '/usr/lib/node_modules/@polyvirt/agent/dist/polyvirt-agent.mjs',
};

describe('the service of an agent', () => {
  it('is a unit of systemd that restarts the agent, leaves machines running, and quotes what it is given', () => {
    const unit = systemdUnit(options);
    expect(unit).toContain(
      'ExecStart="/usr/bin/node" "/usr/lib/node_modules/@polyvirt/agent/dist/polyvirt-agent.mjs" "run" %i --state "/var/lib/polyvirt agent/100%%"',
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

  it('is ended and looked at by the means of each', async () => {
    const ran: string[] = [];
    const run: Run = async (program, args) => {
      ran.push([program, ...args].join(' '));
      return 'fine';
    };
    await uninstallService('a', 'linux', run);
    await uninstallService('a', 'win32', run);
    expect(await serviceStatus('a', 'win32', run)).toBe('fine');
    expect(ran).toEqual([
      'systemctl disable --now polyvirt-agent@a.service',
      'schtasks.exe /End /TN Polyvirt agent of a',
      'schtasks.exe /Delete /TN Polyvirt agent of a /F',
      'schtasks.exe /Query /TN Polyvirt agent of a /FO LIST',
    ]);
    await expect(serviceStatus('a', 'darwin', run)).rejects.toThrow(/Services are for/);
  });
});
