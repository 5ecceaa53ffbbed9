import { describe, expect, it } from '@jest/globals';
import { ProblemError, type Operation, type OperationStatus, type VmId } from '@polyvirt/contracts';
import { movesOf, type BatchOrder } from './batch-order.ts';

const vmIds = Array.from({ length: 5 }, (_, n): VmId => `kvm-a~${n}`);
const plan = (change: Partial<BatchOrder> = {}): BatchOrder => ({
  action: 'start',
  input: {},
  vmIds,
  maxParallel: 2,
  onError: 'continue',
  whenOffline: 'fail',
  author: { actor: 'ada', address: '::1', requestId: 'r', traceparent: '' },
  ...change,
});
const part = (n: number, status: OperationStatus): Operation => ({
  id: `part-${n}`,
  verb: 'vm.start',
  status,
  host: 'kvm-a',
  vmId: vmIds[n]!,
  progress: 0,
  steps: [],
  requestedBy: 'ada',
  createdAt: '2026-11-21T10:00:00Z',
  ...(status === 'succeeded' && { changed: n % 2 === 0 }),
  ...(status === 'failed' && { error: new ProblemError('wrong-state', `no ${n}`).toProblem('r') }),
});

/** Runs a batch to its end; `outcome` says how the part for a VM ends. Answers how many ran at once. */
function play(batch: BatchOrder, outcome: (n: number) => OperationStatus, cancelAfter = Infinity) {
  const parts = new Map<number, Operation>();
  const asked: number[] = [];
  let most = 0;
  for (let turn = 0; turn < 100; turn++) {
    const isCancelled = asked.length >= cancelAfter;
    const moves = movesOf(batch, [...parts.values()], isCancelled);
    if (moves.end) return { end: moves.end, asked, most };
    for (const id of moves.cancel) parts.set(Number(id.slice(5)), part(Number(id.slice(5)), 'cancelled'));
    for (const id of moves.ask) {
      const n = vmIds.indexOf(id);
      asked.push(n);
      parts.set(n, part(n, 'running'));
    }
    const running = [...parts].filter(([, { status }]) => status === 'running').map(([n]) => n);
    most = Math.max(most, running.length);
    if (running.length > 0 && !isCancelled) parts.set(running[0]!, part(running[0]!, outcome(running[0]!)));
  }
  throw new Error('it does not end');
}

describe('movesOf', () => {
  it('asks for each VM once, and never for more at a time than allowed', () => {
    const { end, asked, most } = play(plan(), () => 'succeeded');
    expect(asked).toEqual([0, 1, 2, 3, 4]);
    expect(most).toBe(2);
    expect(end).toEqual({
      status: 'succeeded',
      changed: true,
      result: { operations: vmIds.map((_, n) => `part-${n}`), succeeded: 5, failed: 0, skipped: 0 },
    });
  });

  it('goes on after a failure, and says how many failed', () => {
    const { end } = play(plan(), (n) => (n === 1 ? 'failed' : 'succeeded'));
    expect(end).toMatchObject({
      status: 'failed',
      result: { succeeded: 4, failed: 1, skipped: 0 },
      error: { code: 'wrong-state', detail: '1 of 5 VMs failed. The first was kvm-a~1: no 1', operationId: 'part-1' },
    });
  });

  it('stops at a failure when asked to, and lets those that run come to their end', () => {
    const { end, asked } = play(plan({ onError: 'stop' }), (n) => (n === 1 ? 'failed' : 'succeeded'));
    expect(asked).toEqual([0, 1, 2]);
    expect(end).toMatchObject({ status: 'failed', result: { succeeded: 2, failed: 1, skipped: 2 } });
  });

  it('cancels what runs and begins nothing more', () => {
    const { end, asked } = play(plan(), () => 'succeeded', 3);
    expect(asked).toHaveLength(3);
    expect(end.status).toBe('cancelled');
    expect(end.result.skipped).toBe(2);
    expect(end).not.toHaveProperty('error');
  });

  it('goes on after a restart from its parts alone', () => {
    const parts = [part(0, 'succeeded'), part(1, 'running')];
    expect(movesOf(plan(), parts, false)).toEqual({ ask: [vmIds[2]], cancel: [], progress: 20 });
  });

  it('has succeeded when there is nothing to do, also when it was cancelled too late', () => {
    expect(movesOf(plan({ vmIds: [] }), [], false).end?.status).toBe('succeeded');
    const all = vmIds.map((_, n) => part(n, 'succeeded'));
    expect(movesOf(plan(), all, true).end?.status).toBe('succeeded');
  });
});
