import { describe, expect, it } from '@jest/globals';
import { Slots, type Slot } from './slots.ts';

/** Takes slots by name, and shows which were given. */
class Takers {
  readonly given: string[] = [];
  readonly #slots = new Map<string, Slot>();

  constructor(slots: Slots) {
    this.#all = slots;
  }

  readonly #all: Slots;

  async take(name: string, load: number, weight = 1): Promise<void> {
    void this.#all.take(load, weight).then((slot) => {
      this.given.push(name);
      this.#slots.set(name, slot);
    });
    await new Promise(setImmediate);
  }

  async giveBack(name: string): Promise<void> {
    this.#slots.get(name)!.giveBack();
    await new Promise(setImmediate);
  }
}

describe('Slots', () => {
  it('give as much as the machine carries, and then wait', async () => {
    const takers = new Takers(new Slots(2));
    for (const name of ['a', 'b', 'c']) await takers.take(name, 0.8);
    expect(takers.given).toEqual(['a', 'b']);
    await takers.giveBack('a');
    expect(takers.given).toEqual(['a', 'b', 'c']);
  });

  it('come exactly to the capacity in tenths', async () => {
    const takers = new Takers(new Slots(0.3));
    for (const name of ['a', 'b', 'c', 'd']) await takers.take(name, 0.1);
    expect(takers.given).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c', 'd']) await takers.giveBack(name);
    await takers.take('all', 0.3);
    expect(takers.given.at(-1)).toBe('all');
  });

  it('go to the greatest weight first, and let no smaller one pass it', async () => {
    const takers = new Takers(new Slots(2));
    await takers.take('a', 1);
    await takers.take('b', 1);
    await takers.take('small', 0.1, 1);
    await takers.take('big', 1.5, 9);
    await takers.giveBack('a');
    expect(takers.given).toEqual(['a', 'b']);
    await takers.giveBack('b');
    expect(takers.given).toEqual(['a', 'b', 'big', 'small']);
  });

  it('let what is too big for the machine run alone', async () => {
    const takers = new Takers(new Slots(1));
    await takers.take('huge', 3);
    await takers.take('b', 0.1);
    expect(takers.given).toEqual(['huge']);
    await takers.giveBack('huge');
    expect(takers.given).toEqual(['huge', 'b']);
  });

  it('are given back once, however often that is said', async () => {
    const takers = new Takers(new Slots(1));
    await takers.take('a', 1);
    await takers.take('b', 1);
    await takers.take('c', 1);
    await takers.giveBack('a');
    await takers.giveBack('a');
    expect(takers.given).toEqual(['a', 'b']);
  });

  it('have no room for others while somebody waits', async () => {
    const slots = new Slots(2);
    const takers = new Takers(slots);
    let rooms = 0;
    slots.onRoom = () => (rooms += 1);
    await takers.take('a', 1);
    expect([slots.hasRoomFor(1), slots.hasRoomFor(1.5)]).toEqual([true, false]);
    await takers.take('b', 1.5);
    expect(slots.hasRoomFor(0.1)).toBe(false);
    await takers.giveBack('a');
    expect(slots.hasRoomFor(0.5)).toBe(true);
    expect(rooms).toBe(1);
  });
});
