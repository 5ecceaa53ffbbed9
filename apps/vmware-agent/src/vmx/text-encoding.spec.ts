import { describe, expect, it } from '@jest/globals';
import { codecOf, decodeText, utf8 } from './text-encoding.ts';

describe('the name of an encoding', () => {
  it.each([
    // As Windows, .NET, Java, ICU, IANA and IBM call them.
    [
      'é',
      'e9',
      ['windows-1252', 'CP1252', 'ibm-5348_P100-1997', 'x-ansi', 'ISO-8859-1', 'latin1', 'ibm-819', 'cp28591', 'l1'],
    ],
    ['é', '82', ['cp850', 'IBM850', 'ibm-850_P100-1995', 'cp437', 'csIBM437', 'DOS-850']],
    ['Ж', 'c6', ['windows-1251', 'ibm-5347_P100-1998', 'x-cp1251', 'win1251']],
    ['Ж', 'f6', ['koi8-r', 'KOI8-U', 'cp20866', 'ibm-878', 'ibm-1168_P100-2002', 'cskoi8r']],
    ['Ж', '86', ['ibm866', 'cp866', 'ibm-866_P100-1995', 'x-mac-cyrillic', 'macos-7_3-10.2']],
    [
      '中',
      'd6d0',
      [
        'GBK',
        'GB2312',
        'gb18030',
        'cp936',
        'MS936',
        'windows-936',
        'ibm-1386_P100-2001',
        'ibm-1392_P100-2009',
        'EUC-CN',
        'csGB2312',
        'windows-936-2000',
      ],
    ],
    [
      '中',
      'a4a4',
      ['Big5', 'Big5-HKSCS', 'cp950', 'ms950', 'windows-950-2000', 'ibm-1373_P100-2002', 'x-windows-950', 'csBig5'],
    ],
    [
      '日',
      '93fa',
      ['Shift_JIS', 'sjis', 'MS932', 'windows-31j', 'cp932', 'ibm-943_P15A-2003', 'csWindows31J', 'x-sjis', 'MS_Kanji'],
    ],
    ['日', 'c6fc', ['EUC-JP', 'eucjp-2007', 'euc-jp-2007', 'ibm-33722_P12A_P12A-2009_U2', 'cp51932']],
    [
      '한',
      'c7d1',
      [
        'EUC-KR',
        'cp949',
        'MS949',
        'windows-949-2000',
        'ibm-970_P110_P110-2006_U2',
        'ibm-1363_P110-1997',
        'KS_C_5601-1987',
        'uhc',
      ],
    ],
    ['ก', 'a1', ['TIS-620', 'windows-874-2000', 'cp874', 'ibm-9066', 'iso-8859-11']],
    ['ü', 'c3bc', ['UTF-8', 'utf8', 'cp65001', 'ibm-1208', 'x-utf-8']],
  ])('%s is %s in each of its names', (character, hex, labels) => {
    const found = labels.map((label) => [label, codecOf(label)?.decode(Buffer.from(hex, 'hex'))]);
    expect(found).toEqual(labels.map((label) => [label, character]));
    for (const label of labels) expect(codecOf(label)?.encode?.(character)?.toString('hex')).toBe(hex);
  });

  it('is none where it is no encoding of text around ASCII', () => {
    for (const label of ['x-unknown', 'hex', 'base64', 'utf-16le', 'ibm-37_P100-1995', ''])
      expect(codecOf(label)).toBeUndefined();
  });
});

describe('bytes that mean nothing', () => {
  it('stay what they are', () => {
    expect(decodeText(Buffer.from('caf\xe9 \xff', 'latin1'), utf8)).toBe('caf|E9 |FF');
    expect(decodeText(Buffer.from('\xd6\xd0 \xff \x81', 'latin1'), codecOf('gbk')!)).toBe('中 |FF |81');
    expect(decodeText(Buffer.from('a\x81b', 'latin1'), codecOf('windows-1252')!)).toBe('a|81b');
  });
});
