import { expect } from '@jest/globals';
import {
  ProblemError,
  type BootDevice,
  type DriverVm,
  type FeatureRef,
  type HardwareChange,
  type NativeId,
} from '@polyvirt/contracts';
import { freeAddressOn } from '../free-address.ts';
import { expectProblem, type Suite } from '../suite.ts';

/** CD-ROM, boot order and interfaces, of a VM that is off and of one that is on. */
export function describeHardwareParts(suite: Suite): void {
  const apply = async (nativeId: NativeId, change: HardwareChange) =>
    (await suite.run((context) => suite.driver.reconfigure!.apply(nativeId, change, context))).effect;
  /** Refused in the words of the probe where the host lacks it. */
  const unlessAbsent = async (
    ref: FeatureRef,
    nativeId: NativeId,
    change: HardwareChange,
    test: () => Promise<void>,
  ): Promise<{ absent: string } | undefined> => {
    const absent = suite.lackOf(ref);
    if (absent === undefined) {
      await test();
      return undefined;
    }
    const { message } = await expectProblem('capability-missing', apply(nativeId, change));
    expect(message).toBe(absent);
    return { absent };
  };
  /** What was asked for is there now, or waits and is there after the power-off. */
  const comesAbout = async (
    nativeId: NativeId,
    pointer: string,
    live: FeatureRef | undefined,
    look: (vm: DriverVm) => unknown,
    wanted: unknown,
  ) => {
    const { pendingChanges = [], ...vm } = await suite.get(nativeId);
    const waits = pendingChanges.find((change) => change.pointer === pointer);
    if (live !== undefined)
      expect({ live, waits: waits !== undefined }).toEqual({ live, waits: suite.lackOf(live) !== undefined });
    if (waits) expect(waits.to).toEqual(wanted);
    else expect(look(vm)).toEqual(wanted);
    await suite.bring(nativeId, 'stopped');
    const after = await suite.get(nativeId);
    expect(look(after)).toEqual(wanted);
    expect(after.pendingChanges ?? []).toEqual([]);
  };

  suite.area('hardware', () => {
    const nic = () => ({ network: suite.bench.network, address: 'auto' as const, mac: suite.mac() });
    const vm = suite.shared(() => ({ name: suite.name('parts'), nics: [nic()] }));

    suite.facet(
      'reconfigure',
      'inserts an ISO image, ejects it, and again changes nothing; or says why not',
      async () => {
        const nativeId = await vm();
        const { iso } = suite.bench;
        return unlessAbsent('reconfigure.cdrom', nativeId, { cdrom: iso }, async () => {
          await suite.bring(nativeId, 'stopped');
          expect(await apply(nativeId, { cdrom: iso })).toBe('changed');
          expect((await suite.get(nativeId)).cdrom).toBe(iso);
          expect(await apply(nativeId, { cdrom: iso })).toBe('unchanged');
          await expectProblem('image-not-found', apply(nativeId, { cdrom: 'no-such-image' }));
          await expectProblem('image-not-found', apply(nativeId, { cdrom: suite.bench.image }));
          await suite.bring(nativeId, 'running');
          expect(await apply(nativeId, { cdrom: null })).toBe('changed');
          await comesAbout(nativeId, '/cdrom', 'reconfigure.cdromLive', ({ cdrom }) => cdrom, null);
          expect(await apply(nativeId, { cdrom: null })).toBe('unchanged');
          await suite.bring(nativeId, 'running');
          expect(await apply(nativeId, { cdrom: iso })).toBe('changed');
          await comesAbout(nativeId, '/cdrom', 'reconfigure.cdromLive', ({ cdrom }) => cdrom, iso);
        });
      },
    );

    suite.facet('reconfigure', 'changes the boot order, for the next power-on; or says why not', async () => {
      const nativeId = await vm();
      const order: BootDevice[] = ['cdrom', 'disk'];
      return unlessAbsent('reconfigure.bootOrder', nativeId, { bootOrder: order }, async () => {
        await suite.bring(nativeId, 'stopped');
        expect(await apply(nativeId, { bootOrder: order })).toBe('changed');
        expect((await suite.get(nativeId)).bootOrder).toEqual(order);
        expect(await apply(nativeId, { bootOrder: order })).toBe('unchanged');
        await suite.bring(nativeId, 'running');
        const other: BootDevice[] = ['network', 'disk', 'cdrom'];
        const outcome = await apply(nativeId, { bootOrder: other }).catch((error: unknown) => error);
        // A product may take no order from a VM that is on, and says that it has to be stopped.
        if (outcome instanceof ProblemError) {
          expect(outcome.code).toBe('wrong-state');
          expect((await suite.get(nativeId)).bootOrder).toEqual(order);
          return;
        }
        expect(outcome).toBe('changed');
        await comesAbout(nativeId, '/bootOrder', undefined, ({ bootOrder }) => bootOrder, other);
      });
    });

    suite.facet('reconfigure', 'makes a template, which does not start and is cloned; or says why not', async () => {
      const nativeId = await vm();
      const { clone, images } = suite.driver;
      const start = () => suite.run((context) => suite.driver.start(nativeId, context));
      return unlessAbsent('reconfigure.template', nativeId, { template: true }, async () => {
        await suite.bring(nativeId, 'running');
        expect((await suite.get(nativeId)).template).toBe(false);
        expect(await apply(nativeId, { template: false })).toBe('unchanged');
        await expectProblem('wrong-state', apply(nativeId, { template: true }));
        await suite.bring(nativeId, 'stopped');
        expect(await apply(nativeId, { template: true })).toBe('changed');
        try {
          expect(await suite.get(nativeId)).toMatchObject({ template: true, state: 'stopped' });
          expect(await apply(nativeId, { template: true })).toBe('unchanged');
          await expectProblem('wrong-state', start());
          expect(await suite.stateOf(nativeId)).toBe('stopped');
          for (const linked of clone ? [false, true] : []) {
            const input = { name: suite.name('of-template'), linked, start: false };
            const copy = await suite.run((context) => clone!.clone(nativeId, input, context));
            expect((await suite.get(copy.nativeId)).template).toBe(false);
            await suite.remove(copy.nativeId);
          }
          if (typeof suite.bench.template === 'string' && images) {
            const made = await suite.make({ template: nativeId, disks: [] });
            expect(await suite.get(made)).toMatchObject({ template: false, state: 'stopped' });
            await suite.remove(made);
          }
        } finally {
          expect(await apply(nativeId, { template: false })).toBe('changed');
        }
        expect(await start()).toBe('changed');
      });
    });

    suite.facet('reconfigure', 'has a VM start with its host, or no longer; or says why not', async () => {
      const nativeId = await vm();
      return unlessAbsent('reconfigure.autostart', nativeId, { autostart: true }, async () => {
        await suite.bring(nativeId, 'stopped');
        expect((await suite.get(nativeId)).autostart).toBe(false);
        expect(await apply(nativeId, { autostart: true })).toBe('changed');
        expect((await suite.get(nativeId)).autostart).toBe(true);
        expect(await apply(nativeId, { autostart: true })).toBe('unchanged');
        await expectProblem('invalid-input', apply(nativeId, { template: true }));
        await suite.bring(nativeId, 'running');
        expect(await apply(nativeId, { autostart: false })).toBe('changed');
        expect((await suite.get(nativeId)).autostart).toBe(false);
      });
    });

    suite.facet('reconfigure', 'unplugs the cable of an interface and plugs it in; or says why not', async () => {
      const nativeId = await vm();
      const before = (await suite.get(nativeId)).nics[0]!;
      const change = (connected: boolean) => ({ changeNics: [{ mac: before.mac!, connected }] });
      return unlessAbsent('reconfigure.nicLink', nativeId, change(false), async () => {
        await suite.bring(nativeId, 'stopped');
        expect(await apply(nativeId, change(true))).toBe('unchanged');
        expect(await apply(nativeId, change(false))).toBe('changed');
        expect((await suite.get(nativeId)).nics[0]).toMatchObject({
          mac: before.mac,
          network: before.network,
          connected: false,
        });
        await suite.bring(nativeId, 'running');
        expect(await apply(nativeId, change(true))).toBe('changed');
        const look = ({ nics }: DriverVm) => nics[0]!.connected;
        await comesAbout(nativeId, '/nics/0/connected', 'reconfigure.nicLinkLive', look, true);
        await expectProblem(
          'device-not-found',
          apply(nativeId, { changeNics: [{ mac: '02:00:00:00:00:01', connected: true }] }),
        );
      });
    });

    suite.facet(
      'reconfigure',
      'gives an interface an address in its place, and keeps its MAC; or says why not',
      async () => {
        const nativeId = await vm();
        await suite.bring(nativeId, 'stopped');
        const { mac } = (await suite.get(nativeId)).nics[0]!;
        const network = suite.driver.networks && (await suite.network());
        const address = network?.fixedAddresses ? freeAddressOn(network, suite.bench.fixedAddresses) : undefined;
        const wanted = { mac: mac!, network: suite.bench.network };
        return unlessAbsent('reconfigure.nicsInPlace', nativeId, { changeNics: [wanted] }, async () => {
          expect(await apply(nativeId, { changeNics: [wanted] })).toBe('unchanged');
          const before = await suite.get(nativeId);
          const nowhere = { changeNics: [{ mac: mac!, network: 'no-such' }] };
          await expectProblem('network-not-found', apply(nativeId, nowhere));
          expect(await suite.get(nativeId)).toEqual(before);
          if (!network || address === undefined) return;
          expect(await apply(nativeId, { changeNics: [{ mac: mac!, address }] })).toBe('changed');
          // A network keeps it for the interface, or the product shows it there already.
          const holders = async () => {
            const kept = ((await suite.network()).reserved ?? []).filter((one) => one.address === address);
            const isShown = (await suite.get(nativeId)).nics[0]!.addresses.includes(address);
            return new Set([...kept.map((one) => one.mac ?? mac), ...(isShown ? [mac] : [])]);
          };
          expect(await holders()).toEqual(new Set([mac]));
          expect(await apply(nativeId, { changeNics: [{ mac: mac!, address }] })).toBe('unchanged');
          // Where the network gives out all addresses itself, the interface keeps the one that it has.
          const outcome = await apply(nativeId, { changeNics: [{ mac: mac!, address: 'auto' }] });
          expect((await holders()).size).toBe(outcome === 'unchanged' ? 1 : 0);
          expect((await suite.get(nativeId)).nics.map((one) => one.mac)).toEqual([mac]);
        });
      },
    );
  });
}
