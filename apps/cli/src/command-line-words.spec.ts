import { describe, expect, it } from '@jest/globals';
import { readBashLine } from './command-line-words.ts';

const breaks = ' \t\n"\'@><=;|&(:';
const words = (line: string) => readBashLine(`polyvirt ${line}`, breaks).words;
const insert = (line: string, candidate: string) => readBashLine(`polyvirt ${line}`, breaks).insert(candidate);

describe('a command line that is typed in bash', () => {
  it.each([
    ['', ['']],
    ['vm sta', ['vm', 'sta']],
    ['vm start ', ['vm', 'start', '']],
    ['vm start web\\ 1', ['vm', 'start', 'web 1']],
    ['vm start "web 1" ', ['vm', 'start', 'web 1', '']],
    ['vm start "web', ['vm', 'start', 'web']],
    ['vm start \'a"b\\', ['vm', 'start', 'a"b\\']],
    ['vm start "" x', ['vm', 'start', '', 'x']],
    ['vm list --filter host=kvm', ['vm', 'list', '--filter', 'host=kvm']],
    ['context use 127.0.0.1:80', ['context', 'use', '127.0.0.1:80']],
    ['vm start $(reboot) ', ['vm', 'start', '$(reboot)', '']],
  ])('has in %j the words %j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  it.each([
    ['vm start we', 'web 1', 'web\\ 1'],
    ['vm start "we', 'web 1', 'web 1'],
    ['vm start "we', 'web "1"$', 'web \\"1\\"\\$'],
    ["vm start 'it", "it's", undefined],
    ['vm start ', '$(reboot)', '\\$\\(reboot\\)'],
    ['vm start ', '*', '\\*'],
    ['vm start ', '~root', '\\~root'],
    ['vm start ', 'größe', 'größe'],
    ['vm start ', 'kvm-local~4b2c', 'kvm-local~4b2c'],
    ['context use 127.0.0.1:80', '127.0.0.1:8080', '8080'],
    ['context use lab@', 'lab@home', 'home'],
    ['context use "127.0', '127.0.0.1:8080', '127.0.0.1:8080'],
  ])('takes at %j for %j the text %j', (line, candidate, expected) => {
    expect(insert(line, candidate)).toBe(expected);
  });
});
