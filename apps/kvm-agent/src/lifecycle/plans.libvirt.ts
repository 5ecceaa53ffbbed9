import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateVm, ReconfigureVm, reconfigureVm, type NativeId, type PendingChange } from '@polyvirt/contracts';
import { planOf, type HypervisorDriver, type OperationContext } from '@polyvirt/hypervisor';
import { PlannedDriver, TestOperation, type Bench } from '@polyvirt/hypervisor/testing';
import { openLibvirtBench } from '../testing/libvirt-bench.ts';
import { LiveHost } from '../testing/live-host.ts';

const timeoutMs = 180_000;
const signal = () => AbortSignal.timeout(timeoutMs);

describe('plans for a machine whose guest has booted', () => {
  let bench: Bench;
  /** Holds each act against its plan, and the plan against the uptime of the guest. */
  let driver: HypervisorDriver;
  let nativeId: NativeId;
  const run = <Result>(act: (context: OperationContext) => Promise<Result>) => new TestOperation().run(act);
  const apply = (input: object) =>
    run((context) => driver.reconfigure!.apply(nativeId, ReconfigureVm.parse(input), context));
  const get = () => driver.get(nativeId, signal());

  beforeAll(async () => {
    bench = await openLibvirtBench();
    const real = await bench.open();
    const { capabilities } = await real.probe(signal());
    driver = new PlannedDriver(real, bench, () => capabilities, signal).driver;
    const body = CreateVm.parse({
      name: `${bench.prefix}booted`,
      memoryMiB: bench.memoryMiB * 2,
      disks: [{ image: bench.image }],
      nics: [{ network: bench.network }],
      start: true,
    });
    ({ nativeId } = await run((context) => driver.create(body, context)));
    await bench.guestReady(nativeId);
  }, timeoutMs);
  afterAll(async () => {
    await driver?.close();
    await bench?.clean();
    await bench?.close();
  }, timeoutMs);

  it(
    'say what comes about at once, and it does without a restart',
    async () => {
      const { nics } = await get();
      const less = bench.memoryMiB;
      await apply({ cpus: 2, memoryMiB: less });
      expect(await get()).toMatchObject({ cpus: 2, memoryMiB: less });
      expect((await get()).pendingChanges).toBeUndefined();
      await apply({ removeNics: [nics[0]!.mac], addNics: [{ network: bench.network }] });
      const after = await get();
      expect(after.pendingChanges).toBeUndefined();
      expect(after.nics.map(({ mac }) => mac)).not.toContain(nics[0]!.mac);
      expect(after.nics).toHaveLength(1);
    },
    timeoutMs,
  );

  it(
    'say what waits, and it comes about with the shutdown in order that the restart is',
    async () => {
      await apply({ cpus: 1, memoryMiB: bench.memoryMiB * 2.5, name: `${bench.prefix}renamed` });
      expect((await get()).pendingChanges).toMatchObject([
        { pointer: '/name' },
        { pointer: '/cpus' },
        { pointer: '/memoryMiB' },
      ]);
      await run((context) => driver.restart(nativeId, { force: false, timeoutSeconds: 90 }, context));
      expect(await get()).toMatchObject({
        name: `${bench.prefix}renamed`,
        cpus: 1,
        memoryMiB: bench.memoryMiB * 2.5,
        state: 'running',
      });
      expect((await get()).pendingChanges).toBeUndefined();
    },
    timeoutMs,
  );

  it(
    'say of a reset and of a stop by force that the power is cut',
    async () => {
      await bench.guestReady(nativeId);
      await run((context) => driver.reset(nativeId, context));
      await run((context) => driver.stop(nativeId, { force: true, timeoutSeconds: 1 }, context));
    },
    timeoutMs,
  );
});

