import { describe, expect, it } from '@jest/globals';
import { clientRequestIdFrom, traceparentFrom } from './request-context.ts';

describe('request context', () => {
  it('goes on with the trace of the caller, in a span of its own', () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const ours = traceparentFrom(`00-${trace}-00f067aa0ba902b7-01`);
    expect(ours).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(ours).not.toContain('00f067aa0ba902b7');
  });

  it.each([
    undefined,
    '',
    'x',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `01-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  ])('begins a trace where there is none to go on with: %j', (header) => {
    expect(traceparentFrom(header)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(traceparentFrom(header)).not.toBe(traceparentFrom(header));
  });

  it('takes what a client calls its request when that is fit for a log', () => {
    expect(clientRequestIdFrom('ci-7')).toBe('ci-7');
    for (const unfit of [undefined, '', 'a\nb', 'a b', 'x'.repeat(65), ['a', 'b']]) {
      expect(clientRequestIdFrom(unfit)).toBeUndefined();
    }
  });
});
