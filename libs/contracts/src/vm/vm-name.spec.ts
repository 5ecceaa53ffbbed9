import { describe, expect, it } from '@jest/globals';
import { VmName } from './vm.ts';

describe('the name of a VM', () => {
  it.each(['web 1', 'Ærø “Zürich”', '東京', 'مرحبا', '👩‍💻 desk', '🏳️‍🌈', '👍🏽', '1️⃣ first'])('may be %s', (name) => {
    expect(VmName.safeParse(name).success).toBe(true);
  });

  it.each([
    '200b',
    '200c',
    '200d',
    '200e',
    '200f',
    '202a',
    '202e',
    '2060',
    '2066',
    '2069',
    '061c',
    '00ad',
    'feff',
    'e0041',
  ])('holds no U+%s, which nobody sees', (code) => {
    for (const name of [
      `web${String.fromCodePoint(parseInt(code, 16))}1`,
      `🖥${String.fromCodePoint(parseInt(code, 16))}1`,
    ])
      expect(VmName.safeParse(name).error?.issues[0]?.message).toContain('not seen');
  });
});
