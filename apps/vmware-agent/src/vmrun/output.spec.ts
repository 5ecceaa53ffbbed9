import { describe, expect, it } from '@jest/globals';
import {
  failureOf,
  linesOf,
  parseBanner,
  parseHostNetworks,
  parsePaused,
  parseProduct,
  parseRunning,
  parseToolsState,
} from './output.ts';

const lines = (text: string) => linesOf(Buffer.from(text), 'windows-1252');
const failure = (exit: number | null, text: string, errors = '') =>
  failureOf({ exit, lines: lines(text), errorLines: lines(errors) });

describe('what the programs of VMware print', () => {
  it('is a version in either spelling, wherever it stands', () => {
    const newer = '\nvmrun version 1.17.0.24995812\n\nUsage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\n';
    expect(parseBanner(lines(newer))).toEqual({ version: '1.17.0', build: '24995812' });
    expect(parseBanner(lines('\n\nvmrun version 1.17.0 build-17801498\n'))).toEqual({
      version: '1.17.0',
      build: '17801498',
    });
    expect(parseBanner(lines('bash: vmrun'))).toBeUndefined();
  });

  it('is a product, also one without dots in its version', () => {
    expect(parseProduct(lines('VMware Workstation 17.6.3 build-24583834\n'))).toEqual({
      name: 'VMware Workstation',
      version: '17.6.3',
      build: '24583834',
    });
    expect(parseProduct(lines('VMware Workstation 25H2 build-24995812'))?.version).toBe('25H2');
  });

  it('is a list of running VMs, behind lines of a log, with the line ends of Windows', () => {
    expect(parseRunning(lines('Total running VMs: 0\n'))).toEqual([]);
    expect(parseRunning(lines('Total running VMs: 2\r\nC:\\VMs\\a b\\a.vmx\r\nC:\\VMs\\c.vmx\r\n'))).toEqual([
      'C:\\VMs\\a b\\a.vmx',
      'C:\\VMs\\c.vmx',
    ]);
    const withLog = '2015-08-31T17:57:29.547| ServiceImpl_Opener: PID 5033\nTotal running VMs: 1\n/vms/a/a.vmx\n';
    expect(parseRunning(lines(withLog))).toEqual(['/vms/a/a.vmx']);
    expect(() => parseRunning(lines('something else'))).toThrow(SyntaxError);
  });

  it('is in a code page on Windows', () => {
    expect(linesOf(Buffer.from('caf\xe9.vmx', 'latin1'), 'windows-1252')).toEqual(['café.vmx']);
    expect(linesOf(Buffer.from([0xd6, 0xd0]), 'gbk')).toEqual(['中']);
    expect(linesOf(Buffer.from('é'), 'gbk')).toEqual(['é']);
  });

  it('is a table of networks', () => {
    const table = [
      'Total host networks: 3',
      'INDEX  NAME         TYPE         DHCP         SUBNET           MASK',
      '0      vmnet0       bridged      false        empty            empty',
      '1      vmnet1       hostOnly     true         172.16.11.0      255.255.255.0',
      '8      vmnet8       nat          true         192.168.3.0      255.255.255.0',
    ];
    expect(parseHostNetworks(table)).toEqual([
      { name: 'vmnet0', type: 'bridged', dhcp: false },
      { name: 'vmnet1', type: 'hostOnly', dhcp: true, subnet: '172.16.11.0', mask: '255.255.255.0' },
      { name: 'vmnet8', type: 'nat', dhcp: true, subnet: '192.168.3.0', mask: '255.255.255.0' },
    ]);
  });

  it('is a failure on stdout, with a path or without, and even with exit 0', () => {
    const vmx = '/vms/a/a.vmx';
    expect(failure(255, `Error: The virtual machine is not powered on: ${vmx}\n`)).toBe(
      `The virtual machine is not powered on: ${vmx}`,
    );
    expect(failure(4294967295, 'Error: The file is already in use\r\n')).toBe('The file is already in use');
    expect(failure(0, 'Error: Unknown error')).toBe('Unknown error');
    expect(failure(255, '', 'Error: The operation was canceled')).toBe('The operation was canceled');
    expect(failure(0, '')).toBeUndefined();
  });

  it('is a failure without the usual prefix, in two lines, or without a word', () => {
    const notInstalled = 'Error: Service type VIX_SERVICEPROVIDER_VMWARE_WORKSTATION was specified, but not installed';
    expect(failure(255, `Unable to connect to host.\n${notInstalled}\n`)).toBe(
      `Unable to connect to host. ${notInstalled.slice('Error: '.length)}`,
    );
    expect(failure(1, "\r  Create: 0% done.\rFailed to open the disk 'x.vmdk' : needs repair (0x3e86).\n")).toBe(
      "Failed to open the disk 'x.vmdk' : needs repair (0x3e86).",
    );
    expect(failure(1, '', 'vmrun.js:1\nSyntaxError: Unexpected end\n    at x\n\nNode.js v24.21.0\n')).toBe(
      'SyntaxError: Unexpected end',
    );
    expect(failure(255, '')).toBe('it ended with 255 and said nothing');
    expect(failure(null, '')).toBe('it was killed');
  });

  it('is a state of Tools and of power', () => {
    expect(['running', 'installed', 'unknown'].map((word) => parseToolsState([word]))).toEqual([
      'running',
      'installed',
      'unknown',
    ]);
    expect(parsePaused(['{"PowerState":"off"}'])).toBe(false);
    expect(parsePaused(['{"PowerState":"poweredOn"}'])).toBe(false);
    expect(parsePaused(['{', '  "PowerState": "paused"', '}'])).toBe(true);
    // A word that nobody has told of says nothing.
    expect(parsePaused(['{"PowerState":"frozen"}'])).toBeUndefined();
    expect(parsePaused(['PowerState: on'])).toBeUndefined();
  });
});
