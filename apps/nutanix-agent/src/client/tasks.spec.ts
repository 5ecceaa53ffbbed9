import { describe, expect, it } from '@jest/globals';
import { goldenTask } from '../testing/golden.ts';
import { entitiesOf, isUnfinished, taskOf } from './tasks.ts';

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
