import { describe, expect, it } from '@jest/globals';
import { GroupCommit, type Ending } from './group-commit.ts';

describe('GroupCommit', () => {
  const failing = 'failing';
  const run = (work: string): Ending => (work === failing ? { error: new Error(work) } : { value: `${work} done` });

  /** With what was committed in which groups. */
  function record(canGroup = true) {
    const groups: string[][] = [];
    const commit = new GroupCommit<string>({
      together(works) {
        groups.push([...works]);
        return canGroup ? Promise.resolve(works.map(run)) : Promise.reject(new Error('the disk is full'));
      },
      alone(work) {
        groups.push([work]);
        const ending = run(work);
        return 'error' in ending ? Promise.reject(ending.error as Error) : Promise.resolve(ending.value);
      },
    });
    return { groups, commit };
  }
  const all = (commit: GroupCommit<string>, ...works: string[]) =>
    Promise.allSettled(works.map((work) => commit.add(work)));
  const told = (outcomes: PromiseSettledResult<unknown>[]) =>
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'failed'));

  it('commits together what is asked for at once, and each learns of its own end', async () => {
    const { groups, commit } = record();
    expect(told(await all(commit, 'a', failing, 'c'))).toEqual(['a done', 'failed', 'c done']);
    expect(groups).toEqual([['a', failing, 'c']]);
  });

  it('commits what is asked for meanwhile with the next group, in the order in which it came', async () => {
    const { groups, commit } = record();
    const later: Promise<unknown>[] = [];
    const first = commit.add('a').then(() => later.push(commit.add('b'), commit.add('c')));
    await first;
    await Promise.all(later);
    expect(groups).toEqual([['a'], ['b', 'c']]);
    await commit.idle();
  });

  it('does again, one by one, what cannot be committed together', async () => {
    const { groups, commit } = record(false);
    expect(told(await all(commit, 'a', failing, 'c'))).toEqual(['a done', 'failed', 'c done']);
    expect(groups).toEqual([['a', failing, 'c'], ['a'], [failing], ['c']]);
  });

  it('keeps nobody waiting for more than a group of those before', async () => {
    const { groups, commit } = record();
    await all(commit, ...Array.from({ length: 100 }, (_, n) => `${n}`));
    expect(groups.map(({ length }) => length)).toEqual([64, 36]);
    expect(groups.flat()).toEqual(Array.from({ length: 100 }, (_, n) => `${n}`));
  });

  it('is idle when nothing waits any more', async () => {
    const { groups, commit } = record();
    await commit.idle();
    void commit.add('a');
    await commit.idle();
    expect(groups).toEqual([['a']]);
  });
});
