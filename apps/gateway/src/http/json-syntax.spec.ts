import { describe, expect, it } from '@jest/globals';
import { offsetOfSyntaxFault } from './json-syntax.ts';

describe('offsetOfSyntaxFault', () => {
  // The bar marks the first character that cannot stand there.
  it.each([
    '|',
    '  |',
    '|nil',
    '{"a": |nil}',
    '{"a" |1}',
    '{"a": 1,|}',
    '{|a: 1}',
    '{"a": 1 |"b": 2}',
    '{"a": 1}|}',
    '{"a": [1, 2|}',
    '[1,|]',
    '[1|',
    '"ab|',
    '"a|\n"',
    '"a|\\x"',
    '"a|\\u12g4"',
    '[0|1]',
    '[|+1]',
    "[|'a']",
    '[1, |// comment\n2]',
    '{"a": {"b": [{"c": "d"}, |}]}}',
    'true |false',
  ])('finds the bar in %s', (marked) => {
    const text = marked.replace('|', '');
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    expect(offsetOfSyntaxFault(text)).toBe(marked.indexOf('|'));
  });

  it('is done with a mebibyte of brackets without a deep stack', () => {
    expect(offsetOfSyntaxFault('['.repeat(1_048_576))).toBe(1_048_576);
  });

  it('finds no fault in JSON', () => {
    const text = JSON.stringify({ a: [1, -2.5e-7, true, null, 'ä"\\\n\u2028😀', {}, []], b: '' }, null, 2);
    expect(offsetOfSyntaxFault(text)).toBe(text.length);
  });
});
