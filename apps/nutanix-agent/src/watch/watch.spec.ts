import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { JsonObject } from '../client/json.ts';
import { PrismError } from '../client/prism-error.ts';
import { goldenTask } from '../testing/golden.ts';
import { Survey } from './survey.ts';
import { TaskFeed } from './task-feed.ts';
import { VmWatch } from './vm-watch.ts';

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

  it('says when a task has changed images', () => {
    const feed = new TaskFeed();
    const upload = { ...task('b'), entity_reference_list: [{ kind: 'image', uuid: vm }] };
    feed.read([task('a')], 50);
    expect(feed.read([{ ...upload, status: 'RUNNING' }, task('a')], 50).hasImages).toBeUndefined();
    expect(feed.read([upload, task('a')], 50)).toEqual({ vms: new Set(), isComplete: true, hasImages: true });
    expect(feed.read([upload, task('a')], 50).hasImages).toBeUndefined();
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
    const odd = [{}, { last_update_time: null }, { last_update_time: 'yesterday' }, { last_update_time: 7 }];
    for (const task of odd) expect(TaskFeed.isOrdered([...times('53'), task, ...times('52')])).toBe(true);
  });

  it('is told of VMs by tasks beside odd ones', () => {
    const odd = [
      {},
      { uuid: null, entity_reference_list: null },
      { uuid: 'z', status: 5, entity_reference_list: [null, 'vm'] },
    ];
    const feed = new TaskFeed();
    feed.read([...odd, task('a')], 50);
    expect([...feed.read([task('b'), ...odd, task('a')], 50).vms]).toEqual([vm]);
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

describe('the watch', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const refusal = new PrismError(403, 'ACCESS_DENIED', 'No permission to access the resource.', 'task');
  const gone = new PrismError(404, undefined, 'Not there.', undefined);
  const at = (seconds: string) => ({ last_update_time: `2025-06-07T18:23:${seconds}Z` });
  const unordered = [
    { ...task('x'), ...at('01') },
    { ...task('y'), ...at('02') },
  ];

  it.each([
    ['one page is refused', [refusal]],
    ['some pages are refused', [refusal, gone, refusal]],
    ['a page is out of order', [unordered]],
    ['Prism is away for a moment', [new PrismError(503, undefined, 'Away.', undefined)]],
  ])('goes on with the tasks when %s', async (_what, answers: (JsonObject[] | Error)[]) => {
    const said = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const saidToo = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    const pages = [[task('a')], ...answers, [task('b'), task('a')]];
    const recent = async () => {
      const page = pages.length > 1 ? pages.shift()! : pages[0]!;
      if (page instanceof Error) throw page;
      return page;
    };
    const end = new AbortController();
    const watch = new VmWatch({
      vms: { columns: async () => [] },
      tasks: { recent },
      options: { tasksMs: 1, surveyMs: 1_000 },
    });
    const changes = [];
    for await (const change of watch.changes(AbortSignal.any([end.signal, AbortSignal.timeout(5_000)]))) {
      changes.push(change);
      if (change !== 'everything') end.abort();
    }
    expect(changes).toContainEqual({ nativeId: vm });
    const times = answers.length > 1 ? 1 : 0;
    expect(said).toHaveBeenCalledTimes(times);
    expect(saidToo).toHaveBeenCalledTimes(times);
  });
});
