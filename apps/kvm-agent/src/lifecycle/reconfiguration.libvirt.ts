import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HardwareChange, type NativeId } from '@polyvirt/contracts';
import type { Json, Step } from '@polyvirt/hypervisor';
import { LiveHost } from '../testing/live-host.ts';

const timeoutMs = 120_000;
const TOPOLOGY = `<memory unit='MiB'>32</memory><vcpu placement='static' current='2'>4</vcpu>
  <cpu mode='custom' match='exact'><model>qemu64</model><topology sockets='1' dies='1' cores='2' threads='2'/></cpu>`;
const NUMA = `<maxMemory slots='4' unit='MiB'>512</maxMemory><memory unit='MiB'>128</memory><vcpu>2</vcpu>
  <cpu mode='custom' match='exact'><model>qemu64</model><numa><cell id='0' cpus='0' memory='64' unit='MiB'/><cell id='1' cpus='1' memory='64' unit='MiB'/></numa></cpu>`;

describe('changes of a domain', () => {
  let host: LiveHost;

  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  const apply = (id: NativeId, input: HardwareChange) =>
    host.run((context) => host.driver.reconfigure.apply(id, HardwareChange.parse(input), context));
  const definitionOf = (id: NativeId) => host.libvirt.domains.reference(id).xml({ inactive: true });

  /** Refused, with nothing of the definition changed. */
  const refuses = async (id: NativeId, input: HardwareChange, problem: object): Promise<void> => {
    const before = await definitionOf(id);
    await expect(apply(id, input)).rejects.toMatchObject(problem);
    expect(await definitionOf(id)).toBe(before);
  };

  it(
    'stay within the topology, and say what it is',
    async () => {
      const { uuid } = await host.define({ name: 'topology', head: TOPOLOGY });
      expect(await apply(uuid, { cpus: 3 })).toMatchObject({ effect: 'changed' });
      expect(await host.driver.get(uuid)).toMatchObject({ cpus: 3 });
      await refuses(
        uuid,
        { cpus: 6, memoryMiB: 48 },
        {
          code: 'invalid-input',
          message: expect.stringContaining('1 socket × 1 die × 2 cores × 2 threads'),
          extras: { errors: [expect.objectContaining({ pointer: '/cpus' })] },
        },
      );
    },
    timeoutMs,
  );

  it(
    'of the memory of NUMA cells are refused for what they are, and not for a state',
    async () => {
      const { uuid } = await host.define({ name: 'numa', head: NUMA });
      expect(await host.driver.get(uuid)).toMatchObject({ memoryMiB: 128, cpus: 2 });
      const problem = {
        code: 'host-rejected',
        message: expect.stringMatching(/2 NUMA cells \(64 \+ 64 MiB\).*virsh edit/),
      };
      await refuses(uuid, { memoryMiB: 256 }, problem);
      await refuses(uuid, { cpus: 1, memoryMiB: 256 }, problem);
      expect(await apply(uuid, { memoryMiB: 128 })).toMatchObject({ effect: 'unchanged' });
    },
    timeoutMs,
  );

  it(
    'beyond what a machine of its type or the host can have are refused with both numbers',
    async () => {
      const { uuid } = await host.define({ name: 'limits' });
      await refuses(
        uuid,
        { cpus: 1_024 },
        { code: 'insufficient-capacity', message: expect.stringMatching(/1,024 .*255/) },
      );
      await refuses(
        uuid,
        { memoryMiB: 9_999_999 },
        { code: 'insufficient-capacity', message: expect.stringContaining('9,999,999') },
      );
    },
    timeoutMs,
  );

  it(
    'take interfaces of every kind out by MAC address, and none where that means two',
    async () => {
      const kinds = {
        '01': `<interface type='user'>MAC</interface>`,
        '02': `<interface type='direct'>MAC<source dev='lo' mode='bridge'/></interface>`,
        '03': `<interface type='ethernet'>MAC<target dev='pvodd0'/></interface>`,
        '04': `<interface type='vhostuser'>MAC<source type='unix' path='/tmp/pv.sock' mode='client'/><model type='virtio'/></interface>`,
        '05': `<interface type='bridge'>MAC<source bridge='br-none'/></interface>`,
        '06': `<interface type='network'>MAC<source network='no-such-net' portgroup='vlan-10'/></interface>`,
        '07': `<interface type='udp'>MAC<source address='127.0.0.1' port='11115'><local address='127.0.0.1' port='11116'/></source></interface>`,
        '08': `<interface type='hostdev'>MAC<source><address type='pci' domain='0' bus='0' slot='7' function='0'/></source></interface>`,
      };
      const macs = Object.keys(kinds).map((end) => `52:54:00:ab:05:${end}`);
      const twice = '52:54:00:ab:05:99';
      const nics = Object.values(kinds).map((nic, index) => nic.replace('MAC', `<mac address='${macs[index]}'/>`));
      const double = `<interface type='user'><mac address='${twice}'/></interface>`;
      const { uuid } = await host.define({ name: 'nics', devices: [...nics, double, double].join('') });
      await refuses(
        uuid,
        { cpus: 2, removeNics: [twice] },
        { code: 'invalid-input', extras: { errors: [expect.objectContaining({ pointer: '/removeNics/0' })] } },
      );
      for (const mac of macs) expect(await apply(uuid, { removeNics: [mac] })).toMatchObject({ effect: 'changed' });
      expect((await host.driver.get(uuid)).nics.map(({ mac }) => mac)).toEqual([twice, twice]);
    },
    timeoutMs,
  );

  it(
    'are not begun when one of them cannot be had: addresses and MAC addresses that are taken, or are none',
    async () => {
      const networks = await host.driver.networks.list();
      const { gateway } = networks.find(({ name }) => name === 'default')!;
      const mac = '52:54:00:ab:06:01';
      await host.define({ name: 'holder', devices: `<interface type='user'><mac address='${mac}'/></interface>` });
      const { uuid } = await host.define({ name: 'wanting' });
      const nic = (more: object) =>
        ({ cpus: 2, addNics: [{ network: 'default', address: 'auto', ...more }] }) as HardwareChange;
      const at = (pointer: string) => ({
        code: 'invalid-input',
        extras: { errors: [expect.objectContaining({ pointer })] },
      });
      for (const address of [gateway!, '10.9.9.9', 'fd00::5'])
        await refuses(uuid, nic({ address }), at('/addNics/0/address'));
      for (const wrong of [mac, '01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff'])
        await refuses(uuid, nic({ mac: wrong }), at('/addNics/0/mac'));
      await refuses(uuid, nic({ network: 'no-such-network' }), { code: 'network-not-found' });
    },
    timeoutMs,
  );

  it(
    'are undone when one fails in the middle, with the address that was kept for an interface',
    async () => {
      const mac = '52:54:00:ab:07:01';
      // Never started: what it keeps is in its definition.
      const name = `${host.prefix}net`;
      const network = await host.libvirt.networks.define(
        `<network><name>${name}</name><ip address='10.239.7.1' prefix='24'><dhcp>
          <range start='10.239.7.2' end='10.239.7.254'/><host mac='${mac}' ip='10.239.7.33'/></dhcp></ip></network>`,
      );
      const nic = `<interface type='network'><mac address='${mac}'/><source network='${name}'/></interface>`;
      const { uuid } = await host.define({ name: 'halfway', devices: nic });
      try {
        const before = await host.driver.get(uuid);
        const body = { cpus: 2, memoryMiB: 64, removeNics: [mac], name: `${host.prefix}free` };
        const operation = host.run((context) => {
          const step = <Result extends Json | void>(one: Step<Result>): Promise<Result> =>
            context.journal.step(
              one.name === 'set 2 CPUs' ? { ...one, act: () => Promise.reject(new Error('made to fail')) } : one,
            );
          return host.driver.reconfigure.apply(uuid, body, { ...context, journal: { step } });
        });
        await expect(operation).rejects.toThrow('made to fail');
        expect(await host.driver.get(uuid)).toEqual(before);
        expect(await network.xml({ inactive: true })).toContain(`<host mac='${mac}' ip='10.239.7.33'/>`);
      } finally {
        await network.undefine();
      }
    },
    timeoutMs,
  );

  it(
    'leave an emulated CPU in a running machine until it is off, and the machine lives',
    async () => {
      const domain = await host.define({
        name: 'emulated',
        head: `<memory unit='MiB'>32</memory><vcpu current='2'>4</vcpu>`,
      });
      const { uuid } = domain;
      await domain.start();
      const result = await apply(uuid, { cpus: 1 });
      expect(result).toMatchObject({ effect: 'changed' });
      expect((await host.driver.get(uuid)).pendingChanges).toEqual([{ pointer: '/cpus', from: 2, to: 1 }]);
      expect(result.notes).toEqual([expect.stringContaining('next start')]);
      const added = await apply(uuid, { addNics: [{ network: 'default', address: 'auto' }] });
      expect(added.effect).toBe('changed');
      expect(await host.driver.get(uuid)).toMatchObject({ state: 'running', cpus: 2 });
    },
    timeoutMs,
  );
});