describe('what waits for the power-off', () => {
  let host: LiveHost;
  beforeAll(async () => {
    host = await LiveHost.open();
  }, timeoutMs);
  afterAll(() => host.close(), timeoutMs);

  const apply = (id: NativeId, input: object) =>
    host.run((context) => host.driver.reconfigure.apply(id, ReconfigureVm.parse(input), context));
  const drop = (id: NativeId) => host.run((context) => host.driver.reconfigure.drop(id, context));
  const pending = async (id: NativeId): Promise<PendingChange[]> => (await host.driver.get(id)).pendingChanges ?? [];
  const mac = '52:54:00:ab:08:01';
  const fresh = '52:54:00:ab:08:02';
  const withNetwork = async (test: (name: string, xml: () => Promise<string>) => Promise<void>) => {
    const name = `${host.prefix}net`;
    const network = await host.libvirt.networks.define(
      `<network><name>${name}</name><ip address='10.239.8.1' prefix='24'><dhcp>
        <range start='10.239.8.2' end='10.239.8.254'/><host mac='${mac}' ip='10.239.8.33'/></dhcp></ip></network>`,
    );
    await network.start();
    try {
      await test(name, () => network.xml({ inactive: true }));
    } finally {
      await network.destroy();
      await network.undefine();
    }
  };

  it(
    'is withdrawn as a whole: name, hardware, interfaces with their addresses, and what others plugged in',
    () =>
      withNetwork(async (network, reservations) => {
        const nic = `<interface type='network'><mac address='${mac}'/><source network='${network}'/><model type='virtio'/></interface>`;
        const domain = await host.define({
          name: 'waiting',
          head: `<memory unit='MiB'>64</memory><vcpu>1</vcpu>`,
          devices: nic,
        });
        const { uuid } = domain;
        await domain.start();
        const path = await host.disk('hot.qcow2');
        await domain.attachDevice(
          `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${path}'/><target dev='vdb' bus='virtio'/></disk>`,
          { live: true },
        );
        const before = await host.driver.get(uuid);
        await apply(uuid, {
          name: `${host.prefix}other`,
          cpus: 4,
          memoryMiB: 96,
          removeNics: [mac],
          addNics: [{ network, mac: fresh, address: '10.239.8.44' }],
        });
        const waiting = (await pending(uuid)).map(({ pointer }) => pointer);
        expect(waiting).toEqual(expect.arrayContaining(['/name', '/cpus', '/memoryMiB', '/disks/0', '/nics/0']));
        // It is there until the power-off, and so is its address.
        expect(await reservations()).toContain('10.239.8.33');
        expect(await drop(uuid)).toBe('changed');
        expect(await pending(uuid)).toEqual([]);
        const next = await domain.xml({ inactive: true });
        for (const part of [path, mac]) expect(next).toContain(part);
        expect(next).not.toContain('vnet');
        expect(await reservations()).toContain('10.239.8.33');
        expect(await drop(uuid)).toBe('unchanged');
        await domain.destroy();
        const { name, cpus, memoryMiB } = before;
        expect(await host.driver.get(uuid)).toMatchObject({ name, cpus, memoryMiB });
        await domain.start();
        await domain.destroy();
      }),
    timeoutMs,
  );

  it(
    'comes about when the machine is stopped: the interface is gone, and its address is free',
    () =>
      withNetwork(async (network, reservations) => {
        const nic = `<interface type='network'><mac address='${mac}'/><source network='${network}'/><model type='virtio'/></interface>`;
        const domain = await host.define({ name: 'leaving', devices: nic });
        const { uuid } = domain;
        await domain.start();
        const { notes } = await apply(uuid, { removeNics: [mac] });
        expect(notes).toEqual([expect.stringContaining('until the next power-off')]);
        expect(await apply(uuid, { removeNics: [mac] })).toMatchObject({ effect: 'unchanged' });
        expect(await pending(uuid)).toMatchObject([{ pointer: '/nics/0', from: { mac } }]);
        await host.run((context) => host.driver.stop(uuid, { force: true, timeoutSeconds: 1 }, context));
        expect((await host.driver.get(uuid)).nics).toEqual([]);
        expect(await reservations()).not.toContain('10.239.8.33');
      }),
    timeoutMs,
  );

  it(
    'is told of by the plan, each with its reason, also where only some of several fit into the machine',
    async () => {
      const ports = Array.from(
        { length: 3 },
        (_, index) => `<controller type='pci' index='${index + 1}' model='pcie-root-port'/>`,
      );
      const xml = host
        .xml({
          name: `${host.prefix}ports`,
          devices: `<controller type='pci' index='0' model='pcie-root'/>${ports.join('')}`,
        })
        .replace(`machine='pc'`, `machine='q35'`);
      const domain = await host.libvirt.domains.define(xml);
      const { uuid } = domain;
      await domain.start();
      const { capabilities } = await host.driver.probe();
      const nics = [1, 2, 3, 4].map(() => ({ network: 'default' }));
      const input = ReconfigureVm.parse({ cpus: 4, addNics: nics });
      const plan = await planOf(host.driver, reconfigureVm, { nativeId: uuid, input }, capabilities, signal());
      const when = plan.changes.filter(({ pointer }) => pointer === '/nics/-').map((change) => change.when);
      expect(plan.changes[0]).toEqual({ pointer: '/cpus', from: 1, to: 4, when: 'next-power-off' });
      expect(plan.warnings).toContainEqual({
        code: 'next-power-off',
        detail: expect.stringContaining('room for 1'),
        pointer: '/cpus',
      });
      await apply(uuid, input);
      const { nics: present } = await host.driver.get(uuid);
      expect(when.filter((one) => one === 'now')).toHaveLength(present.length);
      expect(when).toContain('next-power-off');
      // Each of those that wait is withdrawn by itself, and the others go on waiting.
      const waiting = async () => (await pending(uuid)).filter(({ pointer }) => pointer === '/nics/-');
      const [first, ...others] = await waiting();
      const { mac: gone } = first!.to as { mac: string };
      const removal = ReconfigureVm.parse({ removeNics: [gone] });
      const withdrawn = await planOf(
        host.driver,
        reconfigureVm,
        { nativeId: uuid, input: removal },
        capabilities,
        signal(),
      );
      expect(withdrawn).toMatchObject({
        changes: [{ pointer: '/nics/-', from: first!.to, when: 'next-power-off' }],
        warnings: [],
      });
      expect(await apply(uuid, removal)).toMatchObject({ effect: 'changed' });
      expect(await waiting()).toEqual(others);
      expect((await host.driver.get(uuid)).nics).toEqual(present);
    },
    timeoutMs,
  );
});
