import { describe, expect, it } from '@jest/globals';
import { schedule, type Job } from './schedule.ts';

/** Runs jobs that end when told to, and shows what ran beside what. */
class Stage {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();

  job(name: string, options: Partial<Job> = {}): Job {
    return {
      name,
      load: 1,
      seconds: 1,
      ...options,
      run: (workers) => {
        this.started.push(workers === 1 ? name : `${name}×${workers}`);
        return new Promise((resolve) => this.#ends.set(name, resolve));
      },
    };
  }

  async end(...names: string[]): Promise<void> {
    for (const name of names) this.#ends.get(name)!();
    // Everything that follows from it happens in microtasks.
    await new Promise(setImmediate);
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
    const done = schedule(jobs, 2);
    expect(stage.started).toEqual(['long', 'middle']);
    await stage.end('middle');
    expect(stage.started).toEqual(['long', 'middle', 'short']);
    await stage.end('long', 'short');
    await done;
  });

  it('fills the room that a big job leaves with a small one', async () => {
    const stage = new Stage();
    const done = schedule(
      [
        stage.job('waits', { load: 0.5, seconds: 9 }),
        stage.job('big', { load: 2, seconds: 8 }),
        stage.job('small', { load: 0.5, seconds: 1 }),
      ],
      2,
    );
    expect(stage.started).toEqual(['waits', 'small']);
    await stage.end('waits', 'small');
    expect(stage.started).toEqual(['waits', 'small', 'big']);
    await stage.end('big');
    await done;
  });

  it('gives a job as many workers as there is room for, up to what it can use', async () => {
    const stage = new Stage();
    const done = schedule([stage.job('a', { workers: 8, load: 0.8, seconds: 2 }), stage.job('b', { seconds: 1 })], 4);
    expect(stage.started).toEqual(['a×5']);
    await stage.end('a');
    expect(stage.started).toEqual(['a×5', 'b']);
    await stage.end('b');
    await done;
    const other = new Stage();
    const otherDone = schedule([other.job('a', { workers: 2, load: 0.6 })], 4);
    expect(other.started).toEqual(['a×2']);
    await other.end('a');
    await otherDone;
  });

  it('runs a job alone that needs more than the machine has', async () => {
    const stage = new Stage();
    const done = schedule([stage.job('huge', { load: 3, seconds: 5 }), stage.job('b', { load: 0.5 })], 1);
    expect(stage.started).toEqual(['huge']);
    await stage.end('huge');
    expect(stage.started).toEqual(['huge', 'b']);
    await stage.end('b');
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
      1,
    );
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
    const done = schedule([stage.job('a', { seconds: 2 }), stage.job('b')], 1, () => isStopped);
    isStopped = true;
    await stage.end('a');
    await done;
    expect(stage.started).toEqual(['a']);
  });

  it('refuses jobs that wait for each other', async () => {
    const stage = new Stage();
    const jobs = [stage.job('a', { after: ['b'] }), stage.job('b', { after: ['a'] })];
    await expect(schedule(jobs, 1)).rejects.toThrow('these jobs wait for each other: a, b');
  });
});
