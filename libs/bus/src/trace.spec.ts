import { describe, expect, it } from '@jest/globals';
import { currentTrace, runInTrace, traceparent } from './trace.ts';

const trace = 'a'.repeat(32);
const span = 'b'.repeat(16);

describe('runInTrace', () => {
  it('goes on in the trace it is given, under a span of its own, across awaits', async () => {
    await runInTrace(`00-${trace}-${span}-00`, async () => {
      await Promise.resolve();
      expect(currentTrace()).toMatchObject({ traceId: trace, flags: '00' });
      expect(currentTrace()!.spanId).not.toBe(span);
      expect(traceparent()).toMatch(/^00-a{32}-[0-9a-f]{16}-00$/);
    });
    expect(traceparent()).toBeUndefined();
  });

  it.each([
    undefined,
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `ff-${trace}-${span}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
  ])('begins a new trace for %s', (parent) => {
    const context = runInTrace(parent, currentTrace)!;
    expect(context.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(context.traceId).not.toBe(trace);
  });
});
