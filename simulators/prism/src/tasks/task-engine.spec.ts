import { expect, it } from '@jest/globals';
import type { FaultRules } from '../knobs/fault-rules.ts';
import type { Datacenter } from '../state/datacenter.ts';
import { NotWritten } from '../state/journal.ts';
import type { Change, TaskRecord } from '../state/records.ts';
import { TaskEngine } from './task-engine.ts';

it('a task whose state finds no room on the disk goes on once there is room, and ends well', async () => {
  let task: TaskRecord | undefined;
  let isFull = false;
  let now = 0;
  const due: (() => void)[] = [];
  const site = {
    store: {
      all: () => [],
      get: () => task,
      commit(changes: readonly Change[]) {
        if (isFull) throw new NotWritten('state', {});
        task = changes.at(-1)![2] as TaskRecord;
      },
    },
    clock: {
      now: () => now,
      at(moment: number, action: () => void) {
        due.push(() => {
          now = moment;
          action();
        });
        return () => undefined;
      },
    },
    ...{ time: () => 0, lateness: () => 0, delay: () => 0 },
  } as unknown as Datacenter;
  const reported: unknown[] = [];
  const effects = new Map([['work', { finish: () => ({ changes: [] }) }]]);
  const rules = { forTask: () => undefined } as unknown as FaultRules;
  const engine = new TaskEngine(site, effects, rules, (error) => reported.push(error));
  /** What is due, and what comes of it. */
  const pass = async () => {
    due.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const request = { operation: 'work', v3Type: '', v4Operation: '', v4Description: '', entities: [], input: {} };
  engine.start({ ...request, durationMs: 1 }, [], {} as never);
  for (const status of ['RUNNING', 'SUCCEEDED'] as const) {
    isFull = true;
    const before = task!.status;
    for (let count = 0; count < 2; count++) await pass();
    expect(task!.status).toBe(before);
    isFull = false;
    await pass();
    expect(task!.status).toBe(status);
  }
  expect(reported).toHaveLength(4);
});
