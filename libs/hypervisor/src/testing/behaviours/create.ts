import { expect } from '@jest/globals';
import { NativeId, ProblemError, type CreateVm } from '@polyvirt/contracts';
import { expectProblem, type Suite } from '../suite.ts';
import { TestOperation } from '../test-operation.ts';
import { nastyNames } from './names.ts';

export function describeCreate(suite: Suite): void {
  /** Makes a VM, shows it to the test, and removes it. */
  const withVm = async (input: Partial<CreateVm>, test: (nativeId: string, body: CreateVm) => Promise<void>) => {
    const body = suite.body(input);
    const { nativeId, effect } = await suite.run((context) => suite.driver.create(body, context));
    try {
      expect(effect).toBe('changed');
      await test(nativeId, body);
    } finally {
      await suite.remove(nativeId);
    }
  };
  const refuses = async (code: Parameters<typeof expectProblem>[0], input: Partial<CreateVm>) => {
    const before = await suite.bench.leftovers();
    const body = suite.body(input);
    await expectProblem(
      code,
      suite.run((context) => suite.driver.create(body, context)),
    );
    expect(await suite.named(body.name)).toEqual([]);
    expect(await suite.bench.leftovers()).toEqual(before);
  };

  suite.area('create', () => {
    suite.behaviour('makes a VM with a blank disk, off, as asked', () =>
      withVm({ cpus: 2, disks: [{ sizeGiB: 1, copy: 'cow' }] }, async (nativeId, { name, memoryMiB }) => {
        NativeId.parse(nativeId);
        const vm = await suite.get(nativeId);
        expect(vm).toMatchObject({ nativeId, name, state: 'stopped', cpus: 2, memoryMiB, firmware: 'bios' });
        expect(vm.disks.map(({ sizeGiB }) => sizeGiB)).toEqual([1]);
        expect(vm.nics).toEqual([]);
        expect(vm.snapshots).toEqual([]);
        expect(vm.pendingChanges ?? []).toEqual([]);
        const [listed, ...others] = await suite.named(name);
        expect(others).toEqual([]);
        expect(listed).toMatchObject({ nativeId, state: 'stopped', cpus: 2, memoryMiB });
      }),
    );

    suite.behaviour('makes one VM however often the same operation is run', async () => {
      const body = suite.body();
      const first = new TestOperation();
      const { nativeId } = await first.run((context) => suite.driver.create(body, context));
      try {
        // With the journal, and without it.
        const second = await first.again().run((context) => suite.driver.create(body, context));
        const third = await new TestOperation(first.operationId).run((context) => suite.driver.create(body, context));
        expect([second.nativeId, third.nativeId]).toEqual([nativeId, nativeId]);
        expect(await suite.named(body.name)).toHaveLength(1);
      } finally {
        await suite.remove(nativeId);
      }
    });

    suite.behaviour('answers name-taken for a name in use, and makes nothing', () =>
      withVm({}, async (nativeId, { name }) => {
        const before = await suite.bench.leftovers();
        const again = suite.run((context) => suite.driver.create(suite.body({ name }), context));
        await expectProblem('name-taken', again);
        expect((await suite.named(name)).map((vm) => vm.nativeId)).toEqual([nativeId]);
        expect(await suite.bench.leftovers()).toEqual(before);
      }),
    );

    suite.behaviour('makes a disk from an image, copy-on-write and in full, larger than the image', () =>
      withVm(
        {
          disks: [
            { image: suite.bench.image, sizeGiB: 3, copy: 'cow' },
            { image: suite.bench.image, sizeGiB: 2, copy: 'full' },
            { sizeGiB: 1, copy: 'cow' },
          ],
        },
        async (nativeId) => {
          const { disks } = await suite.get(nativeId);
          expect(disks.map(({ sizeGiB }) => sizeGiB)).toEqual([3, 2, 1]);
          expect(new Set(disks.map(({ device }) => device)).size).toBe(3);
        },
      ),
    );

    suite.behaviour('gives a disk from an image the size of the image when none is asked for', () =>
      withVm({ disks: [{ image: suite.bench.image, copy: 'cow' }] }, async (nativeId) => {
        const { disks } = await suite.get(nativeId);
        expect(disks).toHaveLength(1);
        expect(disks[0]!.sizeGiB).toBeGreaterThan(0);
        const images = await suite.driver.images?.list(suite.signal());
        const image = images?.find(({ name }) => name === suite.bench.image);
        if (image?.sizeGiB !== undefined) expect(disks[0]!.sizeGiB).toBeCloseTo(image.sizeGiB, 1);
      }),
    );

    suite.behaviour('makes a VM with a CD-ROM, cloud-init data and a network interface, and powers it on', () => {
      const mac = suite.mac();
      return withVm(
        {
          cdrom: suite.bench.iso,
          cloudInit: { userData: '#cloud-config\nhostname: made-by-cloud-init\n' },
          nics: [{ network: suite.bench.network, address: 'auto', mac }],
          start: true,
        },
        async (nativeId) => {
          const vm = await suite.get(nativeId);
          expect(vm.state).toBe('running');
          expect(vm.nics).toMatchObject([{ mac, network: suite.bench.network }]);
          expect(vm.cdrom).toBe(suite.bench.iso);
          // Neither the CD-ROM nor the seed is a disk of the VM.
          expect(vm.disks).toHaveLength(1);
        },
      );
    });

    suite.behaviour('makes a VM without a disk', () =>
      withVm({ disks: [] }, async (nativeId) => expect((await suite.get(nativeId)).disks).toEqual([])),
    );

    suite.behaviour('makes a VM with UEFI firmware that powers on', () =>
      withVm({ firmware: 'uefi', start: true }, async (nativeId) => {
        expect(await suite.get(nativeId)).toMatchObject({ firmware: 'uefi', state: 'running' });
      }),
    );

    suite.behaviour('chooses a MAC address of its own for each interface', () => {
      const nic = { network: suite.bench.network, address: 'auto' } as const;
      return withVm({ nics: [nic, nic] }, async (nativeId) => {
        const macs = (await suite.get(nativeId)).nics.map(({ mac }) => mac);
        expect(new Set(macs).size).toBe(2);
        for (const mac of macs) expect(mac).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
      });
    });

    suite.behaviour('makes a VM from a template where the host has one', async () => {
      const { template } = suite.bench;
      if (typeof template !== 'string') {
        expect(template.none).toMatch(/\S/);
        expect((await suite.driver.images?.templates(suite.signal())) ?? []).toEqual([]);
        return;
      }
      await withVm({ template, disks: [] }, async (nativeId) => {
        const vm = await suite.get(nativeId);
        expect(vm.state).toBe('stopped');
        expect(vm.disks.length).toBeGreaterThan(0);
      });
    });

    suite.behaviour('keeps a legal name to the letter, whatever it contains, and the VM works', async () => {
      for (const nasty of nastyNames) {
        await withVm({ name: `${suite.bench.prefix}${nasty}`, start: true }, async (nativeId, { name }) => {
          expect(await suite.get(nativeId)).toMatchObject({ name, state: 'running' });
          expect(await suite.named(name)).toHaveLength(1);
        });
      }
    });

    suite.behaviour('answers image-not-found for a disk or CD-ROM that is not there, and makes nothing', async () => {
      await refuses('image-not-found', { disks: [{ image: 'no-such-image', copy: 'cow' }] });
      await refuses('image-not-found', { cdrom: 'no-such-iso' });
    });

    suite.behaviour('answers network-not-found for a network that is not there, and makes nothing', () =>
      refuses('network-not-found', { nics: [{ network: 'no-such-network', address: 'auto' }] }),
    );

    suite.behaviour('answers template-not-found for a template that is not there, and makes nothing', () =>
      refuses('template-not-found', { template: 'no-such-template', disks: [] }),
    );

    suite.behaviour('makes nothing when it was cancelled before it began', async () => {
      const before = await suite.bench.leftovers();
      const operation = new TestOperation();
      operation.cancel();
      const call = operation.run((context) => suite.driver.create(suite.body(), context));
      await expect(call).rejects.toThrow(ProblemError);
      expect(await suite.bench.leftovers()).toEqual(before);
    });
  });
}
