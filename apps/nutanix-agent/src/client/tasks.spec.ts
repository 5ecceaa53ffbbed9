import { describe, expect, it } from '@jest/globals';
import { goldenTask } from '../testing/golden.ts';
import type { PrismClient } from './prism-client.ts';
import { PrismError } from './prism-error.ts';
import { entitiesOf, isUnfinished, taskOf, Tasks } from './tasks.ts';

const uuid = 'dddddddd-0001-4000-8000-000000000001';

describe('the task of an answer', () => {
  it.each([
    ['after a write', { status: { state: 'PENDING', execution_context: { task_uuid: uuid } } }],
    ['in a read', { status: { execution_context: { task_uuid: [uuid] } } }],
    ['in an old list', { status: { execution_context: { task_uuids: ['older', uuid] } } }],
    ['after an action', { task_uuid: uuid }],
    ['after a delete', { spec: '', status: { state: 'DELETE_PENDING', execution_context: { task_uuid: uuid } } }],
  ])('is found %s', (_where, body) => expect(taskOf(body)).toBe(uuid));

  it('may be missing', () => {
    expect(taskOf({})).toBeUndefined();
    expect(taskOf({ status: { execution_context: {} } })).toBeUndefined();
    expect(taskOf({ status: { execution_context: { task_uuid: [] } } })).toBeUndefined();
  });
});

describe('a task', () => {
  it('names what it is about', () => {
    expect(entitiesOf(goldenTask())).toEqual(['aaaaaaaa-0001-4000-8000-000000000001']);
    expect(entitiesOf({})).toEqual([]);
  });

  it.each([
    ['QUEUED', true],
    ['RUNNING', true],
    ['SUSPENDED', true],
    ['SUCCEEDED', false],
    ['FAILED', false],
    ['ABORTED', false],
    ['CANCELED', false],
  ])('that is %s is under way: %s', (status, unfinished) => expect(isUnfinished({ status })).toBe(unfinished));
});

describe('the tasks of an entity', () => {
  const entity = 'aaaaaaaa-0001-4000-8000-000000000001';
  const open = { ...goldenTask(), status: 'RUNNING' };
  const refusal = new PrismError(403, 'ACCESS_DENIED', 'No permission to access the resource.', 'task');

  /** A Prism that refuses its first calls. */
  const tasksAfter = (refusals: number) => {
    let calls = 0;
    const v3 = async () => {
      calls += 1;
      if (calls <= refusals) throw refusal;
      return { entities: [open] };
    };
    const tasks = new Tasks({ v3 } as unknown as PrismClient, { firstMs: 1, mostMs: 1 });
    return { find: () => tasks.openOn(entity, new AbortController().signal), calls: () => calls };
  };

  it('are found though a list of tasks was refused', async () => {
    for (const refusals of [0, 1, 3]) expect(await tasksAfter(refusals).find()).toEqual([uuid]);
  });

  it('are unknown on a Prism without a list, which is not asked as often again', async () => {
    const { find, calls } = tasksAfter(7);
    expect(await find()).toEqual([]);
    const first = calls();
    expect(await find()).toEqual([]);
    expect(calls()).toBe(first + 1);
    expect(await find()).toEqual([]);
    expect(await find()).toEqual([uuid]);
  });
});
