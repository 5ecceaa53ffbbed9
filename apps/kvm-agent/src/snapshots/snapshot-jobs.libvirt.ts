import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expectProblem } from '@polyvirt/hypervisor/testing';
import type { Domain } from '@polyvirt/node-libvirt';
import { HostFiles } from '../storage/host-files.ts';
import { LiveHost } from '../testing/live-host.ts';
import { SnapshotJobs } from './snapshot-jobs.ts';

const run = promisify(execFile);
const timeoutMs = 60_000;

describe('a UEFI machine that runs', () => {
  let host: LiveHost;
  let domain: Domain;
  const disks: string[] = [];
  const files = new HostFiles({ local: true });

  beforeAll(async () => {
    host = await LiveHost.open();
    disks.push(await host.disk('one.qcow2'), await host.disk('two.qcow2'));
    const devices = disks.map(
      (path, at) =>
        `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${path}'/><target dev='vd${'ab'[at]}' bus='virtio'/></disk>`,
    );
    const xml = host
      .xml({
        name: `${host.prefix}uefi`,
        head: `<memory unit='MiB'>96</memory><vcpu>1</vcpu>`,
        devices: devices.join(''),
      })
      .replace('<os>', `<os firmware='efi'>`)
      .replace(`machine='pc'`, `machine='q35'`);
    domain = await host.libvirt.domains.define(xml);
    await domain.start();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  /** All that its only CPU is at. */
  const registers = async () => {
    const asked = { execute: 'human-monitor-command', arguments: { 'command-line': 'info registers' } };
    return ((await domain.monitorCommand(asked)) as { return: string }).return;
  };
  const tagsOf = async (path: string) => {
    const { stdout } = await run('qemu-img', ['info', '-U', '--output=json', path]);
    return ((JSON.parse(stdout) as { snapshots?: { name: string }[] }).snapshots ?? []).map(({ name }) => name);
  };
  const tags = () => Promise.all(disks.map(tagsOf));

  it(
    'is kept with its memory in its disks alone, and is there again, paused, in another process',
    async () => {
      await domain.suspend();
      const then = await registers();
      await new SnapshotJobs(domain, files).save('a, b', disks);
      expect(await registers()).toBe(then);
      expect(await tags()).toEqual([['a, b'], ['a, b']]);
      const live = await domain.xml({ secure: true });
      await domain.resume();
      await host.until(async () => (await registers()) !== then);
      await domain.destroy();
      await host.libvirt.domains.define(live);
      await domain.start({ paused: true });
      await new SnapshotJobs(domain, files).load('a, b', disks);
      expect(await registers()).toBe(then);
      expect(await host.stateOf(domain.uuid)).toBe('paused');
      await domain.resume();
      await host.until(async () => (await registers()) !== then);
    },
    timeoutMs,
  );

  it(
    'loses a snapshot from all of its disks and runs on; one that is gone is gone',
    async () => {
      const jobs = new SnapshotJobs(domain, files);
      await jobs.save('c', disks);
      expect(await host.stateOf(domain.uuid)).toBe('running');
      expect((await tags()).every((names) => names.includes('c'))).toBe(true);
      for (let time = 0; time < 2; time += 1) await jobs.remove('c', disks);
      expect((await tags()).some((names) => names.includes('c'))).toBe(false);
    },
    timeoutMs,
  );

  it(
    'is told what QEMU does not do',
    async () => {
      const jobs = new SnapshotJobs(domain, files);
      const none = await expectProblem('host-rejected', jobs.load('nowhere', disks));
      expect(none.message).toMatch(/"nowhere".*\.$/);
      const other = await expectProblem('host-rejected', jobs.save('d', [await host.disk('other.qcow2')]));
      expect(other.message).toContain('other.qcow2');
      expect(await tags()).toEqual([['a, b'], ['a, b']]);
    },
    timeoutMs,
  );
});
