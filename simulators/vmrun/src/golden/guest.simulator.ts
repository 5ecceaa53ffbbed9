import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Workbench } from '../testing/workbench.ts';

jest.setTimeout(120_000);

const DONE = { exit: 0, stdout: '', stderr: '' };

// Numbers are the rows of the reference's golden transcripts.
describe('Tools and guest commands', () => {
  let bench: Workbench;
  let vmx: string;
  beforeEach(async () => {
    bench = new Workbench();
    vmx = bench.vm('web');
  });
  afterEach(() => bench.close());

  const refused = (text: string) => ({ exit: 255, stdout: `Error: ${text}\n`, stderr: '' });
  const start = () => bench.vmrun('start', vmx, 'nogui');
  const noTools = () => refused(`The VMware Tools are not running in the virtual machine: ${vmx}`);

  it('41: tells the address that the DHCP server leased', async () => {
    await start();
    const { exit, stdout } = await bench.vmrun('getGuestIPAddress', vmx);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^192\.168\.3\.\d+\n$/);
    const leases = readFileSync(join(bench.home, 'etc/vmware/vmnet8/dhcpd/dhcpd.leases'), 'utf8');
    expect(leases).toContain(`lease ${stdout.trim()} {`);
    expect(leases).toContain(bench.read(vmx).get('ethernet0.generatedAddress')!.toLowerCase());
  });

  it('41: tells any address by knob, and a static one of cloud-init', async () => {
    const metadata = 'local-hostname: db\nnetwork:\n  ethernets:\n    nics:\n      addresses: [192.168.3.77/24]\n';
    const own = await bench.runningVm('db', {
      'guestinfo.metadata': Buffer.from(metadata).toString('base64'),
      'guestinfo.metadata.encoding': 'base64',
    });
    expect((await bench.vmrun('getGuestIPAddress', own)).stdout).toBe('192.168.3.77\n');
    bench.set({ guestAddress: 'fe80::1' });
    expect((await bench.vmrun('getGuestIPAddress', own)).stdout).toBe('fe80::1\n');
  });

  it('42: a guest that is booting has no Tools, then no address, and -wait waits for both', async () => {
    bench.clock.hold();
    bench.set({ toolsDelayMs: 60000 });
    await start();
    expect(await bench.vmrun('getGuestIPAddress', vmx)).toMatchObject(noTools());
    await bench.vmrun('stop', vmx, 'hard');
    bench.set({ addressDelayMs: 60000 });
    await start();
    expect(await bench.vmrun('getGuestIPAddress', vmx)).toMatchObject(refused('Unable to get the IP address'));
    await bench.vmrun('stop', vmx, 'hard');
    bench.set({ toolsDelayMs: 300, addressDelayMs: 600 });
    await start();
    const told = bench.vmrun('getGuestIPAddress', vmx, '-wait');
    for (const [ms, state] of [
      [299, 'installed'],
      [1, 'running'],
    ] as const) {
      await bench.clock.untilWaiting('-wait');
      bench.clock.advance(ms);
      expect((await bench.vmrun('checkToolsState', vmx)).stdout).toBe(`${state}\n`);
    }
    await bench.clock.untilWaiting('-wait');
    bench.clock.advance(300);
    expect((await told).stdout).toMatch(/^192/);
  });

  it('44: -wait for an address that never comes blocks until it is killed', async () => {
    bench.clock.hold();
    bench.set({ addressDelayMs: -1 });
    await start();
    const waiting = bench.start('vmrun', ['-T', 'ws', 'getGuestIPAddress', vmx, '-wait']);
    const printed: Buffer[] = [];
    waiting.stdout!.on('data', (chunk: Buffer) => printed.push(chunk));
    for (let look = 0; look < 2; look++) {
      await bench.clock.untilWaiting('-wait');
      bench.clock.advance(60_000);
    }
    await bench.clock.untilWaiting('-wait');
    expect(waiting.exitCode).toBeNull();
    waiting.kill('SIGKILL');
    await new Promise((resolve) => waiting.once('close', resolve));
    expect(Buffer.concat(printed).length).toBe(0);
  });

  it('45: tells the state of Tools, with its two exit codes for a VM that is off', async () => {
    expect(await bench.vmrun('checkToolsState', vmx)).toMatchObject({ exit: 0, stdout: 'unknown\n' });
    bench.clock.hold();
    bench.set({ toolsStateOffExit: -2, toolsDelayMs: 60000 });
    expect(await bench.vmrun('checkToolsState', vmx)).toMatchObject({ exit: 254, stdout: 'unknown\n' });
    await start();
    expect(await bench.vmrun('checkToolsState', vmx)).toMatchObject({ exit: 0, stdout: 'installed\n' });
    await bench.vmrun('stop', vmx, 'hard');
    bench.set({});
    await start();
    expect(await bench.vmrun('checkToolsState', vmx)).toMatchObject({ exit: 0, stdout: 'running\n' });
    bench.set({ toolsStateHeadless: 'installed' });
    expect((await bench.vmrun('checkToolsState', vmx)).stdout).toBe('installed\n');
  });

  it('45: installTools brings Tools to a guest without them', async () => {
    bench.set({ tools: 'absent' });
    await start();
    bench.set({});
    expect(await bench.vmrun('installTools', vmx)).toMatchObject(DONE);
    expect((await bench.vmrun('checkToolsState', vmx)).stdout).toBe('running\n');
  });

  it('46: a guest operation needs credentials', async () => {
    await start();
    expect(await bench.vmrun('listProcessesInGuest', vmx)).toMatchObject(
      refused(
        'Anonymous guest operations are not allowed on this virtual machine. You must call VixVM_LoginInGuest before performing guest operations',
      ),
    );
  });

  it('47: and the right ones', async () => {
    await start();
    const reply = await bench.vmrun('-gu', 'root', '-gp', 'wrong', 'listProcessesInGuest', vmx);
    expect(reply).toMatchObject(refused('Invalid user name or password for the guest OS'));
  });

  it('46: a guest operation needs a guest that is ready', async () => {
    bench.clock.hold();
    bench.set({ guestReadyMs: 60000 });
    await start();
    expect(await bench.guest('listProcessesInGuest', vmx)).toMatchObject(noTools());
    bench.set({ guestReadyMs: 60000, guestBusyText: 'waiting' });
    expect((await bench.guest('listProcessesInGuest', vmx)).stdout).toBe('Waiting for Command execution Available\n');
    bench.set({});
    await bench.vmrun('pause', vmx);
    expect(await bench.guest('listProcessesInGuest', vmx)).toMatchObject(noTools());
  });

  it('48: a failing program fails, a good one says nothing', async () => {
    await start();
    expect(await bench.guest('runProgramInGuest', vmx, '/bin/true')).toMatchObject(DONE);
    const failed = (code: number) => ({
      exit: 255,
      stdout: `Guest program exited with non-zero exit code: ${code}\n`,
      stderr: '',
    });
    expect(await bench.guest('runProgramInGuest', vmx, '/bin/false')).toMatchObject(failed(1));
    expect(await bench.guest('runScriptInGuest', vmx, '/bin/bash', 'echo hi > /tmp/x; exit 7')).toMatchObject(
      failed(7),
    );
    expect((await bench.guest('fileExistsInGuest', vmx, '/tmp/x')).exit).toBe(0);
    expect(await bench.guest('runProgramInGuest', vmx, '/bin/nothing')).toMatchObject(refused('A file was not found'));
    bench.set({ guestProgramExits: { '/bin/true': 3 } });
    expect(await bench.guest('runProgramInGuest', vmx, '/bin/true')).toMatchObject(failed(3));
    expect(await bench.guest('runProgramInGuest', vmx, '-interactive', '/bin/true')).toMatchObject(
      refused('The specified guest user must be logged in interactively to perform this operation'),
    );
    expect(await bench.guest('runScriptInGuest', vmx, '/bin/bash', 'x'.repeat(60600))).toMatchObject(
      refused('One of the specified arguments is too big'),
    );
  });

  it('48: a guest can power itself off', async () => {
    await start();
    expect(await bench.guest('runProgramInGuest', vmx, '/sbin/poweroff')).toMatchObject(DONE);
    await bench.until(() => !bench.filesOf(vmx).includes('web.vmx.lck'));
    expect((await bench.vmrun('list')).lines).toHaveLength(1);
  });

  it('48: cmd.exe with arguments may always fail', async () => {
    const windows = await bench.runningVm('win', { guestOS: 'windows11-64' });
    const run = () => bench.guest('runProgramInGuest', windows, 'C:\\Windows\\System32\\cmd.exe', '/c', 'exit /b 0');
    expect((await run()).exit).toBe(0);
    bench.set({ cmdExeArguments: 'fail' });
    expect((await run()).stdout).toBe('Guest program exited with non-zero exit code: 1\n');
    expect((await bench.guest('listProcessesInGuest', windows)).lines).toEqual([
      'Process list: 2',
      'pid=0, owner=, cmd=[System Process]',
      'pid=4, owner=NT AUTHORITY\\SYSTEM, cmd=System',
    ]);
  });

  it('49: tells files from folders', async () => {
    await start();
    const ask = (command: string, path: string) => bench.guest(command, vmx, path);
    expect(await ask('fileExistsInGuest', '/bin/true')).toMatchObject({ exit: 0, stdout: 'The file exists.\n' });
    expect(await ask('fileExistsInGuest', '/tmp')).toMatchObject({ exit: 255, stdout: 'The file does not exist.\n' });
    expect((await ask('directoryExistsInGuest', '/tmp')).stdout).toBe('The directory exists.\n');
    bench.set({ missingFileExit: 1 });
    expect(await ask('directoryExistsInGuest', '/no')).toMatchObject({
      exit: 1,
      stdout: 'The directory does not exist.\n',
    });
  });

  it('50: lists and kills processes', async () => {
    await start();
    const list = async () => (await bench.guest('listProcessesInGuest', vmx)).lines;
    expect(await list()).toEqual([
      'Process list: 2',
      'pid=1, owner=root, cmd=/sbin/init',
      'pid=2, owner=root, cmd=kthreadd',
    ]);
    await bench.guest('runProgramInGuest', vmx, '-noWait', '/bin/sleep', '600');
    expect((await list()).at(-1)).toBe('pid=1000, owner=root, cmd=/bin/sleep 600');
    expect(await bench.guest('killProcessInGuest', vmx, '1000')).toMatchObject(DONE);
    expect(await bench.guest('killProcessInGuest', vmx, '1000')).toMatchObject(refused('No such process'));
  });

  it('51, 68: reads and writes variables; guestVar and runtimeConfig need no login', async () => {
    const own = await bench.runningVm('own', { 'guestinfo.role': 'db' });
    const read = (...args: string[]) => bench.vmrun('readVariable', own, ...args);
    expect(await bench.vmrun('writeVariable', own, 'guestVar', 'x', 'a b')).toMatchObject(DONE);
    expect(await read('guestVar', 'x')).toMatchObject({ exit: 0, stdout: 'a b\n' });
    expect((await read('runtimeConfig', 'guestinfo.x')).stdout).toBe('a b\n');
    expect((await read('guestVar', 'role')).stdout).toBe('db\n');
    expect((await read('runtimeConfig', 'memsize')).stdout).toBe('64\n');
    expect(await read('guestVar', 'unset')).toMatchObject({ exit: 0, stdout: '\n' });
    expect((await read('guestEnv', 'PATH')).stdout).toContain('Anonymous guest operations');
    expect(await read('guestVar', 'a/b')).toMatchObject(refused('One of the parameters was invalid'));
    bench.set({ unsetVariable: 'error' });
    expect((await read('guestVar', 'unset')).exit).toBe(255);
    await bench.vmrun('stop', own, 'hard');
    expect((await read('guestVar', 'role')).stdout).toContain('not powered on');
    bench.set({ variablesWhenOff: 'allow' });
    expect((await read('guestVar', 'role')).stdout).toBe('db\n');
    expect(bench.read(own).get('guestinfo.x')).toBeUndefined();
  });

  it('69: lists, adds, changes and removes network adapters', async () => {
    const list = async () => (await bench.vmrun('listNetworkAdapters', vmx)).lines;
    expect(await list()).toEqual([
      'Total network adapters: 1',
      'INDEX  TYPE         VMNET',
      '0      nat          vmnet8',
    ]);
    expect(await bench.vmrun('addNetworkAdapter', vmx, 'custom', 'vmnet2')).toMatchObject(DONE);
    expect(await bench.vmrun('setNetworkAdapter', vmx, '0', 'bridged')).toMatchObject(DONE);
    expect((await list()).slice(2)).toEqual(['0      bridged      vmnet0', '1      custom       vmnet2']);
    expect(await bench.vmrun('deleteNetworkAdapter', vmx, '0')).toMatchObject(DONE);
    expect(await list()).toHaveLength(3);
    bench.set({ networkAdapterCommands: 'unrecognized' });
    expect((await bench.vmrun('listNetworkAdapters', vmx)).stdout).toBe(
      'Error: Unrecognized command: listNetworkAdapters\n',
    );
  });

  it('copies, lists, renames and deletes guest files by the rights of the user', async () => {
    await start();
    const host = join(bench.folder, 'file.txt');
    writeFileSync(host, 'content');
    expect(await bench.guest('CopyFileFromHostToGuest', vmx, host, '/tmp/file.txt')).toMatchObject(DONE);
    expect(await bench.guest('renameFileInGuest', vmx, '/tmp/file.txt', '/tmp/other.txt')).toMatchObject(DONE);
    expect((await bench.guest('listDirectoryInGuest', vmx, '/tmp')).lines).toEqual(['Directory list: 1', 'other.txt']);
    const back = join(bench.folder, 'back.txt');
    expect(await bench.guest('CopyFileFromGuestToHost', vmx, '/tmp/other.txt', back)).toMatchObject(DONE);
    expect(readFileSync(back, 'utf8')).toBe('content');
    expect(await bench.guest('deleteFileInGuest', vmx, '/tmp/other.txt')).toMatchObject(DONE);
    expect(await bench.guest('deleteFileInGuest', vmx, '/tmp/other.txt')).toMatchObject(
      refused('A file was not found'),
    );
    const asUser = (...args: string[]) => bench.vmrun('-gu', 'user', '-gp', 'password', ...args);
    expect(await asUser('createDirectoryInGuest', vmx, '/etc/mine')).toMatchObject(
      refused('Authentication failure or insufficient permissions in guest operating system'),
    );
    expect(await asUser('createDirectoryInGuest', vmx, '/home/user/mine')).toMatchObject(DONE);
    expect(await bench.guest('createDirectoryInGuest', vmx, 'relative')).toMatchObject(
      refused('One of the parameters was invalid'),
    );
    const temporary = (await bench.guest('CreateTempfileInGuest', vmx)).stdout.trim();
    expect((await bench.guest('fileExistsInGuest', vmx, temporary)).exit).toBe(0);
    bench.set({ directoryListHeader: 'plain' });
    expect((await bench.guest('listDirectoryInGuest', vmx, '/home/user')).lines).toEqual(['Directory list', 'mine']);
  });

  it('shares folders', async () => {
    await start();
    const folder = join(bench.folder, 'shared');
    mkdirSync(folder);
    expect(await bench.vmrun('enableSharedFolders', vmx)).toMatchObject(DONE);
    expect(await bench.vmrun('addSharedFolder', vmx, 'data', folder)).toMatchObject(DONE);
    expect(await bench.vmrun('addSharedFolder', vmx, 'data', folder)).toMatchObject(refused('Already exists'));
    expect(await bench.vmrun('addSharedFolder', vmx, 'no', '/nowhere')).toMatchObject(refused('A file was not found'));
    expect(await bench.vmrun('setSharedFolderState', vmx, 'data', folder, 'readonly')).toMatchObject(DONE);
    expect(bench.read(vmx).get('sharedFolder0.writeAccess')).toBe('FALSE');
    expect(bench.read(vmx).get('sharedFolder.maxNum')).toBe('1');
    expect(await bench.vmrun('removeSharedFolder', vmx, 'data')).toMatchObject(DONE);
    expect(await bench.vmrun('disableSharedFolders', vmx, 'runtime')).toMatchObject(DONE);
    expect(bench.read(vmx).get('isolation.tools.hgfs.disable')).toBe('FALSE');
  });

  it('unplugs a network adapter, and the guest has no address then', async () => {
    await start();
    expect(await bench.vmrun('disconnectNamedDevice', vmx, 'ethernet0')).toMatchObject(DONE);
    expect(await bench.vmrun('getGuestIPAddress', vmx)).toMatchObject(refused('Unable to get the IP address'));
    expect(await bench.vmrun('connectNamedDevice', vmx, 'ethernet0')).toMatchObject(DONE);
    expect((await bench.vmrun('getGuestIPAddress', vmx)).exit).toBe(0);
    expect((await bench.vmrun('connectNamedDevice', vmx, 'sata9:9')).exit).toBe(255);
  });

  it('takes a picture of the screen for a guest user only', async () => {
    await start();
    const picture = join(bench.folder, 'screen.png');
    expect((await bench.vmrun('captureScreen', vmx, picture)).exit).toBe(255);
    expect(await bench.guest('captureScreen', vmx, picture)).toMatchObject(DONE);
    expect(readFileSync(picture).subarray(1, 4).toString()).toBe('PNG');
    expect(await bench.guest('typeKeystrokesInGuest', vmx, 'hello')).toMatchObject(DONE);
  });

  it('forwards ports in the file that the NAT service reads', async () => {
    const list = async () => (await bench.vmrun('listPortForwardings', 'vmnet8')).lines;
    expect(await list()).toEqual(['Total port forwardings: 0']);
    const set = ['setPortForwarding', 'vmnet8', 'tcp', '2222', '192.168.3.130', '22', 'ssh of web'];
    expect(await bench.vmrun(...set)).toMatchObject(DONE);
    expect(await list()).toEqual([
      'Total port forwardings: 1',
      'INDEX  PROTOCOL     HOST PORT    GUEST IP         GUEST PORT   DESCRIPTION',
      '0      tcp          2222         192.168.3.130    22           ssh of web',
    ]);
    expect(readFileSync(join(bench.home, 'etc/vmware/networking'), 'utf8')).toContain(
      'add_nat_portfwd 8 tcp 2222 192.168.3.130 22\n',
    );
    bench.set({ portForwardingTable: 'plain' });
    expect(await list()).toHaveLength(2);
    expect(await bench.vmrun('deletePortForwarding', 'vmnet8', 'tcp', '2222')).toMatchObject(DONE);
    expect(await list()).toEqual(['Total port forwardings: 0']);
    expect((await bench.vmrun('listPortForwardings', 'vmnet1')).exit).toBe(255);
  });
});
