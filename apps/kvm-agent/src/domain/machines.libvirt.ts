import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DriverVm } from '@polyvirt/contracts';
import { gibOf, isReadable } from '@polyvirt/hypervisor';
import type { Domain } from '@polyvirt/node-libvirt';
import { LiveHost } from '../testing/live-host.ts';

const timeoutMs = 120_000;
const diskXml = (path: string, device = 'vda', type = 'qcow2') =>
  `<disk type='file' device='disk'><driver name='qemu' type='${type}'/><source file='${path}'/><target dev='${device}' bus='virtio'/></disk>`;

describe('the inventory of libvirt', () => {
  let host: LiveHost;

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  it(
    'has every disk, with the size and the path that are known and no zeros for the rest',
    async () => {
      const path = await host.disk('odd.raw', 'raw');
      await host.disk('pooled.qcow2');
      const network = (protocol: string, device: string) =>
        `<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='${protocol}' name='a/b'><host name='127.0.0.1' port='9'/></source><target dev='${device}' bus='virtio'/></disk>`;
      await host.define({
        name: 'disks',
        devices: [
          network('rbd', 'vda'),
          network('nbd', 'vdb'),
          `<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/pv-none'/><target dev='vdc' bus='virtio'/></disk>`,
          `<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>`,
          diskXml(`${host.pool.path}/gone.qcow2`, 'vdd'),
          diskXml(path, 'vde', 'raw'),
          `<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/><source pool='${host.pool.name}' volume='pooled.qcow2'/><target dev='vdf' bus='virtio'/></disk>`,
        ].join(''),
      });
      const vm = (await host.list()).get('disks')!;
      expect(isReadable(vm) && vm.disks).toEqual([
        { device: 'vda' },
        { device: 'vdb' },
        { device: 'vdc', path: '/dev/pv-none' },
        { device: 'vdd', path: `${host.pool.path}/gone.qcow2` },
        { device: 'vde', path, sizeGiB: gibOf(32 * 2 ** 20) },
        { device: 'vdf', path: `${host.pool.path}/pooled.qcow2`, sizeGiB: gibOf(32 * 2 ** 20) },
      ]);
    },
    timeoutMs,
  );

  it(
    'shows what is in the CD-ROM drive, and no drive where there is none',
    async () => {
      const drive = (source: string, device = 'sda') =>
        `<disk type='file' device='cdrom'>${source}<target dev='${device}' bus='sata'/><readonly/></disk>`;
      const file = (path: string) => `<source file='${path}'/>`;
      const rows: Record<string, [devices: string, cdrom: string | null | undefined]> = {
        'cd-none': ['', undefined],
        'cd-empty': [drive(''), null],
        'cd-full': [drive(file('/srv/isos/alpine.iso')), '/srv/isos/alpine.iso'],
        'cd-second': [drive('') + drive(file('/srv/b.iso'), 'sdb'), '/srv/b.iso'],
      };
      for (const [name, [devices]] of Object.entries(rows)) await host.define({ name, devices });
      const listed = await host.list();
      const shown = Object.keys(rows).map((name) => {
        const vm = listed.get(name)!;
        return [name, isReadable(vm) ? vm.cdrom : 'unreadable'];
      });
      expect(shown).toEqual(Object.entries(rows).map(([name, [, cdrom]]) => [name, cdrom]));
    },
    timeoutMs,
  );

  describe('while one domain is in a snapshot with memory that does not end', () => {
    let stuck: Domain;
    let pid: number;
    let before: DriverVm;
    let snapshot: Promise<unknown>;

    beforeAll(async () => {
      stuck = await host.define({ name: 'stuck', devices: diskXml(await host.disk('stuck.qcow2')) });
      await (await host.define({ name: 'running' })).start();
      await host.define({ name: 'off' });
      await stuck.start();
      await host.driver.metrics.sweep();
      before = await host.driver.get(stuck.uuid);
      pid = await host.freeze(stuck);
      snapshot = stuck.createSnapshot(`<domainsnapshot><name>s</name><memory snapshot='internal'/></domainsnapshot>`);
      snapshot.catch(() => undefined);
      await host.until(async () => (await stuck.snapshots()).length > 0);
    }, timeoutMs);

    it(
      'has that one as it was last seen, and all others',
      async () => {
        const vms = await host.list();
        expect(vms.get('running')).toMatchObject({ state: 'running' });
        expect(vms.get('off')).toMatchObject({ state: 'stopped' });
        expect(vms.get('stuck')).toEqual({ ...before, snapshots: [expect.objectContaining({ name: 's' })] });
        expect(await host.driver.get(stuck.uuid)).toEqual(vms.get('stuck'));
      },
      timeoutMs,
    );

    it(
      'has readings of the others, time after time',
      async () => {
        const { uuid } = await host.libvirt.domains.getByName(`${host.prefix}running`);
        for (let time = 0; time < 3; time += 1) {
          const readings = await host.driver.metrics.sweep();
          expect(readings.map(({ nativeId }) => nativeId)).toContain(uuid);
        }
      },
      timeoutMs,
    );

    it(
      'makes, renames and removes others',
      async () => {
        const { nativeId } = await host.run((context) =>
          host.driver.create(
            {
              name: `${host.prefix}new`,
              cpus: 1,
              memoryMiB: 32,
              firmware: 'bios',
              disks: [],
              cdrom: null,
              nics: [{ network: 'default', address: 'auto' }],
              start: false,
            },
            context,
          ),
        );
        await host.run((context) => host.driver.reconfigure.apply(nativeId, { name: `${host.prefix}newer` }, context));
        await host.run((context) => host.driver.delete(nativeId, { disks: 'delete' }, context));
        expect([...(await host.list()).keys()]).not.toContain('newer');
      },
      timeoutMs,
    );

    it(
      'reads it again when that has ended',
      async () => {
        host.thaw(pid);
        await snapshot;
        expect(await host.driver.get(stuck.uuid)).toMatchObject({ state: 'running', snapshots: [{ name: 's' }] });
      },
      timeoutMs,
    );
  });

  it(
    'keeps the sizes that it has seen of a machine whose QEMU does not answer, and waits for it once',
    async () => {
      const domain = await host.define({
        name: 'frozen',
        devices: `${diskXml(await host.disk('frozen-a.qcow2'))}${diskXml(await host.disk('frozen-b.qcow2'), 'vdb')}`,
      });
      await domain.start();
      const before = await host.driver.get(domain.uuid);
      expect(before.disks.map(({ sizeGiB }) => sizeGiB)).toEqual([expect.any(Number), expect.any(Number)]);
      const pid = await host.freeze(domain);
      try {
        for (let time = 0; time < 2; time += 1) expect(await host.driver.get(domain.uuid)).toEqual(before);
        expect((await host.list()).get('frozen')).toEqual(before);
      } finally {
        host.thaw(pid);
      }
    },
    timeoutMs,
  );
});
