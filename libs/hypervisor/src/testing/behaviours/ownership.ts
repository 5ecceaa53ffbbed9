import { expect } from '@jest/globals';
import { ProblemError, type CreateVm, type NativeId } from '@polyvirt/contracts';
import { freeAddressOn } from '../free-address.ts';
import { expectProblem, type Suite } from '../suite.ts';

/** What on the host belongs to whom: nothing is lost that somebody needs, and nothing is left that nobody does. */
export function describeOwnership(suite: Suite): void {
  const filesOf = async (...ids: NativeId[]) =>
    (await suite.bench.files())
      .filter(({ users }) => ids.every((id) => users.includes(id)))
      .map(({ path }) => path)
      .sort();
  const clone = async (from: NativeId, linked: boolean, snapshot?: string) => {
    const input = { name: suite.name('copy'), linked, start: false, ...(snapshot !== undefined && { snapshot }) };
    return (await suite.run((context) => suite.driver.clone!.clone(from, input, context))).nativeId;
  };
  const uefi: Partial<CreateVm> = { firmware: 'uefi' };
  const remove = (nativeId: NativeId) =>
    suite.run((context) => suite.driver.delete(nativeId, { disks: 'delete' }, context));

  suite.area('ownership', () => {
    for (const firmware of ['bios', 'uefi'] as const) {
      suite.facet(
        'clone',
        `shares no file between a ${firmware} VM and its full clone, and both run at once`,
        async () => {
          const before = await suite.bench.leftovers();
          const from = await suite.make({ firmware, nics: [{ network: suite.bench.network, address: 'auto' }] });
          const copy = await clone(from, false);
          try {
            await suite.bring(from, 'running');
            await suite.bring(copy, 'running');
            expect(await filesOf(from, copy)).toEqual([]);
            expect((await filesOf(copy)).length > 0).toBe((await filesOf(from)).length > 0);
            const macs = [...(await suite.get(from)).nics, ...(await suite.get(copy)).nics].map(({ mac }) => mac);
            expect(new Set(macs).size).toBe(2);
          } finally {
            await suite.remove(copy);
            await suite.remove(from);
          }
          expect(await suite.bench.leftovers()).toEqual(before);
        },
      );
    }

    suite.facet('networks', 'gives a clone no fixed address of its source', async () => {
      const network = await suite.network();
      const address = network.fixedAddresses ? freeAddressOn(network, suite.bench.fixedAddresses) : undefined;
      if (!suite.driver.clone || address === undefined) return;
      const from = await suite.make({ nics: [{ network: network.name, address }] });
      const copy = await clone(from, false);
      try {
        const holders = (await suite.network()).reserved?.filter((one) => one.address === address) ?? [];
        expect(holders.length).toBeLessThanOrEqual(1);
        const { mac, addresses } = (await suite.get(copy)).nics[0]!;
        expect(holders.map((one) => one.mac)).not.toContain(mac);
        expect(addresses).not.toContain(address);
      } finally {
        await suite.remove(copy);
        await suite.remove(from);
      }
    });

    suite.facet(
      'clone',
      'leaves nothing when the last VM over a shared base is deleted, in whatever order',
      async () => {
        const { snapshots } = suite.driver;
        for (const order of [
          [0, 1, 2],
          [2, 0, 1],
          [1, 0, 2],
        ]) {
          const before = await suite.bench.leftovers();
          const from = await suite.make();
          const take = async (name: string) =>
            snapshots &&
            (await suite.run((context) => snapshots.create(from, { name, memory: false }, context))).snapshot;
          const machines = [from];
          try {
            const first = await take('a');
            await take('b');
            machines.push(await clone(from, true).catch(unlessRefused));
            machines.push(await clone(from, first !== undefined, first).catch(unlessRefused));
            for (const doomed of order.map((at) => machines[at]!)) {
              if (isMade(doomed)) await remove(doomed);
              // With the last clone of a snapshot a product may merge layers, so what counts is what is needed now.
              expect((await suite.bench.files()).filter(({ missing }) => missing)).toEqual([]);
            }
          } finally {
            for (const id of machines.filter(isMade).reverse()) await suite.remove(id);
          }
          expect({ order, left: await suite.bench.leftovers() }).toEqual({ order, left: before });
        }
      },
    );

    suite.facet('reconfigure', 'keeps every file of a VM that is renamed, and it starts from them', async (facet) => {
      for (const firmware of ['bios', 'uefi'] as const) {
        const nativeId = await suite.make({ ...(firmware === 'uefi' && uefi), name: suite.name('before') });
        try {
          await suite.bring(nativeId, 'running');
          await suite.bring(nativeId, 'stopped');
          const files = await filesOf(nativeId);
          await suite.run((context) => facet.apply(nativeId, { name: suite.name('after') }, context));
          expect(await filesOf(nativeId)).toEqual(files);
          await suite.bring(nativeId, 'running');
          await suite.bring(nativeId, 'stopped');
          expect(await filesOf(nativeId)).toEqual(files);
        } finally {
          await suite.remove(nativeId);
        }
      }
    });

    suite.behaviour('deletes every file that a VM has gathered, and none that it has not', async () => {
      const before = await suite.bench.leftovers();
      const other = await suite.make({ ...uefi, name: suite.name('other') });
      const nativeId = await suite.make({ ...uefi, cloudInit: { userData: '#cloud-config\n' } });
      try {
        for (const id of [other, nativeId]) {
          await suite.bring(id, 'running');
          await suite.bring(id, suite.neverSuspended === undefined ? 'suspended' : 'stopped');
        }
        const kept = await filesOf(other);
        await remove(nativeId);
        expect(await filesOf(nativeId)).toEqual([]);
        expect(await filesOf(other)).toEqual(kept);
        await suite.bring(other, 'running');
      } finally {
        await suite.remove(nativeId);
        await suite.remove(other);
      }
      expect(await suite.bench.leftovers()).toEqual(before);
    });

    suite.behaviour('names every path that it keeps', async () => {
      const nativeId = await suite.make();
      const disks = (await suite.get(nativeId)).disks.map(({ path }) => path).filter((path) => path !== undefined);
      const { notes = [] } = await suite.run((context) => suite.driver.delete(nativeId, { disks: 'keep' }, context));
      const kept = (await suite.bench.files()).map(({ path }) => path);
      for (const path of disks.filter((one) => kept.includes(one))) expect(notes.join('\n')).toContain(path);
    });
  });

  suite.area('names', () => {
    suite.behaviour('are equal whatever their case and however their accents are spelt', async () => {
      const name = suite.name('Straße É');
      const nativeId = await suite.make({ name, disks: [] });
      const other = await suite.make({ disks: [] });
      const { driver } = suite;
      try {
        for (const same of [name, name.toUpperCase(), name.toLowerCase(), name.normalize('NFD')]) {
          if (same.toLowerCase().normalize('NFC') !== name.toLowerCase().normalize('NFC')) continue;
          const taken = (call: Promise<unknown>) => expectProblem('name-taken', call);
          await taken(suite.run((context) => driver.create(suite.body({ name: same, disks: [] }), context)));
          if (driver.reconfigure)
            await taken(suite.run((context) => driver.reconfigure!.apply(other, { name: same }, context)));
          if (driver.clone) {
            const input = { name: same, linked: false, start: false };
            await taken(suite.run((context) => driver.clone!.clone(other, input, context)));
          }
        }
        if (!driver.reconfigure) return;
        // Its own name in another case is no other VM's.
        const louder = `${name.slice(0, -1)}${name.at(-1)!.toUpperCase()}`.replace('É', 'é');
        await suite.run((context) => driver.reconfigure!.apply(nativeId, { name: louder }, context));
        expect((await suite.get(nativeId)).name).toBe(louder);
      } finally {
        await suite.remove(nativeId);
        await suite.remove(other);
      }
    });
  });

  suite.area('refusals', () => {
    suite.behaviour('leaves a VM that the hypervisor does not start as stopped, and mended it starts', async () => {
      const nativeId = await suite.make();
      try {
        const mend = await suite.bench.otherTool.refuseStart(nativeId);
        const start = () => suite.run((context) => suite.driver.start(nativeId, context));
        for (let time = 0; time < 2; time += 1) {
          await expectProblem('host-rejected', start());
          expect(await suite.stateOf(nativeId)).toBe('stopped');
        }
        await mend();
        expect(await start()).toBe('changed');
      } finally {
        await suite.remove(nativeId);
      }
    });

    suite.behaviour('quotes no user data in what it says', async () => {
      const secret = 'pässwörd-of-the-guest-31337';
      const cloudInit = { userData: `#cloud-config\npassword: ${secret}\n${'# padding\n'.repeat(200)}` };
      const name = suite.name('taken');
      const nativeId = await suite.make({ name, disks: [] });
      const tooMuch = suite.status.limits?.userDataBytes;
      const bodies: Partial<CreateVm>[] = [
        { name, cloudInit },
        { cloudInit, disks: [{ image: 'no-such-image', copy: 'cow' }] },
        ...(tooMuch === undefined
          ? []
          : [{ cloudInit: { userData: `${cloudInit.userData}${'é'.repeat(Math.ceil(tooMuch / 2))}` } }]),
      ];
      try {
        for (const body of bodies) {
          const call = suite.run((context) => suite.driver.create({ ...suite.body(), ...body }, context));
          const error: unknown = await call.then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          const { message, extras } = await expectProblem(codeOf(error), Promise.reject(error));
          const said = JSON.stringify([message, extras]);
          expect(said).not.toContain(secret);
          expect(message.length).toBeLessThanOrEqual(1_000);
        }
      } finally {
        await suite.remove(nativeId);
      }
    });
  });
}

const notMade = '';
const isMade = (nativeId: NativeId): boolean => nativeId !== notMade;

/** A host that cannot make a linked clone of such a VM says so, and there is nothing to delete. */
function unlessRefused(error: unknown): NativeId {
  if (['capability-missing', 'wrong-state'].includes(codeOf(error))) return notMade;
  throw error;
}

function codeOf(error: unknown) {
  return error instanceof ProblemError ? error.code : 'internal';
}
