import { describe, expect, it } from '@jest/globals';
import type { Operation, OperationStep } from '@polyvirt/contracts';
import { advance } from './operation-state.ts';

const at = (second: number) => `2026-11-21T10:00:0${second}.000Z`;
const step = (name: string, status: OperationStep['status']): OperationStep => ({ name, status, startedAt: at(1) });

const pending: Operation = {
  id: '01938f5e-0000-7000-8000-000000000001',
  verb: 'vm.create',
  status: 'pending',
  host: 'kvm-a',
  progress: 0,
  steps: [],
  requestedBy: 'ada/ci',
  createdAt: at(0),
  parent: '01938f5e-0000-7000-8000-000000000000',
};
// An agent knows nothing of batches.
const { parent: _parent, ...asked } = pending;
const running = (progress: number, steps: OperationStep[]): Operation => ({
  ...asked,
  status: 'running',
  startedAt: at(1),
  progress,
  steps,
});
const told: Operation[] = [
  running(0, []),
  running(10, [step('a', 'running')]),
  running(30, [step('a', 'succeeded')]),
  running(30, [step('a', 'succeeded'), step('b', 'running')]),
  running(60, [step('a', 'succeeded'), step('b', 'failed')]),
  running(60, [step('a', 'undone'), step('b', 'failed')]),
];
const end: Operation = {
  ...running(60, [step('a', 'undone'), step('b', 'failed')]),
  status: 'failed',
  endedAt: at(2),
  vmId: 'kvm-a~1',
};

function* permutations<T>(items: T[]): Generator<T[]> {
  if (items.length < 2) yield items;
  for (const [n, item] of items.entries())
    for (const rest of permutations(items.toSpliced(n, 1))) yield [item, ...rest];
}

describe('advance', () => {
  it('comes to the same end in whatever order the events arrive', () => {
    const ends = new Set<string>();
    for (const order of permutations([...told, end])) ends.add(JSON.stringify(order.reduce(advance, pending)));
    expect([...ends]).toHaveLength(1);
    expect(JSON.parse([...ends][0]!)).toEqual({ ...end, parent: pending.parent });
  });

  it('says that it is to stop, whatever comes before or after that, and until when it was asked for', () => {
    const stopping = { ...running(20, [step('a', 'running')]), cancelRequestedAt: at(1) };
    const ends = new Set<string>();
    for (const order of permutations([...told, stopping]))
      ends.add(JSON.stringify(order.reduce<Operation>(advance, pending)));
    expect([...ends]).toHaveLength(1);
    expect(JSON.parse([...ends][0]!)).toEqual({
      ...advance(pending, told.at(-1)!),
      cancelRequestedAt: at(1),
    });
    // The first request counts, and none comes before the operation itself or after its end.
    const again = advance(stopping, { ...stopping, cancelRequestedAt: at(2) });
    expect(again).toBe(stopping);
    const early = { ...stopping, cancelRequestedAt: '2026-11-21T09:00:00.000Z' };
    expect(advance(pending, early).cancelRequestedAt).toBe(pending.createdAt);
    expect(advance(end, stopping)).toBe(end);
  });

  it('comes to the same progress in whatever order the events arrive', () => {
    const ends = new Set<string>();
    for (const order of permutations(told)) ends.add(JSON.stringify(order.reduce(advance, pending)));
    expect([...ends]).toEqual([JSON.stringify(advance(pending, told.at(-1)!))]);
  });

  it('takes no notice of an event that comes twice', () => {
    for (const event of [...told, end]) {
      const once = advance(pending, event);
      expect(advance(once, event)).toBe(once);
    }
  });

  it('needs nothing but the end', () => {
    expect(advance(pending, end)).toEqual({ ...end, parent: pending.parent });
  });

  it('holds on to the first end', () => {
    const ended = advance(pending, end);
    expect(advance(ended, { ...end, status: 'cancelled' })).toBe(ended);
    expect(advance(ended, running(99, []))).toBe(ended);
  });

  it('ends nothing before it was asked for or began, whatever the clock of the agent', () => {
    const asked = { ...pending, createdAt: at(5) };
    expect(advance(asked, end)).toMatchObject({ createdAt: at(5), startedAt: at(5), endedAt: at(5) });
  });

  it('lets no event say who asked for what', () => {
    const forged = { ...end, requestedBy: 'eve', host: 'kvm-b', verb: 'vm.delete', createdAt: at(9) };
    expect(advance(pending, forged)).toMatchObject({ requestedBy: 'ada/ci', host: 'kvm-a', verb: 'vm.create' });
  });
});
