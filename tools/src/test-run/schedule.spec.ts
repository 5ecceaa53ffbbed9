import { describe, expect, it } from '@jest/globals';
import { schedule, type Job } from './schedule.ts';
import { Slots, type Slot } from './slots.ts';

/** Runs jobs that end when told to, and shows the order in which they started. */
class Stage {
  readonly started: string[] = [];
  readonly slots = new Map<string, Slot>();
  readonly #ends = new Map<string, () => void>();

  job(name: string, options: Partial<Job> = {}): Job {
    return {
      name,
      load: 1,
      seconds: 1,
      ...options,
      run: (slot) => {
        this.started.push(name);
        this.slots.set(name, slot);
        return new Promise((resolve) => this.#ends.set(name, resolve));
      },
    };
  }

  /** Everything that follows from what was done happens in microtasks. */
  async settle(): Promise<void> {
    await new Promise(setImmediate);
  }

  async end(...names: string[]): Promise<void> {
    for (const name of names) this.#ends.get(name)!();
    await this.settle();
  }
}

describe('schedule', () => {
  it('starts what takes longest first, and as much as the machine carries', async () => {
    const stage = new Stage();
    const jobs = [
      stage.job('short', { seconds: 1 }),
      stage.job('long', { seconds: 9 }),
      stage.job('middle', { seconds: 5 }),
    ];
    const done = schedule(jobs, new Slots(2));
    await stage.settle();
    expect(stage.started).toEqual(['long', 'middle']);
    await stage.end('middle');
    expect(stage.started).toEqual(['long', 'middle', 'short']);
    await stage.end('long', 'short');
    await done;
  });

  it('starts another when one gives its slot back before its end, but not before those who wait for slots', async () => {
    const stage = new Stage();
    const slots = new Slots(1);
    const done = schedule([stage.job('suite', { seconds: 9 }), stage.job('other', { seconds: 1 })], slots);
    await stage.settle();
    const file = slots.take(1, 5);
    stage.slots.get('suite')!.giveBack();
    await stage.settle();
    expect(stage.started).toEqual(['suite']);
    (await file).giveBack();
    await stage.settle();
    expect(stage.started).toEqual(['suite', 'other']);
    await stage.end('suite', 'other');
    await done;
  });

  it('starts nothing before what it comes after, and that first which much comes after', async () => {
    const stage = new Stage();
    const done = schedule(
      [
        stage.job('lint', { seconds: 40 }),
        stage.job('build', { seconds: 30 }),
        stage.job('tests', { seconds: 100, after: ['build', 'not part of this run'] }),
      ],
      new Slots(1),
    );
    await stage.settle();
    expect(stage.started).toEqual(['build']);
    await stage.end('build');
    expect(stage.started).toEqual(['build', 'tests']);
    await stage.end('tests');
    expect(stage.started).toEqual(['build', 'tests', 'lint']);
    await stage.end('lint');
    await done;
  });

  it('starts nothing more when it is stopped, and ends when what runs has ended', async () => {
    const stage = new Stage();
    let isStopped = false;
    const done = schedule([stage.job('a', { seconds: 2 }), stage.job('b')], new Slots(1), () => isStopped);
    await stage.settle();
    isStopped = true;
    await stage.end('a');
    await done;
    expect(stage.started).toEqual(['a']);
  });

  it('refuses jobs that wait for each other', async () => {
    const stage = new Stage();
    const jobs = [stage.job('a', { after: ['b'] }), stage.job('b', { after: ['a'] })];
    await expect(schedule(jobs, new Slots(1))).rejects.toThrow('these jobs wait for each other: a, b');
  });

  it('is over at once without jobs', async () => {
    await schedule([], new Slots(1));
  });
});
