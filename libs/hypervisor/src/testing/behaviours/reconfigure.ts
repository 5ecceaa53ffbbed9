import { expect } from '@jest/globals';
import type { DriverVm, ReconfigureVm } from '@polyvirt/contracts';
import { expectProblem, type Suite } from '../suite.ts';
import { nastyNames } from './names.ts';

export function describeReconfigure(suite: Suite): void {
  suite.area('reconfigure', () => {
    const cold = suite.shared(() => ({ name: suite.name('cold') }));
    const apply = async (input: ReconfigureVm) => {
      const nativeId = await cold();
      return suite.run((context) => suite.driver.reconfigure!.apply(nativeId, input, context));
    };
    const see = async () => suite.get(await cold());
    /** CPUs that it does not have, and that every host has. */
    const otherThan = ({ cpus }: DriverVm) => (cpus === 1 ? 2 : 1);

    suite.facet('reconfigure', 'changes CPUs and memory of a VM that is off, and again changes nothing', async () => {
      const before = await see();
      const twice = suite.bench.memoryMiB * 2;
      const change = {
        cpus: otherThan(before),
        memoryMiB: before.memoryMiB === twice ? suite.bench.memoryMiB : twice,
      };
      expect(await apply(change)).toEqual({ effect: 'changed' });
      expect(await see()).toMatchObject(change);
      expect(await apply(change)).toEqual({ effect: 'unchanged' });
    });

    suite.facet('reconfigure', 'changes only what is named', async () => {
      const before = await see();
      expect(await apply({ cpus: otherThan(before) })).toMatchObject({ effect: 'changed' });
      expect(await see()).toEqual({ ...before, cpus: otherThan(before) });
      expect(await apply({})).toEqual({ effect: 'unchanged' });
    });

    suite.facet('reconfigure', 'grows a disk, and again changes nothing', async () => {
      const { device, sizeGiB: before } = (await see()).disks[0]!;
      const grown = { device, sizeGiB: before! + 1 };
      expect((await apply({ disks: [grown] })).effect).toBe('changed');
      expect((await see()).disks).toMatchObject([grown]);
      expect((await apply({ disks: [grown] })).effect).toBe('unchanged');
    });

    suite.facet('reconfigure', 'refuses to shrink a disk with invalid-input, and changes nothing', async () => {
      const { device, sizeGiB } = (await see()).disks[0]!;
      await apply({ disks: [{ device, sizeGiB: sizeGiB! + 1 }] });
      const before = await see();
      await expectProblem('invalid-input', apply({ cpus: otherThan(before), disks: [{ device, sizeGiB: sizeGiB! }] }));
      expect(await see()).toEqual(before);
    });

    suite.facet('reconfigure', 'answers device-not-found for a disk or interface that is not there', async () => {
      const before = await see();
      await expectProblem(
        'device-not-found',
        apply({ cpus: otherThan(before), disks: [{ device: 'nope', sizeGiB: 9 }] }),
      );
      await expectProblem('device-not-found', apply({ cpus: otherThan(before), removeNics: ['02:00:00:00:00:01'] }));
      expect(await see()).toEqual(before);
    });

    suite.facet('reconfigure', 'adds and removes interfaces', async () => {
      const { network } = suite.bench;
      const mac = suite.mac();
      expect((await apply({ addNics: [{ network, address: 'auto', mac }] })).effect).toBe('changed');
      expect((await apply({ addNics: [{ network, address: 'auto' }] })).effect).toBe('changed');
      const nics = (await see()).nics;
      expect(nics).toHaveLength(2);
      expect(nics).toContainEqual(expect.objectContaining({ mac, network }));
      expect((await apply({ removeNics: [mac] })).effect).toBe('changed');
      expect((await see()).nics.map((nic) => nic.mac)).toEqual(nics.map((nic) => nic.mac).filter((one) => one !== mac));
    });

    suite.facet(
      'reconfigure',
      'removes an interface that waits for the power-off, and only that',
      async (reconfigure) => {
        if (suite.lackOf('reconfigure.nicsLive') === undefined)
          return { absent: 'Interfaces come at once on this host.' };
        const nic = { network: suite.bench.network, address: 'auto' as const };
        const nativeId = await suite.make({ cpus: 1, start: true });
        const change = (input: ReconfigureVm) => suite.run((context) => reconfigure.apply(nativeId, input, context));
        const waiting = async () => (await suite.get(nativeId)).pendingChanges ?? [];
        const macOf = ({ to }: { to?: unknown }) => (to as { mac?: string } | undefined)?.mac;
        try {
          const [gone, stays] = [suite.mac(), suite.mac()];
          await change({ cpus: 2, addNics: [gone, stays].map((mac) => ({ ...nic, mac })) });
          const before = await waiting();
          expect(before.map(macOf)).toEqual(expect.arrayContaining([gone, stays]));
          expect(await change({ removeNics: [gone] })).toMatchObject({ effect: 'changed' });
          expect(await waiting()).toEqual(before.filter((one) => macOf(one) !== gone));
          await expectProblem('device-not-found', change({ removeNics: [gone] }));
          await suite.bring(nativeId, 'stopped');
          expect((await suite.get(nativeId)).nics.map(({ mac }) => mac)).toEqual([stays]);
        } finally {
          await suite.remove(nativeId);
        }
        return;
      },
    );

    suite.facet('reconfigure', 'takes several of a kind in one change', async (reconfigure) => {
      const blank = { sizeGiB: 1, copy: 'cow' as const };
      const nic = { network: suite.bench.network, address: 'auto' as const };
      const nativeId = await suite.make({ disks: [blank, blank] });
      const change = (input: ReconfigureVm) => suite.run((context) => reconfigure.apply(nativeId, input, context));
      try {
        const { disks } = await suite.get(nativeId);
        const grown = disks.map(({ device }) => ({ device, sizeGiB: 2 }));
        const name = suite.name('all at once');
        await change({ name, cpus: 2, disks: grown, addNics: [nic, nic, { ...nic, mac: suite.mac() }] });
        const vm = await suite.get(nativeId);
        expect(vm).toMatchObject({ name, cpus: 2, disks: grown });
        const macs = vm.nics.map(({ mac }) => mac);
        expect(new Set(macs).size).toBe(3);
        await change({ addNics: [nic, nic], removeNics: macs as string[] });
        const after = (await suite.get(nativeId)).nics.map(({ mac }) => mac);
        expect(after).toHaveLength(2);
        for (const mac of after) expect(macs).not.toContain(mac);
      } finally {
        await suite.remove(nativeId);
      }
    });

    suite.facet('reconfigure', 'answers network-not-found for a network that is not there', async () => {
      const before = await see();
      await expectProblem(
        'network-not-found',
        apply({ cpus: otherThan(before), addNics: [{ network: 'no-such', address: 'auto' }] }),
      );
      expect(await see()).toEqual(before);
    });

    suite.facet('reconfigure', 'renames a VM that is off to any legal name; it keeps its id and works', async () => {
      const nativeId = await cold();
      for (const nasty of nastyNames) {
        const name = `${suite.bench.prefix}renamed ${nasty}`;
        expect((await apply({ name })).effect).toBe('changed');
        expect(await see()).toMatchObject({ nativeId, name });
        expect((await apply({ name })).effect).toBe('unchanged');
      }
      await suite.bring(nativeId, 'running');
      await suite.bring(nativeId, 'stopped');
    });

    suite.facet('reconfigure', 'answers name-taken for the name of another VM, and changes nothing', async () => {
      const name = suite.name();
      const other = await suite.make({ name, disks: [] });
      try {
        const before = await see();
        await expectProblem('name-taken', apply({ name, cpus: otherThan(before) }));
        expect(await see()).toEqual(before);
      } finally {
        await suite.remove(other);
      }
    });

    suite.facet(
      'reconfigure',
      'takes a running VM live where it can; the rest is pending, and holds after power-off',
      async () => {
        const nativeId = await cold();
        await suite.bring(nativeId, 'stopped');
        await apply({ cpus: 1, memoryMiB: suite.bench.memoryMiB });
        await suite.bring(nativeId, 'running');
        const asked = { cpus: 2, memoryMiB: suite.bench.memoryMiB * 2 };
        expect((await apply(asked)).effect).toBe('changed');
        const live = await see();
        for (const field of ['cpus', 'memoryMiB'] as const) {
          const pending = live.pendingChanges?.find(({ pointer }) => pointer === `/${field}`);
          expect({ field, reached: live[field] === asked[field] }).toEqual({ field, reached: pending === undefined });
          if (pending) expect(pending).toMatchObject({ from: live[field], to: asked[field] });
        }
        expect((await apply(asked)).effect).toBe('unchanged');
        await suite.bring(nativeId, 'stopped');
        expect(await see()).toMatchObject(asked);
        expect((await see()).pendingChanges ?? []).toEqual([]);
      },
    );

    suite.facet('reconfigure', 'grows a disk of a running VM, live or at the next power-off', async () => {
      const nativeId = await cold();
      await suite.bring(nativeId, 'running');
      const { device, sizeGiB } = (await see()).disks[0]!;
      const wanted = Math.ceil(sizeGiB!) + 1;
      await apply({ disks: [{ device, sizeGiB: wanted }] });
      const { disks, pendingChanges = [] } = await see();
      const waits = pendingChanges.some(({ pointer }) => pointer === '/disks/0/sizeGiB');
      expect(disks[0]!.sizeGiB).toBe(waits ? sizeGiB : wanted);
      await suite.bring(nativeId, 'stopped');
      expect((await see()).disks[0]!.sizeGiB).toBe(wanted);
    });

    suite.facet(
      'reconfigure',
      'adds and removes an interface of a running VM, live or at the next power-off',
      async () => {
        const nativeId = await cold();
        await suite.bring(nativeId, 'running');
        const { network } = suite.bench;
        const mac = suite.mac();
        await apply({ addNics: [{ network, address: 'auto', mac }] });
        await suite.bring(nativeId, 'stopped');
        expect((await see()).nics).toContainEqual(expect.objectContaining({ mac, network }));
        await suite.bring(nativeId, 'running');
        await apply({ removeNics: [mac] });
        await suite.bring(nativeId, 'stopped');
        expect((await see()).nics.map((nic) => nic.mac)).not.toContain(mac);
      },
    );
  });
}
