import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Workbench } from '../testing/workbench.ts';

// Numbers are the rows of the reference's golden transcripts.
jest.setTimeout(120_000);

describe('vmrun as a program', () => {
  let bench: Workbench;
  beforeEach(() => {
    bench = new Workbench();
  });
  afterEach(() => bench.close());

  it('1: prints an empty line, its version and its usage when it is asked for nothing', async () => {
    const { exit, lines, stderr } = await bench.run('vmrun', []);
    expect(lines.slice(0, 4)).toEqual([
      '',
      'vmrun version 1.17.0.24995812',
      '',
      'Usage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]',
    ]);
    expect(lines).toContain('These must appear before the command and any command parameters.');
    const headings = lines.filter((line) => /^[A-Z][A-Za-z-]* ?[A-Z]* ?(COMMANDS|FLAGS)$|-FLAGS$/.test(line));
    expect(headings[0]).toBe('AUTHENTICATION-FLAGS');
    expect(headings.at(-1)).toBe('Template VM COMMANDS');
    expect([exit, stderr]).toEqual([255, '']);
  });

  it('1: prints the same when only flags are given', async () => {
    expect((await bench.run('vmrun', ['-T', 'ws'])).lines[1]).toBe('vmrun version 1.17.0.24995812');
  });

  it('1: has other spellings of its version and other exit codes by knob', async () => {
    bench.set({ vmrunVersion: '1.17.0 build-17801498', bannerBlankLines: 2, bareExit: 0 });
    const { exit, lines } = await bench.run('vmrun', ['-T', 'ws']);
    expect(lines[2]).toBe('vmrun version 1.17.0 build-17801498');
    expect(exit).toBe(0);
  });

  it('2: complains about an unknown flag and prints its help', async () => {
    const { exit, lines } = await bench.run('vmrun', ['--help']);
    expect(lines[0]).toBe('Invalid argument: --help');
    expect(lines[2]).toBe('vmrun version 1.17.0.24995812');
    expect(exit).toBe(255);
  });

  it('3: lists no VMs', async () => {
    const { exit, stdout, stderr } = await bench.vmrun('list');
    expect([exit, stdout, stderr]).toEqual([0, 'Total running VMs: 0\n', '']);
  });

  it('4, 5: lists running VMs by path, oldest first, with or without -T', async () => {
    const [one, two] = [await bench.runningVm('one'), await bench.runningVm('two')];
    const expected = `Total running VMs: 2\n${one}\n${two}\n`;
    expect((await bench.vmrun('list')).stdout).toBe(expected);
    expect((await bench.run('vmrun', ['list'])).stdout).toBe(expected);
  });

  it('6: has no Workstation where only Player is installed', async () => {
    bench.set({ product: 'player' });
    const { exit, lines } = await bench.vmrun('list');
    expect(lines).toEqual([
      'Unable to connect to host.',
      'Error: Service type VIX_SERVICEPROVIDER_VMWARE_WORKSTATION was specified, but not installed',
    ]);
    expect(exit).toBe(255);
    expect((await bench.run('vmrun', ['-T', 'player', 'list'])).exit).toBe(0);
    expect((await bench.run('vmrun', ['list'])).exit).toBe(0);
  });

  it('7: refuses an unknown host type', async () => {
    const { exit, lines } = await bench.run('vmrun', ['-T', 'xx', 'list']);
    expect([exit, lines]).toEqual([255, ["Invalid host type 'xx' specified"]]);
    bench.set({ product: 'fusion' });
    expect((await bench.run('vmrun', ['-T', 'player', 'list'])).lines).toEqual([
      "Invalid host type 'player' specified",
    ]);
  });

  it('52: lists the networks of the host', async () => {
    const { exit, lines } = await bench.vmrun('listHostNetworks');
    expect(lines).toEqual([
      'Total host networks: 3',
      'INDEX  NAME         TYPE         DHCP         SUBNET           MASK',
      '0      vmnet0       bridged      false        empty            empty',
      '1      vmnet1       hostOnly     true         172.16.11.0      255.255.255.0',
      '8      vmnet8       nat          true         192.168.3.0      255.255.255.0',
    ]);
    expect(exit).toBe(0);
  });

  it('55: does not know a word', async () => {
    const { exit, lines } = await bench.vmrun('frobnicate', '/x/y.vmx');
    expect([exit, lines]).toEqual([255, ['Error: Unrecognized command: frobnicate']]);
  });

  it('56: needs a path', async () => {
    const { exit, lines } = await bench.vmrun('start');
    expect(lines[0]).toMatch(/^Error: No Vm name provided/);
    expect(exit).toBe(255);
  });

  it('57: prints the version of the product', async () => {
    const { exit, stdout } = await bench.run('vmware', ['-v']);
    expect([exit, stdout]).toEqual([0, 'VMware Workstation 17.6.3 build-24583834\n']);
    bench.set({ productVersion: '25H2', productBuild: '24995812' });
    expect((await bench.run('vmware', ['-v'])).stdout).toBe('VMware Workstation 25H2 build-24995812\n');
  });

  it('63, 70: vmcli tells the power state, and misses a .vmx on stderr', async () => {
    const vmx = bench.vm('web');
    expect((await bench.run('vmcli', [vmx, 'power', 'query', '-f', 'json'])).stdout).toBe('{"PowerState":"off"}\n');
    await bench.vmrun('start', vmx, 'nogui');
    expect((await bench.run('vmcli', ['Power', 'query', '-f', 'json', vmx])).stdout).toBe('{"PowerState":"on"}\n');
    await bench.vmrun('pause', vmx);
    expect((await bench.run('vmcli', [vmx, 'power', 'query'])).stdout).toBe('PowerState: paused\n');
    await bench.vmrun('suspend', vmx);
    expect((await bench.run('vmcli', [vmx, 'power', 'query'])).stdout).toBe('PowerState: suspended\n');
    const { exit, stdout, stderr } = await bench.run('vmcli', ['NOPE.vmx', 'power', 'query']);
    expect([exit, stdout, stderr]).toEqual([255, '', "VMX : 'NOPE.vmx' does not exist!\n"]);
  });
});
