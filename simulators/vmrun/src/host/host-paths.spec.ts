import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostPaths } from './host-paths.ts';

describe('HostPaths', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'paths-'));
    mkdirSync(join(folder, 'VMs', 'Web'), { recursive: true });
    writeFileSync(join(folder, 'VMs', 'Web', 'web.vmx'), '');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves Linux paths alone', () => {
    const paths = new HostPaths('linux', {}, '');
    expect(paths.local('disk.vmdk', '/vms/web')).toBe('/vms/web/disk.vmdk');
    expect(paths.local('/other/disk.vmdk', '/vms/web')).toBe('/other/disk.vmdk');
    expect(paths.shown('/vms/web')).toBe('/vms/web');
    expect(paths.isAbsolute('C:\\x')).toBe(false);
  });

  it('finds Windows paths in any case and with either slash', () => {
    const paths = new HostPaths('windows', { C: folder }, join(folder, 'drives'));
    const file = join(folder, 'VMs', 'Web', 'web.vmx');
    for (const shown of ['C:\\VMs\\Web\\web.vmx', 'c:/vms/WEB/Web.VMX', 'C:\\vms\\.\\web\\web.vmx']) {
      expect(paths.local(shown)).toBe(file);
    }
    expect(paths.local('WEB.vmx', join(folder, 'VMs', 'Web'))).toBe(file);
    expect(paths.local('C:\\VMs\\new\\new.vmx')).toBe(join(folder, 'VMs', 'new', 'new.vmx'));
    expect(paths.shown(file)).toBe('C:\\VMs\\Web\\web.vmx');
    expect(paths.shown('/elsewhere/x.vmx')).toBe('/elsewhere/x.vmx');
    expect(paths.isAbsolute('D:\\x')).toBe(true);
    expect(paths.isAbsolute('x\\y')).toBe(false);
  });
});
