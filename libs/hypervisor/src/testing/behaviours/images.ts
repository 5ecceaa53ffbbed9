import { expect } from '@jest/globals';
import type { NewImage } from '../../driver.ts';
import { isoOf, MemorySource, sha256Of } from '../image-content.ts';
import { expectProblem, type Suite } from '../suite.ts';
import { Death, TestOperation } from '../test-operation.ts';

/** Images come and go: whole or not at all, and never from under a VM. */
export function describeImages(suite: Suite): void {
  const content = isoOf(300_000);
  const list = async () => (await suite.driver.images?.list(suite.signal())) ?? [];
  const found = async (name: string) => (await list()).filter((image) => image.name === name);
  const create = (image: NewImage, operation = new TestOperation()) =>
    operation.run((context) => suite.driver.images!.create!(image, context));
  const remove = (image: string) =>
    suite.run((context) => suite.driver.images!.delete!({ image, kind: 'iso' }, context));
  const withImage = async (test: (name: string) => Promise<void>) => {
    const name = suite.name('image');
    await create({ name, source: new MemorySource(content, { sha256: sha256Of(content) }) });
    try {
      await test(name);
    } finally {
      if ((await found(name)).length > 0) await remove(name);
    }
  };

  suite.area('images', () => {
    suite.feature(
      'images.fromUrl',
      'makes one that a VM can be given, whatever is interrupted on the way',
      async () => {
        const name = suite.name('image');
        const source = new MemorySource(content, { cuts: [100_000], sha256: sha256Of(content) });
        expect(await create({ name, source })).toMatchObject({ effect: 'changed' });
        expect(await found(name)).toMatchObject([{ name, kind: 'iso' }]);
        await suite.remove(await suite.make({ disks: [], cdrom: name }));
        await remove(name);
      },
    );

    suite.feature('images.fromUrl', 'keeps nothing of one with another checksum, or that is none', async () => {
      const before = await list();
      const name = suite.name('image');
      const other = new MemorySource(content, { sha256: 'ab'.repeat(32) });
      const { extras } = await expectProblem('invalid-input', create({ name, source: other }));
      expect(extras).toMatchObject({ errors: [{ pointer: '/sha256' }] });
      const page = new MemorySource(Buffer.from(`<!doctype html>${' '.repeat(1_000)}`));
      await expectProblem('invalid-input', create({ name, source: page }));
      await expectProblem(
        'fetch-failed',
        create({ name, source: new MemorySource(content, { cuts: [9], resumes: false }) }),
      );
      expect(await list()).toEqual(before);
    });

    suite.feature('images.fromUrl', 'gives no name twice', () =>
      withImage(async (name) => {
        const source = new MemorySource(content);
        await expectProblem('name-taken', create({ name, source }));
        await expectProblem('name-taken', create({ name: name.toUpperCase(), source }));
      }),
    );

    suite.feature('images.fromUrl', 'ends one that was cut at any step with exactly one', async () => {
      const counted = new TestOperation();
      const first = suite.name('image');
      await create({ name: first, source: new MemorySource(content) }, counted);
      await remove(first);
      for (const [step] of counted.steps.entries())
        for (const moment of ['before', 'after'] as const) {
          const name = suite.name('image');
          const operation = new TestOperation();
          operation.cut = { step, moment };
          const source = new MemorySource(content, { sha256: sha256Of(content) });
          const dying = create({ name, source }, operation);
          await expect(dying).rejects.toBeInstanceOf(Death);
          await create({ name, source }, operation.again());
          expect({ step, moment, images: (await found(name)).length }).toEqual({ step, moment, images: 1 });
          await remove(name);
        }
    });

    suite.feature('images.delete', 'deletes none that a VM needs, and names that VM', () =>
      withImage(async (image) => {
        const name = suite.name();
        const nativeId = await suite.make({ name, disks: [], cdrom: image });
        try {
          const { message } = await expectProblem('image-in-use', remove(image));
          expect(message).toContain(name);
          expect(await found(image)).toHaveLength(1);
        } finally {
          await suite.remove(nativeId);
        }
        await remove(image);
        expect(await found(image)).toEqual([]);
      }),
    );

    suite.feature('images.delete', 'says of one that there is not that there is none', async () => {
      await expectProblem('image-not-found', remove(suite.name('image')));
    });
  });
}
