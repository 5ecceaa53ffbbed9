import { beforeEach, describe, expect, it } from '@jest/globals';
import { ProblemError, type NativeId } from '@polyvirt/contracts';
import { benchOn } from '../../fake/fake-bench.ts';
import { FakeHost } from '../../fake/fake-host.ts';
import { Dice } from './dice.ts';
import { refusalOf, World } from './world.ts';

describe('a random life', () => {
  let host: FakeHost;
  let world: World;

  beforeEach(async () => {
    host = new FakeHost();
    const bench = benchOn(host);
    const driver = await bench.open();
    world = new World(bench, driver, await driver.probe(new AbortController().signal), new Dice(1));
    world.agreesWithinMs = 0;
  });

  const make = async (linkedTo?: NativeId): Promise<NativeId> => {
    const { nativeId } = await world.run((driver, context) =>
      linkedTo === undefined
        ? driver.create(world.body({ disks: [{ sizeGiB: 1, copy: 'cow' }] }), context)
        : driver.clone!.clone(linkedTo, { name: world.name(), linked: true, start: false }, context),
    );
    return nativeId;
  };
  const diskOf = (nativeId: NativeId) => `/fake/disks/${nativeId}-vda`;

  it('sees nothing wrong where nothing is', async () => {
    await make(await make());
    expect(await world.faults()).toEqual([]);
  });

  it('sees a file that is gone and needed, also as a base', async () => {
    const base = await make();
    const clone = await make(base);
    host.deleteVolume(diskOf(base));
    expect(await world.faults()).toEqual([
      expect.stringMatching(`${diskOf(base)} is gone, and ${base}, ${clone} needs it`),
    ]);
  });

  it('sees a file that is left, unless somebody was told to keep it', async () => {
    const vm = await make();
    host.undefine(vm);
    expect(await world.faults()).toEqual([expect.stringContaining(`${diskOf(vm)} is left`)]);
    const other = await make();
    await world.keepFilesOf(other);
    host.undefine(other);
    expect(await world.faults()).toHaveLength(1);
    world.tell([`kept ${diskOf(vm)}`]);
    expect(await world.faults()).toEqual([]);
  });

  it('sees where the driver and an independent look disagree, and forgives a VM that was spoilt', async () => {
    const vm = await make();
    const { name } = host.find(vm)!;
    const { look } = world;
    world.look = async () => (await look.call(world)).map((one) => ({ ...one, state: 'crashed' }));
    expect(await world.faults()).toEqual([expect.stringContaining('stopped, and the driver says')]);
    world.look = look;
    host.edit('spoil', vm, (machine) => (machine.unreadable = 'Cut off.'));
    expect(await world.faults()).toEqual([expect.stringContaining('is not in the list of the driver')]);
    world.odd = { name, mend: async () => undefined };
    expect(await world.faults()).toEqual([]);
  });

  it('forgives two looks that agree soon after', async () => {
    await make();
    world.agreesWithinMs = 30_000;
    const { look } = world;
    let looks = 0;
    world.look = async () => {
      looks += 1;
      const vms = await look.call(world);
      return looks === 1 ? vms.map((one) => ({ ...one, state: 'crashed' })) : vms;
    };
    expect(await world.faults()).toEqual([]);
    expect(looks).toBe(2);
  });

  it('takes a refusal for an answer, and nothing else', () => {
    const alone = { odd: undefined };
    const besideOdd = { odd: { name: 'odd', mend: async () => undefined } };
    expect(refusalOf(new ProblemError('wrong-state', 'It is on.'), alone)).toBe('refused: wrong-state');
    const rejected = new ProblemError('host-rejected', 'It said no.');
    expect(() => refusalOf(rejected, besideOdd)).toThrow(rejected);
    expect(() => refusalOf(new TypeError('a bug'), besideOdd)).toThrow('a bug');
    const forOdd = new ProblemError('host-rejected', 'Not now: it cannot be seen whether "odd" needs it.');
    expect(refusalOf(forOdd, besideOdd)).toBe('refused: host-rejected');
    expect(() => refusalOf(forOdd, alone)).toThrow(forOdd);
  });
});

describe('dice', () => {
  it('fall alike for one seed, and weigh', () => {
    const throws = (seed: number) => {
      const dice = new Dice(seed);
      return Array.from({ length: 5 }, () => dice.next());
    };
    expect(throws(7)).toEqual(throws(7));
    expect(throws(7)).not.toEqual(throws(8));
    const dice = new Dice(3);
    const picks = Array.from({ length: 1_000 }, () => dice.weighted([{ weight: 9 }, { weight: 1 }]).weight);
    expect(picks.filter((weight) => weight === 9).length).toBeGreaterThan(800);
    expect(dice.pick([])).toBeUndefined();
  });
});
