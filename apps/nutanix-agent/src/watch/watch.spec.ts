import { describe, expect, it } from '@jest/globals';
import { goldenTask } from '../testing/golden.ts';
import { Survey } from './survey.ts';
import { TaskFeed } from './task-feed.ts';

const vm = 'aaaaaaaa-0001-4000-8000-000000000001';
const task = (uuid: string, status = 'SUCCEEDED') => ({ ...goldenTask(), uuid, status });

describe('the feed of tasks', () => {
  it('says nothing of what was there when it began', () => {
    const feed = new TaskFeed();
    expect(feed.read([task('a')], 50)).toEqual({ vms: new Set(), isComplete: true });
    expect(feed.read([task('a')], 50).vms.size).toBe(0);
  });

  it('names the VMs of tasks that have ended, once', () => {
    const feed = new TaskFeed();
    feed.read([task('a')], 50);
    expect(feed.read([task('b', 'RUNNING'), task('a')], 50).vms.size).toBe(0);
    expect([...feed.read([task('b'), task('a')], 50).vms]).toEqual([vm]);
    expect(feed.read([task('b'), task('a')], 50).vms.size).toBe(0);
  });

  it('knows when it was too slow', () => {
    const feed = new TaskFeed();
    feed.read([task('a'), task('b')], 2);
    expect(feed.read([task('c'), task('b')], 2).isComplete).toBe(true);
    expect(feed.read([task('e'), task('d')], 2).isComplete).toBe(false);
  });

  it('sees when Prism does not sort', () => {
    const times = (...seconds: string[]) =>
      seconds.map((second) => ({ last_update_time: `2025-06-07T18:23:${second}Z` }));
    expect(TaskFeed.isOrdered(times('53', '53', '52'))).toBe(true);
    expect(TaskFeed.isOrdered(times('52', '53'))).toBe(false);
    expect(TaskFeed.isOrdered([])).toBe(true);
  });
});

describe('the survey', () => {
  it('names what came, went or looks different', () => {
    const survey = new Survey();
    const row = (uuid: string, power_state = 'on') => ({ uuid, values: { vm_name: uuid, power_state } });
    expect(survey.read([row('a'), row('b')])).toEqual([]);
    expect(survey.read([row('a'), row('b')])).toEqual([]);
    expect(survey.read([row('a', 'off'), row('c')]).sort()).toEqual(['a', 'b', 'c']);
  });
});
