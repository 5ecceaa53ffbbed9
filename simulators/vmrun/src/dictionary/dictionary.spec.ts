import { describe, expect, it } from '@jest/globals';
import { Dictionary } from './dictionary.ts';

const parse = (text: string, encoding: BufferEncoding = 'utf8') => Dictionary.parse(Buffer.from(text, encoding));

describe('Dictionary', () => {
  it('gives back every byte of a file that nobody changed', () => {
    const texts = [
      '',
      'a = "1"',
      '#!/usr/bin/vmware\n.encoding = "UTF-8"\n\n# note\n// other\nA.b = "x"  \r\n  c="y"\n',
      '\ufeff.encoding = "UTF-8"\r\na = "ä"\r\n',
    ];
    for (const text of texts) expect(parse(text).bytes()).toEqual(Buffer.from(text));
    const undecodable = Buffer.from([0x61, 0x20, 0x3d, 0x20, 0x22, 0xff, 0xfe, 0x22, 0x0a]);
    expect(Dictionary.parse(undecodable).bytes()).toEqual(undecodable);
  });

  it('ignores the case of keys and keeps their spelling', () => {
    const dictionary = parse('RemoteDisplay.VNC.enabled = "TRUE"\n');
    expect(dictionary.get('remotedisplay.vnc.ENABLED')).toBe('TRUE');
    dictionary.set('remotedisplay.vnc.enabled', 'FALSE');
    expect(dictionary.bytes().toString()).toBe('RemoteDisplay.VNC.enabled = "FALSE"\n');
  });

  it('changes one line and leaves the others', () => {
    const dictionary = parse('a   =  "1"\r\n# note\r\nb = "2"\r\n');
    dictionary.set('b', '3');
    dictionary.set('c', '4');
    dictionary.delete('nothing');
    expect(dictionary.bytes().toString()).toBe('a   =  "1"\r\n# note\r\nb = "3"\r\nc = "4"\r\n');
  });

  it('does not touch a line whose value stays the same', () => {
    const dictionary = parse('a=1\n');
    dictionary.set('a', '1');
    expect(dictionary.bytes().toString()).toBe('a=1\n');
  });

  it('reads a value without the comment behind it, and keeps that', () => {
    const dictionary = parse('a = "1" # one\r\nb=2 # two\nc = "# three"\n');
    expect(['a', 'b', 'c'].map((key) => dictionary.get(key))).toEqual(['1', '2', '# three']);
    dictionary.set('a', '3');
    expect(dictionary.bytes().toString()).toBe('a = "3" # one\r\nb=2 # two\nc = "# three"\n');
  });

  it('appends to a file without a last line end', () => {
    const dictionary = parse('a = "1"');
    dictionary.set('b', '2');
    expect(dictionary.bytes().toString()).toBe('a = "1"\nb = "2"\n'.slice(0, -1) + '\n');
  });

  it('resolves and writes escapes', () => {
    const dictionary = parse('displayName = "lv|22q|22 |7C |0A."\n');
    expect(dictionary.get('displayName')).toBe('lv"q" | \n.');
    dictionary.set('annotation', 'a|b\n"c"');
    expect(dictionary.bytes().toString()).toContain('annotation = "a|7Cb|0A|22c|22"');
  });

  it.each([
    ['windows-1252', 'caf\u00e9 €', [0x63, 0x61, 0x66, 0xe9, 0x20, 0x80]],
    ['windows-1251', 'Яма', [0xdf, 0xec, 0xe0]],
    ['GBK', '虚拟机', [0xd0, 0xe9, 0xc4, 0xe2, 0xbb, 0xfa]],
    ['UTF-8', 'ü', [0xc3, 0xbc]],
  ])('reads and writes %s', (encoding, text, bytes) => {
    const file = Buffer.concat([
      Buffer.from(`.encoding = "${encoding}"\nname = "`),
      Buffer.from(bytes),
      Buffer.from('"\n'),
    ]);
    const dictionary = Dictionary.parse(file);
    expect(dictionary.get('name')).toBe(text);
    dictionary.set('other', text);
    const written = dictionary.bytes();
    expect(written.subarray(0, file.length)).toEqual(file);
    expect(written.subarray(file.length)).toEqual(
      Buffer.concat([Buffer.from('other = "'), Buffer.from(bytes), Buffer.from('"\n')]),
    );
  });

  it('becomes UTF-8 when a value does not fit the old encoding', () => {
    const dictionary = Dictionary.parse(Buffer.from('.encoding = "windows-1252"\nold = "\xe4"\n', 'latin1'));
    dictionary.set('new', '虚');
    expect(dictionary.bytes().toString('utf8')).toBe('.encoding = "UTF-8"\nold = "ä"\nnew = "虚"\n');
  });

  it('finds duplicates in any case and lets the last one win', () => {
    const dictionary = parse('a = "1"\nA = "2"\nb = "3"\n');
    expect(dictionary.duplicates()).toEqual(['A']);
    expect(dictionary.get('a')).toBe('2');
  });

  it('knows a line that is nothing', () => {
    expect(parse('# fine\n\na = "1"\n').hasGarbage()).toBe(false);
    expect(parse('a = "1"\n\u0000\u0001binary\n').hasGarbage()).toBe(true);
  });

  it('reads booleans', () => {
    const dictionary = parse('a = "TRUE"\nb = "yes"\nc = "FALSE"\nd = ""\n');
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => dictionary.isTrue(key))).toEqual([true, true, false, false, false]);
  });
});
