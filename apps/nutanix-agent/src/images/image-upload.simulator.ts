import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { isoOf, MemorySource, sha256Of, TestOperation } from '@polyvirt/hypervisor/testing';
import { objectAt, textAt } from '../client/json.ts';
import type { PrismDriver } from '../prism.driver.ts';
import { driverOn } from '../testing/prism-bench.ts';
import { PrismSimulator, type SimulatorFault } from '../testing/prism-simulator.ts';

describe('an image that is sent to Prism Central', () => {
  const content = isoOf(3_000_000);
  const put = { method: 'PUT', path: '/api/nutanix/v3/images/*/file' };
  let simulator: PrismSimulator;
  let driver: PrismDriver;

  beforeAll(async () => {
    simulator = await PrismSimulator.start({});
    driver = driverOn(simulator, { retryMs: 10 });
  }, 60_000);
  afterEach(() => simulator.reset());
  afterAll(async () => {
    await driver.close();
    await simulator.stop();
  });

  const create = (name: string, source = new MemorySource(content, { sha256: sha256Of(content) })) =>
    new TestOperation().run((context) => driver.images.create({ name, source }, context));
  const found = async (name: string) =>
    (await simulator.list('images')).filter((image) => textAt(objectAt(image, 'status'), 'name') === name);
  const requireWhole = async (name: string) => {
    const [image, ...others] = await found(name);
    expect(others).toEqual([]);
    expect(objectAt(objectAt(image, 'status'), 'resources')).toMatchObject({
      image_type: 'ISO_IMAGE',
      size_bytes: content.length,
    });
  };

  it.each<[string, SimulatorFault['effect']]>([
    ['resets the connection', { kind: 'refuse' }],
    ['has no answer for it', { kind: 'drop' }],
    ['has half an answer for it', { kind: 'cut' }],
    ['is busy', { kind: 'status', status: 503 }],
    ['has ended the session', { kind: 'expire' }],
  ])('is whole, and one, when Prism %s', async (_, effect) => {
    const name = `image-${randomUUID()}`;
    await simulator.fault({ ...put, count: 1, effect });
    expect(await create(name)).toEqual({ effect: 'changed', notes: [] });
    await requireWhole(name);
  });

  it('leaves nothing when Prism refuses it', async () => {
    const name = `image-${randomUUID()}`;
    await simulator.fault({ ...put, effect: { kind: 'status', status: 422, message: 'Not this one.' } });
    await expect(create(name)).rejects.toMatchObject({ code: 'host-rejected' });
    expect(await found(name)).toEqual([]);
  });

  it('never ends for Prism when its checksum is another one', async () => {
    const name = `image-${randomUUID()}`;
    const source = new MemorySource(content, { sha256: 'ab'.repeat(32) });
    await expect(create(name, source)).rejects.toMatchObject({ code: 'invalid-input' });
    expect(await found(name)).toEqual([]);
  });

  it('has no length where its source says none', async () => {
    const name = `image-${randomUUID()}`;
    const { notes } = await create(name, new MemorySource(content, { tellsSize: false }));
    expect(notes).toEqual([`The SHA-256 of memory:image is ${sha256Of(content)}.`]);
    await requireWhole(name);
  });

  it('is found by name or UUID when it is to go, and asked for by UUID when several have the name', async () => {
    const name = `image-${randomUUID()}`;
    const spec = { name, resources: { image_type: 'ISO_IMAGE' } };
    for (let count = 0; count < 2; count += 1)
      await simulator.done(await simulator.v3('POST', '/images', { metadata: { kind: 'image' }, spec }));
    const remove = (image: string) => new TestOperation().run((context) => driver.images.delete({ image }, context));
    await expect(remove(name)).rejects.toMatchObject({ code: 'name-ambiguous' });
    const uuids = (await found(name)).map((image) => textAt(objectAt(image, 'metadata'), 'uuid')!);
    await remove(uuids[0]!);
    await remove(name);
    expect(await found(name)).toEqual([]);
  });
});
