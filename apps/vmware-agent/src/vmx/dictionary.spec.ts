import { describe, expect, it } from '@jest/globals';
import { Dictionary } from './dictionary.ts';

const bytes = (text: string, encoding: BufferEncoding = 'utf8') => Buffer.from(text, encoding);

describe('a dictionary file', () => {
  it('comes out as it went in: comments, unknown keys, order, line ends, spelling', () => {
    const texts = [
      '',
      'a = "1"',
      '#!/usr/bin/vmware\n.encoding = "UTF-8"\n\n# note\n// other\nSome.Key = "x"   \r\n  loose=1\r\nbroken line\n',
      '\ufeffdisplayName = "é"\r\n',
    ];
    for (const text of texts) expect(Dictionary.parse(bytes(text)).bytes()).toEqual(bytes(text));
  });

  it('changes one line and nothing else', () => {
    const file = Dictionary.parse(bytes('# top\r\nMemSize = "512"\r\nx.y="|22"\r\n'));
    file.set('memsize', '1024');
    file.set('numvcpus', '2');
    expect(file.bytes().toString()).toBe('# top\r\nMemSize = "1024"\r\nx.y="|22"\r\nnumvcpus = "2"\r\n');
  });

  it('leaves a line alone whose value stays', () => {
    const file = Dictionary.parse(bytes('memsize=512\n'));
    file.set('memsize', '512');
    expect(file.bytes().toString()).toBe('memsize=512\n');
  });

  it('ends the last line before it adds one', () => {
    const file = Dictionary.parse(bytes('a = "1"'));
    file.set('b', '2');
    expect(file.bytes().toString()).toBe('a = "1"\nb = "2"\n');
  });

  it('escapes what would end a value, and reads it back', () => {
    const file = Dictionary.of({});
    const name = 'a "b" | c\nd 🚀';
    file.set('displayName', name);
    expect(file.bytes().toString()).toContain('displayName = "a |22b|22 |7C c|0Ad 🚀"');
    expect(Dictionary.parse(file.bytes()).get('DISPLAYNAME')).toBe(name);
    expect(Dictionary.parse(bytes('displayName = "lv|22q|22"\n')).get('displayName')).toBe('lv"q"');
    expect(Dictionary.parse(bytes('displayName = "|C3|A9"\n')).get('displayName')).toBe('é');
  });

  it('keeps the encoding of the file for as long as it can', () => {
    const old = bytes('.encoding = "windows-1252"\ndisplayName = "caf\xe9"\nannotation = "na\xefve"\n', 'latin1');
    const file = Dictionary.parse(old);
    expect(file.get('displayName')).toBe('café');
    file.set('displayName', 'thé');
    expect(file.bytes()).toEqual(
      bytes('.encoding = "windows-1252"\ndisplayName = "th\xe9"\nannotation = "na\xefve"\n', 'latin1'),
    );
    file.set('displayName', '日本 🚀');
    expect(file.bytes().toString()).toBe('.encoding = "UTF-8"\ndisplayName = "日本 🚀"\nannotation = "naïve"\n');
  });

  it('reads and writes double-byte encodings', () => {
    const gbk = Buffer.concat([bytes('.encoding = "GBK"\ndisplayName = "'), Buffer.from([0xd6, 0xd0]), bytes('"\n')]);
    const file = Dictionary.parse(gbk);
    expect(file.get('displayName')).toBe('中');
    file.set('annotation', '中');
    expect(file.bytes()).toEqual(
      Buffer.concat([gbk, bytes('annotation = "'), Buffer.from([0xd6, 0xd0]), bytes('"\n')]),
    );
  });

  it('reads a value without the comment behind it, and keeps that', () => {
    const text = 'memsize = "4096" # gold "image"\r\nnumvcpus=2\t# two\nannotation = "a # b"\n';
    const file = Dictionary.parse(bytes(text));
    expect([file.number('memsize'), file.number('numvcpus'), file.get('annotation')]).toEqual([4096, 2, 'a # b']);
    expect(file.bytes()).toEqual(bytes(text));
    file.set('memsize', '8192');
    file.set('numvcpus', '4');
    file.set('annotation', '#');
    expect(file.bytes().toString()).toBe(
      'memsize = "8192" # gold "image"\r\nnumvcpus = "4"\t# two\nannotation = "#"\n',
    );
  });

  it('keeps the encoding of a comment, and takes it along to another', () => {
    const old = '.encoding = "windows-1252" # caf\xe9\nmemsize = "4" # th\xe9\n';
    const file = Dictionary.parse(bytes(old, 'latin1'));
    file.set('memsize', '8');
    expect(file.bytes()).toEqual(bytes(old.replace('"4"', '"8"'), 'latin1'));
    file.set('displayName', '日本');
    expect(file.bytes().toString()).toBe('.encoding = "UTF-8" # café\nmemsize = "8" # thé\ndisplayName = "日本"\n');
  });

  it('reads quotes that somebody forgot to escape', () => {
    expect(Dictionary.parse(bytes('a = "say "hi" # now"\n')).get('a')).toBe('say "hi" # now');
    expect(Dictionary.parse(bytes('a = "open\n')).get('a')).toBe('"open');
  });

  it('writes only ASCII to a file in an encoding that it does not know', () => {
    const old = '.encoding = "x-unknown-950"\r\ndisplayName = "a\xe9" # \xe9\r\nmemsize = "4" # \xe9\r\n';
    const file = Dictionary.parse(bytes(old, 'latin1'));
    file.set('memsize', '8');
    expect(file.bytes()).toEqual(bytes(old.replace('"4"', '"8"'), 'latin1'));
    file.set('annotation', 'é');
    expect(() => file.bytes()).toThrow(/encoding "x-unknown-950".*ASCII/);
  });

  it('lets the last of two equal keys count, and deletes both', () => {
    const file = Dictionary.parse(bytes('a = "1"\nA = "2"\n'));
    expect(file.get('a')).toBe('2');
    file.delete('a');
    expect(file.bytes().toString()).toBe('');
  });

  it('is in the code page of the host when it says nothing and is no UTF-8', () => {
    const old = bytes('displayName = "Serveur \xe9t\xe9"\r\nannotation = "|E9"\r\n', 'latin1');
    const file = Dictionary.parse(old);
    expect([file.get('displayName'), file.get('annotation')]).toEqual(['Serveur été', 'é']);
    expect(Dictionary.parse(old, 'windows-1251').get('displayName')).toBe('Serveur йtй');
    file.set('annotation', 'thé');
    expect(file.bytes()).toEqual(bytes('displayName = "Serveur \xe9t\xe9"\r\nannotation = "th\xe9"\r\n', 'latin1'));
    file.set('annotation', '日本');
    expect(file.bytes().toString()).toBe(
      '.encoding = "UTF-8"\r\ndisplayName = "Serveur été"\r\nannotation = "日本"\r\n',
    );
  });

  it('declares its encoding when something is written that others would read in their code page', () => {
    const file = Dictionary.parse(bytes('displayName = "web"\n'));
    file.set('displayName', 'café');
    expect(file.bytes().toString()).toBe('.encoding = "UTF-8"\ndisplayName = "café"\n');
    const told = Dictionary.parse(bytes('displayName = "|E9"\n'));
    expect(told.get('displayName')).toBe('é');
  });

  it('replaces nothing that it cannot read', () => {
    for (const encoding of ['UTF-8', 'x-unknown']) {
      const old = bytes(`.encoding = "${encoding}"\ndisplayName = "a\xe9b"\nother = "|E9"\n`, 'latin1');
      const file = Dictionary.parse(old);
      expect([file.get('displayName'), file.get('other')]).toEqual(['a|E9b', '|E9']);
      expect(file.text()).not.toContain('\ufffd');
      file.set('memsize', '4');
      expect(file.bytes()).toEqual(Buffer.concat([old, bytes('memsize = "4"\n')]));
    }
  });

  it('knows truth and numbers in any spelling', () => {
    const file = Dictionary.parse(bytes('a = "True"\nb = "FALSE"\nc = " 12"\nd = "x"\n'));
    expect([file.isTrue('a'), file.isTrue('b'), file.isTrue('none')]).toEqual([true, false, false]);
    expect([file.number('c'), file.number('d'), file.number('none')]).toEqual([12, undefined, undefined]);
  });
});
