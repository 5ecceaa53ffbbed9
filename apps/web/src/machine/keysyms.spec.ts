import { describe, expect, it } from '@jest/globals';
import { keysyms, strokesOf } from './keysyms.ts';

describe('a text that is typed into a machine', () => {
  const keysOf = (text: string) => strokesOf(text).map(([keysym]) => keysym);

  it.each<[string, number[]]>([
    ['aé', [0x61, 0xe9]],
    ['€😀', [0x10020ac, 0x101f600]],
    ['a\tb', [0x61, keysyms.Tab, 0x62]],
    ['a\r\nb\rc\nd', [0x61, keysyms.Return, 0x62, keysyms.Return, 0x63, keysyms.Return, 0x64]],
    ['', []],
  ])('is %j as keysyms', (text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });

  it('holds Shift for what is typed with it', () => {
    expect(strokesOf('aA1!É-_').map(([, isShifted]) => isShifted)).toEqual([
      false,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
  });
});
