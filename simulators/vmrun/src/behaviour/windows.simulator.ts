import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

describe('Windows style', () => {
  let bench: Workbench;
  let vmx: string;
  beforeEach(async () => {
    bench = new Workbench();
    bench.set({ style: 'windows', drives: { C: bench.folder } });
    bench.vm('web');
    vmx = 'C:\\web\\web.vmx';
  });
  afterEach(() => bench.close());

  it('prints CRLF and Windows paths', async () => {
    await bench.vmrun('start', vmx, 'nogui');
    expect((await bench.vmrun('list')).stdout).toBe(`Total running VMs: 1\r\n${vmx}\r\n`);
    expect((await bench.vmrun('stop', 'c:/web/WEB.VMX', 'soft')).exit).toBe(0);
    const asked = 'c:/web/WEB.VMX';
    expect((await bench.vmrun('stop', asked, 'hard')).stdout).toBe(
      `Error: The virtual machine is not powered on: ${asked}\r\n`,
    );
  });

  it('names its process vmware-vmx.exe and ends its command line with the Windows path', async () => {
    await bench.vmrun('start', vmx, 'nogui');
    const pid = bench.pidOf(join(bench.folder, 'web/web.vmx'));
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    expect(commandLine[0]).toMatch(/\\x64\\vmware-vmx\.exe$/);
    expect(commandLine.at(-1)).toBe(vmx);
  });

  it('prints in the ANSI code page', async () => {
    bench.set({ style: 'windows', drives: { C: bench.folder }, codePage: 'gbk' });
    const folder = join(bench.folder, '虚拟机');
    renameSync(join(bench.folder, 'web'), folder);
    await bench.vmrun('start', 'C:\\虚拟机\\web.vmx', 'nogui');
    const { bytes } = await bench.vmrun('list');
    expect(new TextDecoder('gbk').decode(bytes)).toBe('Total running VMs: 1\r\nC:\\虚拟机\\web.vmx\r\n');
    expect(bytes.includes(Buffer.from('虚', 'utf8'))).toBe(false);
  });

  it('writes Windows paths where files refer to each other, and follows them', async () => {
    await bench.vmrun('snapshot', vmx, 'base');
    expect((await bench.vmrun('clone', vmx, 'C:\\copy\\copy.vmx', 'linked', '-snapshot=base')).exit).toBe(0);
    const metadata = bench.read(join(bench.folder, 'copy/copy.vmsd'));
    expect(metadata.get('cloneOf0')).toBe(vmx);
    expect((await bench.vmrun('start', 'C:\\COPY\\copy.vmx', 'nogui')).exit).toBe(0);
    expect((await bench.vmrun('stop', 'C:\\copy\\copy.vmx', 'hard')).exit).toBe(0);
    expect((await bench.vmrun('clone', 'C:\\copy\\copy.vmx', 'C:\\flat\\flat.vmx', 'full')).exit).toBe(0);
  });

  it('keeps its networks and leases where Windows has them', async () => {
    await bench.vmrun('start', vmx, 'nogui');
    const address = (await bench.vmrun('getGuestIPAddress', vmx)).stdout.trim();
    const folder = join(bench.home, 'ProgramData', 'VMware');
    expect(readFileSync(join(folder, 'vmnetdhcp.leases'), 'utf8')).toContain(`lease ${address} {`);
    expect((await bench.vmrun('listHostNetworks')).lines).toHaveLength(5);
    await bench.vmrun('setPortForwarding', 'vmnet8', 'udp', '5353', address, '53', 'dns');
    expect(readFileSync(join(folder, 'vmnetnat.conf'), 'utf8')).toContain(
      `[incomingudp]\r\n# udp 5353: dns\r\n5353 = ${address}:53\r\n`,
    );
    expect((await bench.vmrun('listPortForwardings', 'vmnet8')).lines.at(-1)).toMatch(/^0 +udp +5353 .* dns$/);
    await bench.vmrun('deletePortForwarding', 'vmnet8', 'udp', '5353');
    expect((await bench.vmrun('listPortForwardings', 'vmnet8')).stdout).toBe('Total port forwardings: 0\r\n');
  });

  it('has a folder for a drive that nobody mapped', async () => {
    const drive = join(bench.home, 'simulator', 'drives', 'd');
    mkdirSync(join(drive, 'vms'), { recursive: true });
    const reply = await bench.vdiskmanager('-c', '-s', '64MB', '-a', 'ide', '-t', '0', 'D:\\vms\\disk.vmdk');
    expect(reply.exit).toBe(0);
    expect(existsSync(join(drive, 'vms', 'disk.vmdk'))).toBe(true);
  });

  it('remembers what the GUI opened: in the inventory, or in the preferences of Player', async () => {
    await bench.vmrun('start', vmx, 'gui');
    const inventory = bench.read(join(bench.home, 'inventory.vmls'));
    expect(inventory.get('vmlist1.config')).toBe(vmx);
    expect(inventory.get('vmlist1.DisplayName')).toBe('web');
    bench.set({ style: 'windows', drives: { C: bench.folder }, product: 'player' });
    const other = bench.vm('other');
    expect((await bench.run('vmrun', ['-T', 'player', 'start', 'C:\\other\\other.vmx', 'gui'])).exit).toBe(0);
    expect(dirname(other)).toContain('other');
    expect(bench.read(join(bench.home, 'preferences.ini')).get('pref.mruVM0.filename')).toBe('C:\\other\\other.vmx');
  });
});
